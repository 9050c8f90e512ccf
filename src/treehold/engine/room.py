"""How much more a repo and its account may keep.

What is kept is counted when a push commits, so pushes that race may go beyond a limit together: by no more than what
was under way when it was reached. Maintenance is never refused, and neither is what brings no object: a fork, a
deletion, a new branch on an old commit.
"""

import sys
from dataclasses import dataclass
from typing import Final

from treehold.engine.context import Engine
from treehold.errors import StorageLimitReached
from treehold.ids import AccountId
from treehold.packs.entry import PACK_HEADER_BYTES, PACK_TRAILER_BYTES

_EMPTY_PACK_BYTES: Final = PACK_HEADER_BYTES + PACK_TRAILER_BYTES


@dataclass(frozen=True, slots=True)
class Room:
    """The bytes of packs for which there is room, and what is wrong with more."""

    bytes_left: int
    refusal: str

    def check(self, pack_bytes: int) -> None:
        """Refuse a pack for which there is no room; raises StorageLimitReached. One without objects needs none."""
        if pack_bytes > self.bytes_left and pack_bytes > _EMPTY_PACK_BYTES:
            raise StorageLimitReached(self.refusal)


_ENDLESS: Final = Room(sys.maxsize, "")


async def find_room(engine: Engine, account: AccountId, *, repo_bytes: int) -> Room:
    """The room for a repo that has so many bytes of packs, in its account; raises CatalogError."""
    limits, rooms = engine.limits, [_ENDLESS]
    if most := limits.repo_bytes_max:
        rooms.append(Room(most - repo_bytes, f"the repo would be larger than {most} bytes, its storage limit"))
    if most := limits.account_bytes_max:
        left = most - await engine.catalog.stored_bytes(account)
        rooms.append(Room(left, f"the account would keep more than {most} bytes, its storage limit"))
    return min(rooms, key=lambda room: room.bytes_left)


async def check_any_room(engine: Engine, account: AccountId) -> None:
    """Refuse to begin what could not be kept in a new repo, however small; raises StorageLimitReached."""
    room = await find_room(engine, account, repo_bytes=0)
    room.check(_EMPTY_PACK_BYTES + 1)
