"""Maintenance of a live server: by hand, in the background, beside clients that push, fork and clone."""

import json
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.live_server import Git, LiveServer, Repo, new_git
from tests.properties.pack_strategies import PackWriter, encode_delta
from tests.scenarios.test_commands import treehold
from tests.wire.raw_git import (
    EMPTY_PACK,
    MAIN,
    Object,
    RawGit,
    blob,
    commit,
    connection,
    history,
    oid_of,
    pack_of,
    request_head,
    tree,
)
from treehold.ids import ZERO_OID, ObjectId
from treehold.protocol import fetch
from treehold.protocol.command import CommandRequest, encode_command
from treehold.protocol.fetch_request import FetchRequest

PUSHES = 1000
FEW = {"TREEHOLD_LIMITS__ROLL_UP_PACKS": "8"}
NO_REST = {"TREEHOLD_LIMITS__REPACK_REST_SECONDS": "0", "TREEHOLD_LIMITS__SWEEP_REST_SECONDS": "0"}


def maintain(server: LiveServer, *options: str, **settings: str) -> list[dict[str, Any]]:
    """One round by the operator's command; answers the jobs that were done."""
    done = treehold(server.data_dir, "admin", "maintenance", "run", "--json", *options, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs: list[dict[str, Any]] = json.loads(done.stdout)
    return jobs


def told(jobs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(job["kind"], job["outcome"]) for job in jobs]


def of_repo(server: LiveServer, repo: Repo, column: str) -> int:
    """A column of the repo's row."""
    with closing(sqlite3.connect(f"file:{server.data_dir / 'catalog.sqlite3'}?mode=ro", uri=True)) as catalog:
        (value,) = catalog.execute(f"SELECT {column} FROM repos WHERE name = ?", (repo.name,)).fetchone()
    return int(value)


def clone(repo: Repo, folder: Path) -> Git:
    """A fresh mirror, checked."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    Git(folder.parent, repo.token)("clone", "-q", "--mirror", repo.remote, folder.name)
    git = Git(folder, repo.token)
    git.fsck()
    return git


def longest_chain(mirror: Git) -> int:
    """The longest delta chain in a clone's packs."""
    packs = [str(path) for path in mirror.folder.glob("objects/pack/*.idx")]
    lines = mirror("verify-pack", "-v", *packs).splitlines()
    return max((int(line.split()[5]) for line in lines if len(line.split()) == 7), default=0)


def test_a_round_by_hand_while_it_serves(tmp_path: Path) -> None:
    """An operator sees at once what was done, and later in the list of jobs; nothing is lost."""
    with LiveServer(tmp_path / "data", settings=FEW) as server:
        many, loose = server.create("many"), server.create("loose")
        work = new_git(tmp_path / "work", many.token)
        for number in range(9):
            work.commit({f"file{number}": str(number)})
            work("push", "-q", many.remote, "main")
        work.showing(loose.token)("push", "-q", loose.remote, "main~4:refs/heads/main")
        work.showing(loose.token)("push", "-qf", loose.remote, "main~6:refs/heads/main")
        assert told(maintain(server, **FEW)) == [("roll-up", "done"), ("repack", "done"), ("sweep", "done")]
        assert (of_repo(server, many, "pack_count"), of_repo(server, loose, "exact")) == (1, 1)
        (swept,) = maintain(server, "--grace-seconds", "0", **FEW)
        assert swept["detail"] == "0 packs noted, 10 packs, 0 orphaned files and 0 ended rows removed"
        assert clone(many, tmp_path / "many")("rev-parse", "main") == work("rev-parse", "main")
        rest = clone(loose, tmp_path / "loose")
        assert rest.objects() == work.reachable("main~6")
    table = treehold(server.data_dir, "admin", "maintenance", "status").stdout.splitlines()
    assert table[0].split() == ["JOB", "REPO", "STARTED", "TOOK", "OUTCOME", "DETAIL"]
    assert [line.split()[0] for line in table[1:]] == ["sweep", "sweep", "repack", "roll-up"]
    listed = treehold(server.data_dir, "admin", "maintenance", "status", "--json", "--limit", "1").stdout
    assert json.loads(listed) == [swept]


def test_a_failed_job_is_the_command_s_status(tmp_path: Path) -> None:
    """A round in which a job failed ends with status 1 and says why; the next one may do better."""
    with LiveServer(tmp_path / "data") as server:
        repo = server.create("broken")
        work = new_git(tmp_path / "work", repo.token)
        work.commit({"a": "1"})
        work("push", "-q", repo.remote, "main")
        work("commit", "-q", "--amend", "-m", "another")
        work("push", "-qf", repo.remote, "main")
    false_git = tmp_path / "git"
    false_git.write_text('#!/bin/sh\n[ "$1" = version ] && echo git version 2.40.0 && exit\nexit 1\n')
    false_git.chmod(0o755)
    failed = treehold(server.data_dir, "admin", "maintenance", "run", TREEHOLD_GIT=str(false_git))
    assert failed.returncode == 1
    assert "NativeGitError" in failed.stdout
    assert told(maintain(server)) == [("repack", "done"), ("sweep", "done")]


def test_a_thousand_pushes_leave_few_packs(tmp_path: Path) -> None:
    """With roll-ups in between a repo of a thousand tiny pushes, each a delta of the one before, has some log n packs
    and no chain longer than 64; clones are whole, and a repack keeps it so."""
    with LiveServer(tmp_path / "data", settings=FEW) as server:
        repo = server.create("busy")
        raw = RawGit(server, repo)
        text = b"".join(b"line %d\n" % number for number in range(100))
        line: list[Object] = [blob(text), top := tree({b"file": blob(text)}), commit(top)]
        raw.create(line)
        for number in range(1, PUSHES):
            old, text = text, text + b"more %d\n" % number
            top = tree({b"file": blob(text)})
            new = commit(top, line[-1])
            writer = PackWriter()
            writer.ref(oid_of(blob(old)), encode_delta(old, text))
            writer.add(*top)
            writer.add(*new)
            assert raw.push([(oid_of(line[-1]), oid_of(new), MAIN)], writer.pack()).refs == {MAIN: None}
            line = [blob(text), top, new]
            if number % 100 == 0:
                assert told(maintain(server, **FEW))[0] == ("roll-up", "done")
                assert of_repo(server, repo, "pack_count") <= 12
        maintain(server, "--grace-seconds", "0", **FEW)
        mirror = clone(repo, tmp_path / "mirror")
        assert mirror("rev-parse", "main") == oid_of(line[-1]).hex()
        assert len(mirror.objects()) == 3 * PUSHES
        assert 1 < longest_chain(mirror) <= 64
        parent = mirror("rev-parse", "main~1")
        outcome = raw.push([(oid_of(line[-1]), ObjectId(bytes.fromhex(parent)), MAIN)], EMPTY_PACK)
        assert outcome.refs == {MAIN: None}
        assert told(maintain(server, "--grace-seconds", "0", **FEW))[0] == ("repack", "done")
        again = clone(repo, tmp_path / "again")
        assert again("rev-parse", "main") == parent
        assert len(again.objects()) == 3 * (PUSHES - 1)
        assert longest_chain(again) <= 50


def push_and_amend(folder: Path, repo: Repo, pusher: int, count: int) -> dict[str, str]:
    """Push to branches of one's own, forwards, over what was there, and away; answers where they should be."""
    work = new_git(folder / f"pusher{pusher}", repo.token)
    branches = {}
    for number in range(count):
        work.commit({f"file{pusher}": f"{number}\n" * 50}, f"{pusher}/{number}")
        if number % 3 == 2:
            work("commit", "-q", "--amend", "-m", f"{pusher}/{number} amended")
        branch = f"refs/heads/p{pusher}/b{number % 4}"
        work("push", "-qf", repo.remote, f"HEAD:{branch}")
        branches[branch] = work("rev-parse", "HEAD")
        if number % 5 == 4:
            work("push", "-q", repo.remote, f":{branch}")
            del branches[branch]
    return branches


def fork_and_clone(server: LiveServer, repo: Repo, folder: Path, count: int) -> None:
    """Fork, clone the fork, and push to it."""
    for number in range(count):
        fork, _ = server.fork(repo.name, f"{repo.name}-fork-{number}")
        mirror = clone(fork, folder / f"fork{number}")
        work = new_git(folder / f"of-fork{number}", fork.token)
        made = work.commit({"own": str(number)})
        work("push", "-q", fork.remote, "HEAD:refs/heads/own")
        again = clone(fork, folder / f"again{number}")
        assert again("rev-parse", "refs/heads/own") == made
        assert again.reachable() == mirror.reachable() | work.reachable("HEAD")


@pytest.mark.parametrize("in_background", [True, False])
def test_maintenance_beside_pushes_and_forks(tmp_path: Path, in_background: bool) -> None:
    """While clients push, force, delete and fork, two processes repack, roll up and sweep without pause: every ref is
    right, every clone whole."""
    settings = {**FEW, **NO_REST, **({"TREEHOLD_MAINTENANCE_SECONDS": "1"} if in_background else {})}
    with LiveServer(tmp_path / "data", workers=2, settings=settings) as server:
        repo = server.create("raced")
        with ThreadPoolExecutor(4) as pool:
            pushers = [pool.submit(push_and_amend, tmp_path, repo, pusher, 24) for pusher in range(2)]
            forks = pool.submit(fork_and_clone, server, repo, tmp_path, 4)
            while not in_background and not all(pusher.done() for pusher in pushers):
                maintain(server, **FEW, **NO_REST)
            forks.result(timeout=300)
            expected = {name: oid for job in pushers for name, oid in job.result().items()}
        mirror = clone(repo, tmp_path / "mirror")
        assert {name: oid for oid, name in map(str.split, mirror("show-ref").splitlines())} == expected
        maintain(server, "--grace-seconds", "0", **FEW, **NO_REST)
        assert of_repo(server, repo, "exact") == 1
        assert clone(repo, tmp_path / "last").objects() == mirror.reachable()


def test_a_slow_clone_outlives_a_roll_up_and_a_sweep(tmp_path: Path) -> None:
    """A clone that was begun before the packs were replaced and swept still gets all of its bytes within the grace."""
    with LiveServer(tmp_path / "data", settings=FEW) as server:
        repo = server.create("slow")
        raw = RawGit(server, repo)
        line = history(*(bytes([65 + number]) * 7 + noise(number) for number in range(10)))
        tip = ZERO_OID
        for start in range(0, len(line), 3):
            some = line[start : start + 3]
            assert raw.push([(tip, oid_of(some[-1]), MAIN)], pack_of(*some)).refs == {MAIN: None}
            tip = oid_of(some[-1])
        request = FetchRequest(wants=(tip,), done=True)
        body = encode_command(CommandRequest(b"fetch", arguments=fetch.encode_arguments(request)))
        with connection(server) as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
            head = request_head(
                raw, "git-upload-pack", "Git-Protocol: version=2", f"Content-Length: {len(body)}", "Connection: close"
            )
            slow.sendall(head + body)
            begin = slow.recv(1000)
            assert begin.startswith(b"HTTP/1.1 200")
            assert told(maintain(server, **FEW)) == [("roll-up", "done"), ("sweep", "done")]
            assert maintain(server, **FEW)[-1]["detail"].startswith("0 packs noted, 0 packs,")
            received = len(begin)
            while piece := slow.recv(1 << 16):
                received += len(piece)
        assert received > of_repo(server, repo, "size_bytes")
        maintain(server, "--grace-seconds", "0", **FEW)
        assert clone(repo, tmp_path / "mirror")("rev-parse", "main") == tip.hex()


def noise(seed: int) -> bytes:
    """A megabyte that does not compress, the same each time."""
    return b"".join((row * 2654435761 + seed).to_bytes(8, "big")[2:] for row in range(1 << 17))


def test_a_repo_that_is_pushed_to_fast_does_not_wait_for_the_round(tmp_path: Path) -> None:
    """Though the next round is hours away its packs are merged, while pushes go on."""
    settings = {**FEW, "TREEHOLD_MAINTENANCE_SECONDS": "9999"}
    with LiveServer(tmp_path / "data", settings=settings) as server:
        repo = server.create("hasty")
        raw = RawGit(server, repo)
        first = history(b"first")
        raw.create(first)
        tip = oid_of(first[-1])
        for number in range(400):
            top = tree({b"file": blob(b"%d" % number)})
            news = commit(top, tip, message=b"%d\n" % number)
            assert raw.push([(tip, oid_of(news), MAIN)], pack_of(blob(b"%d" % number), top, news)).refs == {MAIN: None}
            tip = oid_of(news)
            if number >= 32 and of_repo(server, repo, "pack_count") < 16:
                break
        else:
            pytest.fail("400 pushes, and nothing was merged")
        assert clone(repo, tmp_path / "clone")("rev-parse", "main") == tip.hex()
