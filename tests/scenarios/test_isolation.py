"""Nobody is given an object that no ref of the repo reaches, whichever way it is asked for.

The packs of all these repos hold more than their refs reach: each repo has foreign objects within its reach on disk.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live_server import Git, LiveServer
from tests.properties.pack_strategies import PackWriter, encode_delta
from tests.wire.raw_fetch import SIDE_BAND_64K_BYTES, FetchAnswer, ask, sizes
from tests.wire.raw_git import MAIN, Object, RawGit, blob, commit, history, oid_of, pack_of, tree
from treehold.ids import ZERO_OID, ObjectId, ObjectKind
from treehold.objects.tag import Tag, encode_tag
from treehold.protocol.fetch_request import INFINITE_DEPTH, AckMode, FetchRequest
from treehold.protocol.filter_spec import FilterSpec

SECRET = b"refs/heads/secret"
OWN = history(b"one\n" * 20, b"two\n" * 20)
FOREIGN_BLOB = blob(b"a secret that nobody else may see\n" * 20)
FOREIGN_TREE = tree({b"secret": FOREIGN_BLOB})
FOREIGN_COMMIT = commit(FOREIGN_TREE, OWN[2], message=b"Secret\n")
FOREIGN_TAG: Object = (
    ObjectKind.TAG,
    encode_tag(Tag(oid_of(FOREIGN_COMMIT), ObjectKind.COMMIT, b"secret", None, b"Tagged\n")),
)
FOREIGN = (FOREIGN_BLOB, FOREIGN_TREE, FOREIGN_COMMIT, FOREIGN_TAG)
FOREIGN_IDS = {oid_of(item) for item in FOREIGN}
TIP = oid_of(OWN[-1])
FETCH = FetchRequest(
    done=True, ofs_delta=True, thin_pack=True, side_band=SIDE_BAND_64K_BYTES, ack_mode=AckMode.DETAILED
)


@dataclass(frozen=True)
class Sealed:
    """A repo that must not give out the foreign objects, and the parent or fork that still does, if there is one."""

    raw: RawGit
    open: RawGit | None


def fresh_name() -> str:
    return f"iso-{uuid4().hex[:12]}"


def full_repo(server: LiveServer) -> RawGit:
    """A repo with a main branch, and a secret branch and tag beside it."""
    raw = RawGit(server, server.create(fresh_name()))
    raw.create(OWN)
    outcome = raw.push(
        [(ZERO_OID, oid_of(FOREIGN_COMMIT), SECRET), (ZERO_OID, oid_of(FOREIGN_TAG), b"refs/tags/secret")],
        pack_of(*FOREIGN),
    )
    assert set(outcome.refs.values()) == {None}
    return raw


def forked(server: LiveServer, parent: RawGit, **fields: object) -> RawGit:
    repo, _ = server.fork(parent.repo.name, fresh_name(), **fields)
    return RawGit(server, repo)


def delete_secret(raw: RawGit) -> None:
    steps = [(oid_of(FOREIGN_COMMIT), ZERO_OID, SECRET), (oid_of(FOREIGN_TAG), ZERO_OID, b"refs/tags/secret")]
    assert set(raw.push(steps).refs.values()) == {None}


def partial_fork(server: LiveServer) -> Sealed:
    parent = full_repo(server)
    return Sealed(forked(server, parent, default_branch_only=True), parent)


def after_delete(server: LiveServer) -> Sealed:
    raw = full_repo(server)
    early = forked(server, raw)
    delete_secret(raw)
    return Sealed(raw, early)


def after_forced_push(server: LiveServer) -> Sealed:
    """The secret branch is forced to another commit, its tag deleted."""
    raw = full_repo(server)
    early = forked(server, raw)
    delete_tag = (oid_of(FOREIGN_TAG), ZERO_OID, b"refs/tags/secret")
    assert set(raw.push([(oid_of(FOREIGN_COMMIT), TIP, SECRET), delete_tag], pack_of()).refs.values()) == {None}
    return Sealed(raw, early)


def fork_after_delete(server: LiveServer) -> Sealed:
    """A fork of all refs of a repo that has lost some."""
    raw = full_repo(server)
    delete_secret(raw)
    return Sealed(forked(server, raw), None)


def partial_fork_pushed_to(server: LiveServer) -> Sealed:
    """A fork of one branch that has been pushed to since, and whose parent is gone."""
    parent = full_repo(server)
    fork = forked(server, parent, default_branch_only=True)
    side = history(b"side\n")
    assert fork.push([(ZERO_OID, oid_of(side[-1]), b"refs/heads/side")], pack_of(*side)).unpack == "ok"
    assert fork.push([(oid_of(side[-1]), ZERO_OID, b"refs/heads/side")]).unpack == "ok"
    server.result("DELETE", f"/repos/{parent.repo.name}")
    return Sealed(fork, None)


WAYS: tuple[Callable[[LiveServer], Sealed], ...] = (
    partial_fork,
    after_delete,
    after_forced_push,
    fork_after_delete,
    partial_fork_pushed_to,
)


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.__name__)
def sealed(request: pytest.FixtureRequest, server: LiveServer) -> Sealed:
    """A repo whose packs hold the foreign objects and whose refs do not reach them; no test changes its refs."""
    way: Callable[[LiveServer], Sealed] = request.param
    return way(server)


def refused(answer: FetchAnswer) -> bool:
    return bool(answer.error) and not answer.pack


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_a_clone_brings_what_is_reachable_and_nothing_else(sealed: Sealed, tmp_path: Path, protocol: int) -> None:
    """Mirrors by any protocol version, whole, cut or filtered, hold the branch's objects and no foreign one."""
    git = Git(tmp_path, sealed.raw.repo.token)
    for number, options in enumerate(((), ("--depth=1",), ("--filter=blob:none",))):
        git("clone", "-q", "--mirror", *options, sealed.raw.url, str(number), protocol=protocol)
        clone = git.at(str(number))
        clone("fsck", "--connectivity-only")
        expected = {oid_of(item).hex() for item in OWN}
        objects = clone.objects()
        assert objects == expected if not options else objects < expected


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("item", FOREIGN, ids=lambda item: item[0].name.lower())
def test_a_foreign_id_cannot_be_wanted(sealed: Sealed, item: Object, version: int) -> None:
    """A want of a foreign commit, tree, file or tag is refused like any unknown id, alone and beside a good one."""
    oid = oid_of(item)
    unknown = ObjectId(b"\xee" * 20)
    for variant in (
        FETCH,
        replace(FETCH, deepen=1),
        replace(FETCH, filter=FilterSpec(b"blob:none")),
        replace(FETCH, haves=(TIP,)),
        replace(FETCH, shallow=frozenset({oid})),
        replace(FETCH, deepen_since=1),
    ):
        for wants in ((oid,), (TIP, oid)):
            answer = ask(sealed.raw, replace(variant, wants=wants), version=version)
            assert refused(answer)
            same = ask(sealed.raw, replace(variant, wants=tuple(unknown if w == oid else w for w in wants)))
            assert answer.error.replace(oid.hex(), "") == same.error.replace(unknown.hex(), "")


@pytest.mark.parametrize("version", [0, 2])
def test_foreign_haves_are_not_acknowledged(sealed: Sealed, version: int) -> None:
    """A client that says it has foreign objects is not told that the server has them too, whether it is done or not."""
    haves = (*FOREIGN_IDS, oid_of(OWN[2]))
    for done in (False, True):
        request = replace(FETCH, wants=(TIP,), haves=haves, done=done, has_negotiated=True)
        answer = ask(sealed.raw, request, version=version)
        assert answer.acknowledged() <= {oid_of(OWN[2])}
        assert not answer.error
        alone = ask(sealed.raw, replace(request, haves=tuple(FOREIGN_IDS)), version=version)
        assert not alone.acknowledged()


def test_foreign_haves_take_nothing_out_of_a_pack(sealed: Sealed) -> None:
    """The pack for a client that says it has foreign objects is complete without them."""
    answer = ask(sealed.raw, replace(FETCH, wants=(TIP,), haves=tuple(FOREIGN_IDS)))
    assert answer.oids() == {oid_of(item) for item in OWN}


def test_shallow_foreign_commits_change_nothing(sealed: Sealed) -> None:
    """A client that says its history ends at a foreign commit learns nothing by deepening from there."""
    ends = frozenset({oid_of(FOREIGN_COMMIT), oid_of(FOREIGN_TREE)})
    for changes in (
        {"deepen": 1, "deepen_relative": True},
        {"deepen": INFINITE_DEPTH},
        {"deepen": 5},
        {"deepen_since": 1},
    ):
        for version in (0, 2):
            answer = ask(sealed.raw, replace(FETCH, wants=(TIP,), shallow=ends, **changes), version=version)  # type: ignore[arg-type]
            assert not answer.error
            assert not any(oid.hex().encode() in line for oid in FOREIGN_IDS for line in answer.lines)
            assert not answer.oids() & FOREIGN_IDS


def test_sizes_of_foreign_objects_are_not_told(sealed: Sealed) -> None:
    """object-info tells the sizes of the repo's own objects and nothing of foreign or unknown ones."""
    own = {oid_of(item): len(item[1]) for item in OWN}
    assert sizes(sealed.raw, *own) == own
    assert sizes(sealed.raw, *FOREIGN_IDS) == dict.fromkeys(FOREIGN_IDS)


def test_foreign_refs_cannot_be_named(sealed: Sealed) -> None:
    """A ref of the parent is unknown, as a wanted ref and as the bound of a cut."""
    tag = b"refs/tags/secret"
    assert refused(ask(sealed.raw, FetchRequest(want_refs=(tag,), done=True)))  # type: ignore[arg-type]
    answer = ask(sealed.raw, replace(FETCH, wants=(TIP,), deepen_not=(b"secret/other",)))
    assert refused(answer)
    assert b"refs/tags/secret" not in sealed.raw.refs()


@pytest.mark.parametrize("item", FOREIGN, ids=lambda item: item[0].name.lower())
def test_a_ref_cannot_be_set_to_a_foreign_id(sealed: Sealed, item: Object) -> None:
    """Creating or moving a ref to a foreign object fails, with an empty pack or with one of other objects."""
    before = sealed.raw.refs()
    for name, old in ((b"refs/heads/thief", ZERO_OID), (b"refs/tags/thief", ZERO_OID), (MAIN, TIP)):
        for pack in (pack_of(), pack_of(blob(b"something else"))):
            outcome = sealed.raw.push([(old, oid_of(item), name)], pack)
            assert outcome.refs[name]
    assert sealed.raw.refs() == before


THEFTS: dict[str, tuple[Object, ...]] = {
    "a commit of a foreign tree": (commit(oid_of(FOREIGN_TREE), oid_of(OWN[-1])),),
    "a child of a foreign commit": (commit(oid_of(OWN[-2]), oid_of(FOREIGN_COMMIT)),),
    "a tree of a foreign file": (tree({b"a": FOREIGN_BLOB}), commit(oid_of(tree({b"a": FOREIGN_BLOB})), TIP)),
    "a tag of a foreign commit": (
        (
            ObjectKind.TAG,
            encode_tag(Tag(oid_of(FOREIGN_COMMIT), ObjectKind.COMMIT, b"thief", None, b"Mine now\n")),
        ),
    ),
}


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("theft", THEFTS)
def test_nothing_that_names_a_foreign_object_can_be_pushed(sealed: Sealed, theft: str, size: str) -> None:
    """A pushed object may refer to what is pushed with it or reachable here, in packs of either kind of intake."""
    objects = THEFTS[theft]
    padding = [blob(b"padding %d" % number) for number in range(1_100 if size == "large" else 1)]
    name = b"refs/tags/thief"
    before = sealed.raw.refs()
    outcome = sealed.raw.push([(ZERO_OID, oid_of(objects[-1]), name)], pack_of(*padding, *objects))
    assert outcome.unpack != "ok"
    assert outcome.refs[name]
    assert sealed.raw.refs() == before
    assert sizes(sealed.raw, *FOREIGN_IDS) == dict.fromkeys(FOREIGN_IDS)


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_delta_of_a_foreign_object_cannot_be_pushed(sealed: Sealed, size: str) -> None:
    """A delta could copy the secret: its base must be pushed with it or reachable here."""
    writer = PackWriter()
    for number in range(1_100 if size == "large" else 1):
        writer.add(*blob(b"padding %d" % number))
    copied = FOREIGN_BLOB[1] + b"and mine\n"
    writer.ref(oid_of(FOREIGN_BLOB), encode_delta(FOREIGN_BLOB[1], copied))
    top = tree({b"stolen": blob(copied)})
    writer.add(*top)
    writer.add(*commit(top))
    outcome = sealed.raw.push([(ZERO_OID, oid_of(commit(top)), b"refs/heads/thief")], writer.pack())
    assert outcome.unpack != "ok"
    assert outcome.refs == {b"refs/heads/thief": "unpacker error"}


def test_who_may_see_them_still_does(sealed: Sealed, tmp_path: Path) -> None:
    """The parent, or the fork made before the objects were given up, serves them as ever."""
    if sealed.open is None:
        pytest.skip("nobody has them any more")
    for version in (0, 2):
        for oid in FOREIGN_IDS:
            assert oid in ask(sealed.open, replace(FETCH, wants=(oid,)), version=version).oids()
    Git(tmp_path, sealed.open.repo.token)("clone", "-q", "--mirror", sealed.open.url, "clone")
    clone = Git(tmp_path / "clone")
    clone.fsck()
    assert clone.objects() == {oid_of(item).hex() for item in (*OWN, *FOREIGN)}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_pushing_the_very_objects_makes_them_ones_own(server: LiveServer, way: Callable[[LiveServer], Sealed]) -> None:
    """Who has a foreign object by other means may push it, and has it then; what was not pushed stays foreign."""
    raw = way(server).raw
    top = commit(FOREIGN_TREE, OWN[-1], message=b"Mine\n")
    outcome = raw.push([(TIP, oid_of(top), MAIN)], pack_of(FOREIGN_BLOB, FOREIGN_TREE, top))
    assert outcome.refs == {MAIN: None}
    answer = ask(raw, replace(FETCH, wants=(oid_of(top),)))
    assert answer.oids() == {oid_of(item) for item in (*OWN, FOREIGN_BLOB, FOREIGN_TREE, top)}
    for item in (FOREIGN_COMMIT, FOREIGN_TAG):
        assert refused(ask(raw, replace(FETCH, wants=(oid_of(item),))))


def test_a_deleted_repo_is_gone_and_its_fork_is_not(server: LiveServer, tmp_path: Path) -> None:
    """Once a repo is deleted its tokens open nothing, while its fork serves every object that they shared."""
    parent = full_repo(server)
    another = server.token(parent.repo.name, scope="read")
    fork = forked(server, parent)
    server.result("DELETE", f"/repos/{parent.repo.name}")
    for token in (parent.repo.token, another):
        said = Git(tmp_path, token).fails("ls-remote", parent.url)
        assert "403" in said
        assert "Invalid or expired token" in said
        assert "403" in Git(tmp_path, token).fails("ls-remote", fork.url)
    Git(tmp_path, fork.repo.token)("clone", "-q", "--mirror", fork.url, "clone")
    clone = Git(tmp_path / "clone")
    clone.fsck()
    assert clone.objects() == {oid_of(item).hex() for item in (*OWN, *FOREIGN)}
    again = server.create(parent.repo.name)
    assert RawGit(server, again).refs() == {}
    assert refused(ask(RawGit(server, again), replace(FETCH, wants=(TIP,))))
