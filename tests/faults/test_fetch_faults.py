"""Clients that leave in the middle of a fetch, that ask for far too much, and that all come at once."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.faults.watched import CLONE, Watched, ids, later, line, questions, side, tip, until
from tests.live_server import Git
from tests.wire.raw_fetch import FetchAnswer, ask
from tests.wire.raw_git import RawGit, blob, history, oid_of
from treehold.ids import ZERO_OID, ObjectId
from treehold.protocol import fetch, upload_pack
from treehold.protocol.command import CommandRequest, encode_command
from treehold.protocol.fetch_request import AckMode, FetchRequest

BRANCH = replace(CLONE, wants=(tip(),))
HAVES = 65_536
CLIENTS = 100


def unknown(count: int) -> tuple[ObjectId, ...]:
    """Ids of objects that nobody has."""
    return tuple(ObjectId(hashlib.sha1(b"%d" % number).digest()) for number in range(count))


def bytes_of(request: FetchRequest) -> int:
    """The larger of its bodies by protocol v0 and v2."""
    v2 = encode_command(CommandRequest(b"fetch", arguments=fetch.encode_arguments(request)))
    return max(len(v2), len(upload_pack.encode_request(request)))


def with_haves(count: int) -> FetchRequest:
    """Half of main is known to both, and all the rest of so many haves to nobody."""
    known = [oid_of(item) for item in line()[2 : len(line()) // 2 : 3]]
    return replace(BRANCH, haves=(*unknown(count - len(known)), *known), ack_mode=AckMode.DETAILED)


@pytest.fixture(scope="module")
def watched_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    limits = {
        "limits__native_processes": "1",
        "limits__request_bytes_max": str(bytes_of(with_haves(HAVES))),
    }
    with Watched.start(tmp_path_factory.mktemp("watched"), **limits) as watched:
        yield watched


@pytest.fixture
def watched(watched_server: Watched) -> Iterator[Watched]:
    """A server with nothing in its caches, one run of git at a time, and room for requests of 65,536 haves."""
    watched_server.forget()
    (watched_server.notes / "calls").unlink(missing_ok=True)
    yield watched_server
    until(watched_server.is_idle)


PLANS = {
    "whole": replace(CLONE, wants=(tip(), oid_of(side()[-1]))),
    "since": replace(BRANCH, haves=(oid_of(side()[-1]),), thin_pack=True),
    "walked": replace(BRANCH, haves=(oid_of(line()[-901]),)),
    "computed": BRANCH,
    "cached": BRANCH,
}


@pytest.mark.parametrize("plan", PLANS)
def test_a_client_that_leaves_in_the_middle_leaves_nothing(watched: Watched, plan: str) -> None:
    """Whichever way a pack is made, when its reader has gone no process, no file and no descriptor of it is left."""
    with watched.asking(PLANS[plan]) as patient:
        assert not patient.rest().error
    until(watched.is_idle)
    if plan != "cached":
        watched.forget()
    before = settled_descriptors(watched)
    with watched.holding("hold-cat-file"):
        for _ in range(3):
            with watched.holding("half-pack-objects"):
                with watched.asking(PLANS[plan]) as client:
                    assert client.begin() == plan or (plan == "walked" and client.begin() == "cached")
                until(lambda: not list((watched.cache / "answers").glob(".*")))
                until(lambda: plan == "walked" or not watched.children())
    until(watched.is_idle)
    until(lambda: watched.descriptors() <= before)


def settled_descriptors(watched: Watched) -> int:
    """How many the server has open when all connections of earlier requests are closed."""
    with watched.asking(replace(BRANCH, wants=unknown(1))) as client:
        assert "not our ref" in client.rest().error
    until(lambda: watched.connections() == 0)
    return watched.descriptors()


def test_a_client_that_leaves_the_queue_is_not_served(watched: Watched) -> None:
    """Who leaves while waiting for a turn of C Git costs none, and who waits behind is served."""
    with watched.asking(questions()["commits"].request) as first:
        with watched.holding("hold-pack-objects"):
            until(lambda: watched.calls("pack-objects") == 1)
            with watched.asking(BRANCH), watched.asking(questions()["files"].request):
                until(lambda: len(watched.files("answers")) == 3)
            until(lambda: len(watched.files("answers")) == 1)
        assert first.rest().oids() == questions()["commits"].expected
    until(watched.is_idle)
    assert watched.calls("pack-objects") == 1


def test_a_client_that_leaves_while_its_boundary_is_computed(watched: Watched) -> None:
    """A run of git that finds out where a shallow history ends is over when nobody waits for it."""
    with watched.holding("hold-rev-list"):
        with watched.asking(replace(BRANCH, deepen_since=1)):
            until(lambda: watched.calls("rev-list"))
            assert watched.children()
        until(watched.is_idle)


def test_others_get_what_one_has_left(watched: Watched) -> None:
    """When the client that a computation was begun for leaves, those who joined it get it all, from the same run."""
    with watched.holding("half-pack-objects"), watched.asking(BRANCH) as first, watched.asking(BRANCH) as second:
        assert {first.begin(), second.begin()} == {"computed", "cached"}
        first.leave()
        until(lambda: watched.connections() == 1)
        watched.let_go("half-pack-objects")
        answer = second.rest()
    assert answer.oids() == questions()["branch"].expected
    assert watched.calls("pack-objects") == 1


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("count", [10_000, HAVES])
def test_very_many_haves(watched: Watched, version: int, count: int) -> None:
    """Up to as many haves as a request can hold are looked through, and the known ones among them count."""
    request = with_haves(count)
    expected = ids([*line()[len(line()) // 2 :], *later()])
    answer = ask(watched.raw, request, version=version)
    assert (answer.status, answer.error) == (200, "")
    assert answer.oids() == expected
    if version == 0:
        assert answer.acknowledged() <= set(request.haves) & ids(line())
    still_asking = ask(watched.raw, replace(request, done=False, has_negotiated=True), version=version)
    assert still_asking.acknowledged() == set(request.haves) & ids(line())


@pytest.mark.parametrize("version", [0, 2])
def test_one_have_too_many(watched: Watched, version: int) -> None:
    """Beyond the limit the client is told which limit that is, and gets nothing else."""
    answer = ask(watched.raw, with_haves(HAVES + 100), version=version)
    bytes_max = bytes_of(with_haves(HAVES))
    assert answer == FetchAnswer(200, None, answer.lines, b"", f"the request is larger than {bytes_max} bytes")
    assert len(answer.lines) == 1


@pytest.mark.parametrize("version", [0, 1, 2])
def test_the_same_want_again_and_again(watched: Watched, version: int) -> None:
    """A want that comes ten thousand times is one want."""
    commits = questions()["commits"]
    answer = ask(watched.raw, replace(commits.request, wants=(tip(),) * 10_000), version=version)
    assert answer.oids() == commits.expected


@pytest.mark.parametrize("version", [0, 1, 2])
def test_what_may_not_be_seen_beside_what_may(watched: Watched, version: int) -> None:
    """One want that is unreachable, another repo's or nobody's, and there is neither a pack nor a word of haves."""
    fork, _ = watched.server.fork(watched.raw.repo.name, f"fork-{uuid4().hex[:8]}")
    raw = RawGit(watched.server, fork)
    lost, foreign = history(b"lost"), history(b"foreign", b"foreign, too")
    raw.create(lost, b"refs/heads/lost")
    assert raw.push([(oid_of(lost[-1]), ZERO_OID, b"refs/heads/lost")]).refs == {b"refs/heads/lost": None}
    other = RawGit(watched.server, watched.server.create(f"other-{uuid4().hex[:8]}"))
    other.create(foreign)
    for hidden in (*lost, *foreign, blob(b"nobody's")):
        request = replace(BRANCH, wants=(tip(), oid_of(hidden)), haves=(oid_of(line()[-1]),))
        answer = ask(raw, request, version=version)
        said = f"upload-pack: not our ref {oid_of(hidden).hex()}"
        assert answer == FetchAnswer(200, None, (f"ERR {said}".encode(),), b"", said)
    had = tuple(ids([*lost, *foreign]))
    asking = replace(
        BRANCH, haves=(*had, oid_of(line()[-1])), done=False, has_negotiated=True, ack_mode=AckMode.DETAILED
    )
    assert ask(raw, asking, version=version).acknowledged() == {oid_of(line()[-1])}
    assert not ask(raw, replace(BRANCH, haves=had), version=version).oids() & {*had}


def test_a_hundred_shallow_clones_at_once(watched: Watched) -> None:
    """A hundred clients that ask for the same get the same from one run, though one of them hardly reads."""
    shallow = replace(BRANCH, deepen=200)
    before = settled_descriptors(watched)
    with watched.asking(shallow) as slow, ThreadPoolExecutor(CLIENTS) as pool:
        with watched.holding("hold-pack-objects"):
            others = [pool.submit(ask, watched.raw, shallow) for _ in range(CLIENTS - 1)]
            until(lambda: watched.descriptors() >= before + CLIENTS)
            until(lambda: watched.calls("pack-objects"))
        assert slow.begin() == "computed"
        answers = {other.result() for other in others}
        packs = {answer.pack for answer in answers}
        assert packs == {slow.rest().pack}
    assert {answer.error for answer in answers} == {""}
    assert answers.pop().oids() == ids([*line()[-199 * 3 :], *later()])
    assert watched.calls("pack-objects") == 1
    repo = watched.raw.repo
    Git(watched.notes, repo.token)("clone", "-q", "--depth=200", repo.remote, "clone")
    Git(watched.notes / "clone").fsck()
