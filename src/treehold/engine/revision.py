"""Which commit a program means by ``ref=``: a branch, a tag, a full ref name, HEAD, a commit's id or its beginning."""

import re
from typing import Final

from treehold.catalog.base import Ref, RepoState
from treehold.engine.advertise import HEAD, head_target
from treehold.engine.history import peel_to_commit
from treehold.engine.view import RepoView
from treehold.errors import MalformedObject, NotFound
from treehold.ids import TAGS, ObjectId, ObjectKind, RefName

_HEX: Final = re.compile(rb"[0-9a-fA-F]{4,40}")
_HEX_DIGITS: Final = 40
_PLACES: Final = (b"", b"refs/", TAGS, b"refs/heads/", b"refs/remotes/")
"""Where git looks for a short name, in this order."""


def find_commit(view: RepoView, name: bytes) -> ObjectId | None:
    """The commit that a name means, tags peeled; None when it means none that may be seen.

    As in git, 40 hex digits are an id even if a ref has that name, and fewer are one only if no ref has it and no
    other commit or tag begins so.
    """
    if _HEX.fullmatch(name):
        if len(name) == _HEX_DIGITS:
            return _commit_at(view, ObjectId(bytes.fromhex(name.decode("ascii"))))
        ref = find_ref(view.state, name)
        return _commit_at(view, ref.oid) if ref else _abbreviated(view, name.decode("ascii"))
    ref = find_ref(view.state, name)
    return _commit_at(view, ref.oid) if ref else None


def find_ref(state: RepoState, name: bytes) -> Ref | None:
    """The ref of a full or short name, in the order in which git tries them; None when there is none."""
    if name == HEAD:
        return state.refs.get(head_target(state.repo.default_branch, state.refs))
    places = (state.refs.get(RefName(place + name)) for place in _PLACES)
    return next((ref for ref in places if ref is not None), None)


def _commit_at(view: RepoView, oid: ObjectId) -> ObjectId | None:
    try:
        return peel_to_commit(view, oid)
    except (NotFound, MalformedObject):
        return None


def _abbreviated(view: RepoView, digits: str) -> ObjectId | None:
    low, high = (ObjectId(bytes.fromhex(digits.ljust(_HEX_DIGITS, fill))) for fill in "0f")
    named = (
        oid
        for oid in view.stored.between(low, high)
        if oid in view and view.kind(oid) in {ObjectKind.COMMIT, ObjectKind.TAG}
    )
    commits = [commit for commit in (_commit_at(view, oid) for oid in named) if commit is not None]
    return commits[0] if len(commits) == 1 else None
