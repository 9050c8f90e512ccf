"""What a repo says of itself: its refs and what the server can do."""

from collections.abc import Mapping, Sequence
from typing import Final

from treehold.catalog.base import Ref, RepoState
from treehold.ids import HEADS, RefName, branch_ref
from treehold.protocol.advertisement import AdvertisedRef

AGENT: Final = b"agent=treehold"
HEAD: Final = b"HEAD"

UPLOAD_PACK_CAPABILITIES: Final[Sequence[bytes]] = (
    b"multi_ack",
    b"thin-pack",
    b"side-band",
    b"side-band-64k",
    b"ofs-delta",
    b"shallow",
    b"deepen-since",
    b"deepen-not",
    b"deepen-relative",
    b"no-progress",
    b"include-tag",
    b"multi_ack_detailed",
    b"allow-tip-sha1-in-want",
    b"allow-reachable-sha1-in-want",
    b"no-done",
    b"filter",
    b"object-format=sha1",
    AGENT,
)
RECEIVE_PACK_CAPABILITIES: Final[Sequence[bytes]] = (
    b"report-status",
    b"report-status-v2",
    b"delete-refs",
    b"side-band-64k",
    b"quiet",
    b"atomic",
    b"ofs-delta",
    b"push-options",
    b"object-format=sha1",
    AGENT,
)
V2_CAPABILITIES: Final[Sequence[bytes]] = (
    AGENT,
    b"ls-refs=unborn",
    b"fetch=shallow wait-for-done filter ref-in-want sideband-all",
    b"server-option",
    b"object-format=sha1",
    b"object-info",
)


def head_target(default_branch: str, refs: Mapping[RefName, Ref]) -> RefName:
    """The branch that HEAD stands for: the default branch, or the only branch while that is unborn."""
    default = branch_ref(default_branch)
    if default in refs:
        return default
    branches = [name for name in refs if name.startswith(HEADS)]
    return branches[0] if len(branches) == 1 else default


def advertised_refs(state: RepoState) -> list[AdvertisedRef]:
    """HEAD first if its branch is born, then every ref by name."""
    target = head_target(state.repo.default_branch, state.refs)
    rows = [AdvertisedRef(name, ref.oid, ref.peeled) for name, ref in sorted(state.refs.items())]
    if target in state.refs:
        rows.insert(0, AdvertisedRef(HEAD, state.refs[target].oid, None, symref_target=target))
    return rows
