"""Tests of treehold.engine.refs."""

import pytest

from tests.unit.engine.pushed_repo import MAIN, TOPIC, Object, line, oid_of, tag, view
from treehold.catalog.base import Ref, RefChange
from treehold.engine.refs import STALE, Verdict, judge
from treehold.ids import ZERO_OID, ObjectId, ObjectKind, RefName
from treehold.protocol.receive_pack import RefCommand

OBJECTS = line(b"one", b"two")
ONE, TWO = OBJECTS[2], OBJECTS[5]
TAG = tag(TWO)
TAG_OF_TAG = tag(TAG, b"v2")
REPO = view([*OBJECTS, TAG, TAG_OF_TAG])
ABSENT = ObjectId(b"\xab" * 20)


def step(name: bytes, old: Object | None, new: Object | None, *, problem: str | None = None) -> RefCommand:
    before, after = (ZERO_OID if item is None else oid_of(item) for item in (old, new))
    return RefCommand(name, before, after, problem)


def weigh(
    *commands: RefCommand, refs: dict[RefName, Ref] | None = None, atomic: bool = False, refs_max: int = 100
) -> Verdict:
    return judge(commands, {MAIN: Ref(oid_of(ONE))} if refs is None else refs, REPO, atomic=atomic, refs_max=refs_max)


def test_a_ref_is_created_moved_and_deleted() -> None:
    """Each gives a change, and the refs afterwards show them all."""
    verdict = weigh(step(MAIN, ONE, TWO), step(TOPIC, None, ONE))
    assert verdict == Verdict(
        (None, None),
        (RefChange(MAIN, oid_of(ONE), Ref(oid_of(TWO))), RefChange(TOPIC, None, Ref(oid_of(ONE)))),
        {MAIN: Ref(oid_of(TWO)), TOPIC: Ref(oid_of(ONE))},
    )
    assert weigh(step(MAIN, ONE, None)) == Verdict((None,), (RefChange(MAIN, oid_of(ONE), None),), {})


def test_the_refs_it_was_given_stay_as_they_are() -> None:
    """The verdict has a copy."""
    refs = {MAIN: Ref(oid_of(ONE))}
    weigh(step(MAIN, ONE, None), refs=refs)
    assert refs == {MAIN: Ref(oid_of(ONE))}


@pytest.mark.parametrize(
    "command", [step(MAIN, TWO, ONE), step(MAIN, None, TWO), step(MAIN, TWO, None), step(TOPIC, ONE, TWO)]
)
def test_a_stale_old_value_is_refused(command: RefCommand) -> None:
    """What the client saw must be what is there, for creating, moving and deleting."""
    assert weigh(command) == Verdict((STALE,), (), {MAIN: Ref(oid_of(ONE))})


@pytest.mark.parametrize("command", [step(MAIN, ONE, ONE), step(TOPIC, None, None)])
def test_nothing_to_do_is_no_change(command: RefCommand) -> None:
    """An unchanged ref, and the deletion of one that is not there."""
    verdict = weigh(command)
    assert (verdict.reasons, verdict.changes) == ((None,), ())


def test_a_command_with_a_problem_is_refused_with_it() -> None:
    """Whatever the decoder found wrong is the answer."""
    assert weigh(step(b"bad name", None, ONE, problem="funny refname")).reasons == ("funny refname",)


def test_of_several_commands_each_is_judged_by_itself() -> None:
    """One that fails does not keep the others from being taken."""
    verdict = weigh(step(MAIN, TWO, ONE), step(TOPIC, None, ONE))
    assert verdict.reasons == (STALE, None)
    assert set(verdict.refs) == {MAIN, TOPIC}


def test_atomic_is_all_or_nothing() -> None:
    """One that fails fails all, and says so on all; if none fails all are taken."""
    verdict = weigh(step(MAIN, TWO, ONE), step(TOPIC, None, ONE), atomic=True)
    assert verdict == Verdict((STALE, "atomic push failed"), (), {MAIN: Ref(oid_of(ONE))})
    assert len(weigh(step(MAIN, ONE, TWO), step(TOPIC, None, ONE), atomic=True).changes) == 2


@pytest.mark.parametrize(
    ("there", "new"),
    [(b"refs/heads/a", b"refs/heads/a/b"), (b"refs/heads/a/b/c", b"refs/heads/a"), (b"refs/x", b"refs/x/y")],
)
def test_a_name_is_not_a_folder_too(there: bytes, new: bytes) -> None:
    """Neither beside a ref that exists nor beside one of the same push, whichever comes first."""
    reason = "another ref's name is a directory of this one, or the other way round"
    assert weigh(step(new, None, ONE), refs={RefName(there): Ref(oid_of(ONE))}).reasons == (reason,)
    assert weigh(step(there, None, ONE), step(new, None, ONE)).reasons == (None, reason)


def test_names_that_only_begin_alike_do_not_cross() -> None:
    """A slash makes the folder, and sorts after ``-`` and ``.``."""
    names = (b"refs/heads/a", b"refs/heads/a-b", b"refs/heads/a.b", b"refs/heads/ab/c", b"refs/heads/b/a")
    assert not any(weigh(*(step(name, None, ONE) for name in names)).reasons)


def test_a_delete_makes_room_in_the_same_push() -> None:
    """Deletes are weighed first, wherever they stand."""
    verdict = weigh(step(MAIN + b"/new", None, TWO), step(MAIN, ONE, None))
    assert verdict.reasons == (None, None)
    assert set(verdict.refs) == {MAIN + b"/new"}


def test_tags_know_what_they_peel_to() -> None:
    """Through any number of tags; what is no tag peels to nothing."""
    verdict = weigh(step(b"refs/tags/v2", None, TAG_OF_TAG), step(b"refs/tags/light", None, TWO))
    assert [change.new for change in verdict.changes] == [
        Ref(oid_of(TAG_OF_TAG), peeled=oid_of(TWO)),
        Ref(oid_of(TWO)),
    ]


@pytest.mark.parametrize("value", [TAG, OBJECTS[0], OBJECTS[1]], ids=["tag", "blob", "tree"])
def test_a_branch_is_a_commit_and_other_refs_are_anything(value: Object) -> None:
    """Only below refs/heads/ must it be a commit."""
    verdict = weigh(step(TOPIC, None, value), step(b"refs/notes/x", None, value))
    assert verdict.reasons == ("a branch must point at a commit", None)


def test_a_value_must_be_there() -> None:
    """An object that the repo may not see is missing, whoever stores it."""
    assert weigh(RefCommand(TOPIC, ZERO_OID, ABSENT)).reasons == ("missing necessary objects",)
    hidden = view(OBJECTS, visible=OBJECTS[:3])
    verdict = judge([step(TOPIC, None, TWO)], {}, hidden, atomic=False, refs_max=9)
    assert verdict.reasons == ("missing necessary objects",)


def test_refs_are_bounded() -> None:
    """A new ref beyond the bound is refused; moving and deleting are not, and a deletion makes room."""
    reason = "the repo has the most refs that it may have: 1"
    assert weigh(step(TOPIC, None, ONE), refs_max=1).reasons == (reason,)
    assert weigh(step(MAIN, ONE, TWO), refs_max=1).reasons == (None,)
    assert weigh(step(TOPIC, None, ONE), step(MAIN, ONE, None), refs_max=1).reasons == (None, None)


def test_a_blob_is_never_read_to_be_peeled() -> None:
    """It may be larger than memory."""

    asked: list[ObjectId] = []

    class KindsOnly:
        def kind(self, oid: ObjectId) -> ObjectKind:
            asked.append(oid)
            return ObjectKind.BLOB

        def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
            raise AssertionError(f"{oid!r} was read")

    verdict = judge([step(b"refs/x", None, OBJECTS[0])], {}, KindsOnly(), atomic=False, refs_max=9)
    assert verdict.reasons == (None,)
    assert set(asked) == {oid_of(OBJECTS[0])}
