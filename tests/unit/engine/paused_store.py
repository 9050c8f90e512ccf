"""A real store that lets a test do something in the middle of a deed."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from treehold.engine.context import Engine
from treehold.store.local import LocalStore


class PausedStore(LocalStore):
    """After each pack that it has kept, something happens."""

    meanwhile: Callable[[], Awaitable[object]]

    @classmethod
    def under(cls, engine: Engine, folder: Path) -> tuple[Engine, Self]:
        """The engine with such a store in place of its own in ``folder``, where every pack goes, and that store."""
        store = cls(folder, entropy=os.urandom)
        return replace(engine, store=store, limits=replace(engine.limits, inline_pack_bytes=0)), store

    async def put(self, key: str, source: bytes | Path) -> None:
        await super().put(key, source)
        if key.endswith(".pack"):
            await self.meanwhile()
