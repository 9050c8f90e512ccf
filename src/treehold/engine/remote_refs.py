"""What a remote has: its branches and tags, and which branch its HEAD stands for, as ``git ls-remote`` lists them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from treehold.engine.repos import DEFAULT_BRANCH
from treehold.errors import InvalidInput, InvalidRefName, LimitExceeded, MalformedObjectId, NotARepository
from treehold.ids import HEADS, TAGS, ObjectId, RefName, branch_ref, parse_oid, parse_ref_name

_SYMREF: Final = b"ref: "


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """Branches and tags, and where HEAD leads: to a branch by name, if the remote tells, and to an object."""

    refs: Mapping[RefName, ObjectId]
    head_branch: RefName | None = None
    head: ObjectId | None = None

    def only(self, branch: str) -> "RemoteRefs":
        """That branch alone; raises InvalidInput when there is none of the name."""
        try:
            name = branch_ref(branch)
        except (InvalidRefName, UnicodeEncodeError):
            raise InvalidInput(f"not a valid branch name: {branch[:80]!r}", "/branch") from None
        if name not in self.refs:
            raise InvalidInput(f"the remote has no branch {branch[:80]!r}", "/branch")
        return RemoteRefs({name: self.refs[name]}, head_branch=name)

    def only_head(self) -> "RemoteRefs":
        """HEAD's branch alone, or nothing of an empty remote; raises InvalidInput when HEAD is no branch."""
        if not self.refs:
            return self
        name = self._head_name()
        if name is None or name not in self.refs:
            raise InvalidInput("the remote's HEAD is not one of its branches: name the branch to import", "/branch")
        return RemoteRefs({name: self.refs[name]}, head_branch=name)

    def default_branch(self) -> str:
        """HEAD's branch; where HEAD is detached, a branch at the same commit; else the usual one."""
        try:
            return (self._head_name() or b"").removeprefix(HEADS).decode() or DEFAULT_BRANCH
        except UnicodeDecodeError:  # such a branch is imported, but nobody could name it over REST
            return DEFAULT_BRANCH

    def _head_name(self) -> RefName | None:
        return self.head_branch or next((name for name in sorted(self.refs) if self._is_head(name)), None)

    def _is_head(self, name: RefName) -> bool:
        return name.startswith(HEADS) and self.refs[name] == self.head


def parse_remote_refs(listing: bytes, *, refs_max: int) -> RemoteRefs:
    """Read what ``git ls-remote --symref`` prints; raises NotARepository, LimitExceeded."""
    refs: dict[RefName, ObjectId] = {}
    head_branch, head = None, None
    for line in listing.splitlines():
        value, _, name = line.partition(b"\t")
        if name == b"HEAD" and value.startswith(_SYMREF + HEADS):
            head_branch = _ref_name(value.removeprefix(_SYMREF))
        elif name == b"HEAD" and not value.startswith(_SYMREF):
            head = _oid(value)
        elif name.startswith((HEADS, TAGS)) and not name.endswith(b"^{}") and not value.startswith(_SYMREF):
            refs[_ref_name(name)] = _oid(value)
            if len(refs) > refs_max:
                raise LimitExceeded(f"the remote has more than {refs_max} branches and tags")
    return RemoteRefs(refs, head_branch, head)


def _oid(text: bytes) -> ObjectId:
    try:
        return parse_oid(text)
    except MalformedObjectId:
        raise NotARepository("the remote does not name its objects by SHA-1", "/url") from None


def _ref_name(name: bytes) -> RefName:
    try:
        return parse_ref_name(name)
    except InvalidRefName:
        raise NotARepository("the remote has a ref whose name Git does not allow", "/url") from None
