"""A repo that is deleted while somebody is at it: everybody is told clearly, the name is free, and nothing stays."""

import http.client
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx
import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE
from tests.faults.watched import CLONE, SIDE, StoppingClient, ids, line, side, until
from tests.https_remote import HttpsRemote
from tests.live_server import API_TOKEN, NO_TLS, Git, GitFailed, LiveServer, Repo, new_git
from tests.scenarios.test_commands import treehold
from tests.unit.engine.paused_store import PausedStore
from tests.unit.engine.small_repo import SmallRepo, engine_in, fake_git
from tests.wire.raw_git import (
    MAIN,
    RawGit,
    connection,
    files_under,
    head_of_push,
    history,
    oid_of,
    pack_of,
    read_outcome,
    request_head,
    scratch,
)
from treehold.engine.gate import GitGuest
from treehold.engine.push import receive_push
from treehold.engine.repos import delete_repo
from treehold.engine.spool import spool
from treehold.ids import ZERO_OID, RefName, TokenId
from treehold.protocol.capabilities import Capabilities
from treehold.protocol.fetch_request import FetchRequest
from treehold.protocol.receive_pack import PushRequest, RefCommand

HOLD = """
for word do
    case "$word" in index-pack|rev-list|pack-objects) verb=$word; break;; esac
done
while [ -e $notes/hold-$verb ]; do touch $notes/held-$verb; sleep 0.02; done
exec {git} "$@"
"""
LARGE = 3_000_000
"""More than is spooled in memory, taken in by this process or held by sockets."""


@dataclass(frozen=True)
class Held:
    """A server whose runs of git can be held up, and a remote to import from."""

    server: LiveServer
    remote: HttpsRemote
    notes: Path

    @contextmanager
    def holding(self, verb: str) -> Iterator[Self]:
        """Let no run for that go on until the end."""
        (self.notes / f"held-{verb}").unlink(missing_ok=True)
        (self.notes / f"hold-{verb}").touch()
        try:
            yield self
        finally:
            self.let_go(verb)

    def let_go(self, verb: str) -> None:
        (self.notes / f"hold-{verb}").unlink(missing_ok=True)

    def until_held(self, verb: str) -> None:
        until((self.notes / f"held-{verb}").exists)

    def create(self) -> RawGit:
        return RawGit(self.server, self.server.create(f"short-lived-{uuid4().hex[:8]}"))

    def replace(self, name: str) -> RawGit:
        """Delete a repo and make another of its name at once."""
        assert self.server.call("DELETE", f"/repos/{name}").status_code == 202
        return RawGit(self.server, self.server.create(name))


@pytest.fixture(scope="module")
def held_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    folder = tmp_path_factory.mktemp("deletions")
    git = fake_git(folder, HOLD.format(git=shutil.which("git")))
    with HttpsRemote(folder / "remote") as remote:
        new_git(remote.folder / "work").commit({"a.txt": "one\n"})
        new_git(remote.folder)("clone", "-q", "--mirror", "work", "some.git")
        limits = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits().items()}
        with LiveServer(folder / "data", settings={"TREEHOLD_GIT": str(git), **limits}) as server:
            yield Held(server, remote, folder)
            check_all_can_go(server)


@pytest.fixture
def held(held_server: Held) -> Iterator[Held]:
    """That server, which has nothing of a request left after each test, and has logged no failure."""
    yield held_server
    cache = held_server.server.data_dir / "cache"
    until(lambda: not scratch(held_server.server))
    until(lambda: not [path for room in ("answers", "repos") for path in (cache / room).glob(".*")])
    assert "Traceback" not in held_server.server.output
    assert "[error" not in held_server.server.output


def check_all_can_go(server: LiveServer) -> None:
    """Delete all repos and sweep: there must not be a stored byte left."""
    for row in server.result("GET", "/repos?limit=200"):
        assert server.call("DELETE", f"/repos/{row['name']}").status_code == 202
    swept = treehold(server.data_dir, "admin", "maintenance", "run", "--json", "--grace-seconds", "0")
    assert swept.returncode == 0, swept.stdout + swept.stderr
    assert not files_under(server.data_dir / "store")


def test_while_the_body_of_a_push_comes(held: Held) -> None:
    """The push is refused when it has all come, and the next repo of the name has nothing of it."""
    raw = held.create()
    objects = history(os.urandom(LARGE))
    body = head_of_push([(ZERO_OID, oid_of(objects[-1]), MAIN)]) + pack_of(*objects)
    with connection(held.server) as pushing:
        pushing.sendall(request_head(raw, "git-receive-pack", f"Content-Length: {len(body)}"))
        pushing.sendall(body[: len(body) // 2])
        until(lambda: scratch(held.server))
        new = held.replace(raw.repo.name)
        pushing.sendall(body[len(body) // 2 :])
        answer = http.client.HTTPResponse(pushing)
        answer.begin()
        outcome = read_outcome(answer.read())
    assert answer.status == 200
    assert "no such repo" in outcome.said
    assert new.refs() == {}


@pytest.mark.parametrize("pushed_before", [False, True])
def test_while_git_takes_a_push_in(held: Held, tmp_path: Path, pushed_before: bool) -> None:
    """git says why the push failed, be it the first of the repo or a later one, and the name can be pushed to anew."""
    repo = held.create().repo
    work = new_git(tmp_path / "work", repo.token)
    if pushed_before:
        work.commit({"first": os.urandom(LARGE)})
        work("push", "-q", repo.remote, "main")
    work.commit({"large": os.urandom(LARGE)})
    with held.holding("index-pack"), ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(work.fails, "push", repo.remote, "main")
        held.until_held("index-pack")
        new = held.replace(repo.name)
        held.let_go("index-pack")
        said = pushing.result()
    assert "no such repo" in said
    assert new.refs() == {}
    work.showing(new.repo.token)("push", "-q", repo.remote, "main")
    assert list(new.refs()) == [MAIN]


async def test_between_the_bytes_of_a_push_and_its_commit(tmp_path: Path) -> None:
    """A push whose bytes are durable already leaves none of them, and nothing in the next repo of the name."""
    async with engine_in(tmp_path) as made:
        engine, store = PausedStore.under(made, tmp_path / "store")
        old = await SmallRepo.make(engine)

        async def replace_repo() -> None:
            await delete_repo(engine, ACCOUNT, NAMESPACE, old.row.name)
            await SmallRepo.make(engine)

        store.meanwhile = replace_repo
        objects = history(b"lost")
        command = RefCommand(RefName(MAIN), ZERO_OID, oid_of(objects[-1]))
        with spool(engine) as pack:
            pack.write(pack_of(*objects))
            request = PushRequest(commands=(command,), capabilities=Capabilities(()))
            report = await receive_push(engine, GitGuest(old.row, TokenId("token")), request, pack)
        assert "no such repo" in str(report.failure)
        assert [blob async for blob in store.blobs()] == []
        new = await engine.catalog.find_repo(ACCOUNT, NAMESPACE, old.row.name)
        assert (await engine.catalog.repo_state(new.id)).refs == {}


def test_while_four_push(held: Held, tmp_path: Path) -> None:
    """Of those that push to a name again and again while its repos come and go, each is taken or told why not."""
    name = held.create().repo.name
    current: list[Repo] = [held.replace(name).repo]
    done = threading.Event()

    def push(number: int) -> list[str]:
        work = new_git(tmp_path / f"pusher{number}")
        said: list[str] = []
        while not done.is_set():
            work.commit({"file": f"{number}/{len(said)}"})
            try:
                work.showing(current[0].token)("push", "-q", "-f", current[0].remote, f"HEAD:refs/heads/b{number}")
                said.append("taken")
            except GitFailed as failure:
                said.append(failure.said)
        return said

    with ThreadPoolExecutor(4) as pool:
        pushing = [pool.submit(push, number) for number in range(4)]
        for _ in range(15):
            until(lambda: RawGit(held.server, current[0]).refs())
            current[0] = held.replace(name).repo
        done.set()
        outcomes = [outcome for pusher in pushing for outcome in pusher.result()]
    assert "taken" in outcomes
    for outcome in outcomes:
        assert outcome == "taken" or "no such repo" in outcome or "403" in outcome


def two_branches(held: Held) -> RawGit:
    """A repo of 8 MB whose main branch alone has to be computed."""
    raw = held.create()
    raw.create(side(), SIDE)
    raw.create(line())
    return raw


def late_status(raw: RawGit, request: FetchRequest) -> int:
    """The status of a fetch."""
    client = StoppingClient.ask(raw, request)
    status = client.rest().status
    client.leave()
    return status


@pytest.mark.parametrize("plan", ["whole", "computed"])
def test_while_a_fetch_streams(held: Held, plan: str) -> None:
    """Who has begun to read gets all of it; who comes later is refused."""
    raw = two_branches(held)
    tips = [oid_of(line()[-1])] + ([oid_of(side()[-1])] if plan == "whole" else [])
    request = replace(CLONE, wants=tuple(tips))
    reader = StoppingClient.ask(raw, request)
    assert reader.begin() == plan
    new = held.replace(raw.repo.name)
    answer = reader.rest()
    reader.leave()
    assert (answer.status, answer.error) == (200, "")
    assert answer.oids() == ids([*line(), *(side() if plan == "whole" else [])])
    assert late_status(raw, request) == 403
    assert new.refs() == {}


def test_while_a_clone_is_computed(held: Held, tmp_path: Path) -> None:
    """A clone that was let in before is whole, though its computation had not begun."""
    repo = two_branches(held).repo
    with held.holding("pack-objects"), ThreadPoolExecutor(1) as pool:
        git = Git(tmp_path, repo.token)
        cloning = pool.submit(git, "clone", "-q", "--bare", "--single-branch", repo.remote, "clone")
        held.until_held("pack-objects")
        held.replace(repo.name)
        held.let_go("pack-objects")
        cloning.result()
    Git(tmp_path / "clone").fsck()
    assert git.at("clone")("rev-parse", "HEAD") == oid_of(line()[-1]).hex()


def test_between_the_refs_and_the_pack(held: Held, tmp_path: Path) -> None:
    """A client that was told the refs is refused when it asks for them, and so is git."""
    raw = two_branches(held)
    assert raw.discover("git-upload-pack").refs
    held.replace(raw.repo.name)
    assert late_status(raw, replace(CLONE, wants=(oid_of(line()[-1]),))) == 403
    assert "403" in Git(tmp_path, raw.repo.token).fails("clone", raw.repo.remote, "clone")


def test_while_a_blob_is_read(held: Held) -> None:
    """Who reads a file over REST gets all of it."""
    raw = held.create()
    content = os.urandom(40_000_000)
    raw.create(history(content))
    url = f"{held.server.base}/namespaces/default/repos/{raw.repo.name}/file?path=file"
    with httpx.stream("GET", url, headers={"authorization": f"Bearer {API_TOKEN}"}, verify=NO_TLS) as answer:
        pieces = answer.iter_bytes()
        begun = next(pieces)
        held.replace(raw.repo.name)
        assert begun + b"".join(pieces) == content
    assert httpx.get(url, headers={"authorization": f"Bearer {API_TOKEN}"}, verify=NO_TLS).status_code == 404


def test_while_it_is_imported(held: Held) -> None:
    """The import ends, and takes neither the next repo of the name with it nor the next import."""
    name = f"imported-{uuid4().hex[:8]}"
    held.remote.asked.clear()
    held.server.result("POST", f"/repos/{name}/import", {"url": f"{held.remote.url}/stuck/some.git"})
    assert held.remote.asked.wait(60)
    new = held.replace(name)
    new.create(history(b"new"))
    until(lambda: not scratch(held.server))
    assert list(new.refs()) == [MAIN]
    assert held.server.call("DELETE", f"/repos/{name}").status_code == 202
    held.server.result("POST", f"/repos/{name}/import", {"url": f"{held.remote.url}/repos/some.git"})
    until(lambda: held.server.result("GET", f"/repos/{name}")["status"] == "ready")


def test_while_it_is_forked(held: Held) -> None:
    """A parent that goes before its fork is there leaves no fork, and one that goes after leaves it whole."""
    raw = two_branches(held)
    raw.push([(oid_of(side()[-1]), ZERO_OID, SIDE)])  # now what a fork holds has to be counted
    name = raw.repo.name
    with held.holding("rev-list"), ThreadPoolExecutor(1) as pool:
        forking = pool.submit(held.server.call, "POST", f"/repos/{name}/fork", {"name": f"fork-of-{name}"})
        held.until_held("rev-list")
        held.replace(name)
        held.let_go("rev-list")
        refused = forking.result()
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, 10200)
    assert held.server.call("GET", f"/repos/fork-of-{name}").status_code == 404
    fork, _ = held.server.fork(name, f"fork-of-{name}")
    held.replace(name)
    RawGit(held.server, fork).create(history(b"still there"))


def test_while_it_is_listed(held: Held) -> None:
    """A list that goes on from a repo that is gone leaves out nothing that stayed, and repeats nothing."""
    names = [f"listed-{number}" for number in range(12)]
    for name in names:
        held.server.create(name, namespace="listed")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"/repos?limit=3&sort=name&direction=asc&cursor={cursor}"
        body = held.server.call("GET", query, namespace="listed").json()
        seen += [row["name"] for row in body["result"]]
        cursor = body["result_info"].get("cursor")
        for row in body["result"]:
            assert held.server.call("DELETE", f"/repos/{row['name']}", namespace="listed").status_code == 202
    assert seen == sorted(names)


def test_by_twenty_at_once(held: Held) -> None:
    """All hear that the same repo is gone."""
    name = held.create().repo.name
    shown = held.server.result("GET", f"/repos/{name}")["id"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: held.server.call("DELETE", f"/repos/{name}"), range(20)))
    assert {(answer.status_code, answer.json()["result"]["id"]) for answer in answers} == {(202, shown)}
