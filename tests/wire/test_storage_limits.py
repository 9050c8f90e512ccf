"""What a repo and an account may keep: beyond it nothing is kept, and whoever pushed reads why."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live_server import Git, LiveServer, new_git
from tests.scenarios.test_commands import treehold
from tests.wire.raw_git import (
    EMPTY_PACK,
    MAIN,
    MemoryMeter,
    Object,
    RawGit,
    connection,
    head_of_push,
    history,
    oid_of,
    pack_of,
    read_outcome,
    request_head,
    scratch,
)
from treehold.ids import ZERO_OID

KIB = 1 << 10
MIB = 1 << 20
REPO_MAX = 2 * MIB
ACCOUNT_MAX = 5 * MIB
REPO_FULL = f"the repo would be larger than {REPO_MAX} bytes, its storage limit"
ACCOUNT_FULL = f"the account would keep more than {ACCOUNT_MAX} bytes, its storage limit"
NEW = b"refs/heads/new"


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with a low limit for a repo and none for an account."""
    settings = {"TREEHOLD_LIMITS__REPO_BYTES_MAX": str(REPO_MAX), "TREEHOLD_LIMITS__ACCOUNT_BYTES_MAX": "0"}
    with LiveServer(tmp_path_factory.mktemp("bounded") / "data", settings=settings) as server:
        yield server


@pytest.fixture
def raw(bounded: LiveServer) -> RawGit:
    """A client of a repo that is three quarters full."""
    client = RawGit(bounded, bounded.create(f"repo-{uuid4().hex[:12]}"))
    client.create(filling(1536 * KIB))
    return client


@pytest.fixture
def clone(raw: RawGit, tmp_path: Path) -> Git:
    """A clone of that repo."""
    Git(tmp_path, raw.repo.token)("clone", "-q", raw.repo.remote, "clone")
    return Git(tmp_path / "clone", raw.repo.token)


def filling(size_bytes: int) -> list[Object]:
    """A commit whose file no pack can make smaller."""
    return history(b"what cannot be packed\n" + os.urandom(size_bytes))


def head_for(objects: list[Object], name: bytes = NEW) -> bytes:
    return head_of_push([(ZERO_OID, oid_of(objects[-1]), name)])


@pytest.mark.parametrize("size_bytes", [700 * KIB, 3 * MIB, 40 * MIB])
def test_git_shows_which_limit_was_reached(raw: RawGit, clone: Git, size_bytes: int) -> None:
    """Whether git sends the pack in one piece or in chunks, its user reads the limit, and nothing is kept."""
    before, meter = raw.kept(), MemoryMeter(raw.server)
    clone.commit({"large": os.urandom(size_bytes)})
    said = clone.fails("push", "origin", "main")
    assert f"remote unpack failed: {REPO_FULL}" in said
    assert "[remote rejected] main -> main (unpacker error)" in said
    assert raw.kept() == before
    assert not scratch(raw.server)
    assert meter.risen() < 20 * MIB


def test_what_fits_still_comes_in(raw: RawGit, clone: Git) -> None:
    """A push that is refused does not keep a smaller one out."""
    clone.commit({"large": os.urandom(MIB)})
    clone.fails("push", "origin", "main")
    clone("reset", "-q", "--hard", "HEAD^")
    tip = clone.commit({"small": "small\n"})
    clone("push", "-q", "origin", "main")
    assert raw.refs()[MAIN].hex() == tip


def test_a_full_repo_takes_what_needs_no_room(bounded: LiveServer, tmp_path: Path) -> None:
    """Branches on old commits, deletions, and pushes that change nothing go through; a fork and a clone as well."""
    full = RawGit(bounded, bounded.create(f"repo-{uuid4().hex[:12]}"))
    objects = filling(REPO_MAX - 1 * KIB)
    full.create(objects)
    tip = oid_of(objects[-1])
    assert full.push([(ZERO_OID, tip, NEW)], EMPTY_PACK).unpack == "ok"
    assert full.push([(tip, tip, MAIN)], EMPTY_PACK).unpack == "ok"
    fork = RawGit(bounded, bounded.fork(full.repo.name, f"fork-{uuid4().hex[:12]}")[0])
    for repo in (full, fork):
        git = new_git(tmp_path / repo.repo.name, repo.repo.token)
        git("pull", "-q", repo.repo.remote, "main")
        git("push", "-q", repo.repo.remote, "HEAD:refs/heads/third", ":refs/heads/new")
        assert set(repo.refs()) == {MAIN, b"refs/heads/third"}
        git.commit({"more": os.urandom(KIB)})
        assert REPO_FULL in git.fails("push", repo.repo.remote, "main")


def test_a_length_that_is_told_is_refused_before_its_bytes_come(raw: RawGit) -> None:
    """A body announced as too large is answered although only its commands have come."""
    before = raw.kept()
    head = head_for(filling(1))
    with connection(raw.server) as wire:
        wire.sendall(request_head(raw, "git-receive-pack", f"Content-Length: {len(head) + 600 * KIB}") + head)
        answer = receive_answer(wire.recv)
    outcome = read_outcome(answer)
    assert (outcome.unpack, outcome.refs) == (REPO_FULL, {NEW: "unpacker error"})
    assert raw.kept() == before


def test_a_length_that_fits_is_no_reason_to_refuse(bounded: LiveServer) -> None:
    """The commands do not count: a body of commands and a pack that just fits is taken."""
    raw = RawGit(bounded, bounded.create(f"repo-{uuid4().hex[:12]}"))
    objects = filling(REPO_MAX - 1 * KIB)
    pack = pack_of(*objects)
    steps = [(ZERO_OID, oid_of(objects[-1]), b"refs/heads/%d" % number) for number in range(20)]
    assert len(pack) <= REPO_MAX < len(pack) + len(head_of_push(steps))
    assert raw.push(steps, pack).unpack == "ok"


def test_a_pack_is_refused_while_it_streams(raw: RawGit) -> None:
    """Of a body without a length the byte too many is answered at once, however much would follow."""
    before = raw.kept()
    head = head_for(filling(1))
    with connection(raw.server) as wire:
        wire.sendall(request_head(raw, "git-receive-pack", "Transfer-Encoding: chunked"))
        for piece in (head, pack_of(*filling(MIB))):
            wire.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        answer = receive_answer(wire.recv)
    assert read_outcome(answer).unpack == REPO_FULL
    assert raw.kept() == before
    assert not scratch(raw.server)


def test_a_push_that_is_overtaken_is_weighed_again(raw: RawGit) -> None:
    """Room that another push takes meanwhile is gone: the pack that came whole is not kept."""
    late, early = filling(400 * KIB), filling(400 * KIB)
    body = head_for(late) + pack_of(*late)
    with connection(raw.server) as wire:
        wire.sendall(request_head(raw, "git-receive-pack", f"Content-Length: {len(body)}") + body[:-1])
        raw.create(early, b"refs/heads/early")
        before = raw.kept()
        wire.sendall(body[-1:])
        answer = receive_answer(wire.recv)
    assert read_outcome(answer).unpack == REPO_FULL
    assert raw.kept() == before


def test_an_account_has_a_limit_of_its_own(tmp_path: Path) -> None:
    """Its repos fill it together, other accounts have their room, and deletions make room once they are swept."""
    settings = {
        "TREEHOLD_LIMITS__REPO_BYTES_MAX": str(REPO_MAX),
        "TREEHOLD_LIMITS__ACCOUNT_BYTES_MAX": str(ACCOUNT_MAX),
    }
    with LiveServer(tmp_path / "data", settings=settings) as server:
        repos = [RawGit(server, server.create(name)) for name in ("one", "two", "three")]
        for repo in repos[:2]:
            repo.create(filling(1900 * KIB))
        server.fork("one", "fork")
        too_much = filling(1900 * KIB)
        git = new_git(tmp_path / "git", repos[2].repo.token)
        git.commit({"large": os.urandom(1900 * KIB)})
        assert ACCOUNT_FULL in git.fails("push", repos[2].repo.remote, "main")
        assert repos[2].push([(ZERO_OID, oid_of(too_much[-1]), MAIN)], pack_of(*too_much)).unpack == ACCOUNT_FULL
        assert repos[2].size_bytes() == 0
        server.result("DELETE", "/repos/two")
        assert treehold(server.data_dir, "admin", "maintenance", "run", **settings).returncode == 0
        git("push", "-q", repos[2].repo.remote, "main")
        assert server.create("after").remote


def receive_answer(receive: Callable[[int], bytes]) -> bytes:
    """The body of one answer with a Content-Length, read from a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    status, *headers = head.lower().split(b"\r\n")
    assert status.startswith(b"http/1.1 200")
    length = next(int(header.split(b":")[1]) for header in headers if header.startswith(b"content-length:"))
    while len(body) < length:
        body += receive(65536)
    return body
