"""The Python binding as people use it: a real server, a real git, and the examples of its documents."""

import asyncio
import doctest
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.https_remote import HttpsRemote
from tests.live_server import API_TOKEN, Git, LiveServer
from tests.unit.client.odd_server import TOKEN, Manner, OddServer, reply, success
from treehold.client import (
    AlreadyExists,
    Artifacts,
    AsyncArtifacts,
    AuthenticationError,
    InvalidInput,
    NotFound,
    Repo,
    asynchronous,
    blocking,
    identity,
    namespaces,
)
from treehold.client.git import git_environment

ROOT = Path(__file__).resolve().parents[2]
SECRET = "art_v1_" + "5ec2e7" * 6 + "0000"
EXAMPLES = [
    example
    for module in (blocking, asynchronous, identity, namespaces)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module)
    if example.examples
]


@pytest.fixture
def artifacts(server: LiveServer) -> Iterator[Artifacts]:
    """A namespace of the shared server that nobody else uses."""
    with Artifacts(base_url=server.url, namespace=f"ns-{uuid4().hex[:12]}", token=API_TOKEN) as client:
        yield client


@pytest.fixture
def environment(server: LiveServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment and the folder of somebody who tries an example."""
    for name, value in {**Git(tmp_path).environment(), "TREEHOLD_URL": server.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TREEHOLD_NAMESPACE", f"ns-{uuid4().hex[:12]}")
    monkeypatch.setenv("TREEHOLD_TOKEN", API_TOKEN)
    monkeypatch.chdir(tmp_path)


def clone(repo: Repo, folder: Path, env: dict[str, str]) -> Git:
    subprocess.run(["git", "clone", "-q", repo.remote, str(folder)], env=env, check=True, capture_output=True)
    return Git(folder)


def git_works(env: dict[str, str], *arguments: str) -> bool:
    """Whether a git with these variables ends well."""
    return subprocess.run(["git", *arguments], env=env, check=False, capture_output=True, timeout=60).returncode == 0


def git_settings(folder: Path) -> dict[str, str]:
    """A git without this machine's configuration, as an ``onto`` that already has settings."""
    return Git(folder).environment()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name.removeprefix("treehold.client."))
@pytest.mark.usefixtures("environment")
def test_examples_of_the_docstrings(example: doctest.DocTest) -> None:
    """Every example in a docstring does what it says."""
    said: list[str] = []
    with Artifacts() as ready:
        example.globs = {"artifacts": ready}
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert result.attempted
    assert not result.failed, "".join(said)


@pytest.mark.usefixtures("environment")
def test_examples_of_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    """The blocks of docs/python.md run one after the other, as a reader would paste them."""
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text())
    program = "\n".join(blocks)
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "20 forks of 3 objects" in ran.stdout
    assert "ALREADY_EXISTS 10201" in ran.stdout


def test_git_env(artifacts: Artifacts, tmp_path: Path) -> None:
    """A git with the variables clones, commits and pushes, and what it pushed can be read in every way."""
    artifacts.create("worked-on", description="By hand")
    repo = artifacts.get("worked-on")
    env = repo.git_env(ttl=600, onto=git_settings(tmp_path))
    work = clone(repo, tmp_path / "work", env)
    head = work.commit({"docs/a.txt": "hello\n", "grün & gut.txt": "é"}, "First")
    subprocess.run(["git", "push", "-q", "origin", "HEAD:main"], cwd=work.folder, env=env, check=True)

    now = repo.info()
    assert (now.description, now.last_push_at is not None, repo.last_push_at) == ("By hand", True, None)
    (commit,) = repo.log()
    assert repo.read_commit(head) == commit
    assert (commit.hash, commit.message, commit.author.name) == (head, "First", "A Tester")
    names = {entry.name: entry for entry in repo.read_tree(commit.tree_hash) or ()}
    assert {name: entry.type for name, entry in names.items()} == {"docs": "tree", "grün & gut.txt": "blob"}
    assert repo.read_blob(names["grün & gut.txt"].hash) == "é".encode()
    assert repo.read_file("grün & gut.txt", ref="refs/heads/main") == "é".encode()
    assert b"".join(repo.stream_file("docs/a.txt")) == b"hello\n"
    assert repo.read_file("docs") is None
    assert repo.read_commit("0" * 40) is None


def test_read_only_git_env(artifacts: Artifacts, tmp_path: Path) -> None:
    """With variables made for reading, git clones and cannot push, and fails rather than ask anyone."""
    artifacts.create("read-only")
    repo = artifacts.get("read-only")
    env = repo.git_env(scope="read", onto=git_settings(tmp_path))
    work = clone(repo, tmp_path / "work", env)
    work.commit({"a": "1"})
    assert not git_works(env, "-C", str(work.folder), "push", "origin", "HEAD:main")
    assert repo.info().last_push_at is None


def test_git_env_leaves_nothing_on_disk(artifacts: Artifacts, tmp_path: Path) -> None:
    """After a clone and a push no file holds the token."""
    artifacts.create("no-trace")
    repo = artifacts.get("no-trace")
    env = repo.git_env(onto=git_settings(tmp_path))
    work = clone(repo, tmp_path / "work", env)
    work.commit({"a": "1"})
    subprocess.run(["git", "push", "-q", "-u", "origin", "HEAD:main"], cwd=work.folder, env=env, check=True)
    (secret,) = re.findall(r"art_v1_[0-9a-f]{40}", " ".join(env.values()))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_git_env_shows_the_token_to_nobody_else(tmp_path: Path) -> None:
    """The server alone sees the token: no command line has it, no other host, and none that the server redirects to."""
    with OddServer([Manner.HANG]) as server, OddServer([reply(404, b"")]) as other:
        env = git_environment(f"{server.url}/a.git", SECRET, git_settings(tmp_path))
        with subprocess.Popen(
            ["git", "ls-remote", f"{server.url}/a.git"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as git:
            assert server.held.wait(60)
            lines = [line for path in Path("/proc").glob("[0-9]*/cmdline") if (line := _command_line(path))]
            git.kill()
        assert not git_works(env, "ls-remote", f"{other.url}/a.git")
    assert any(server.url.encode() in line for line in lines)
    assert not [line for line in lines if SECRET.encode() in line]
    assert server.seen[0].headers["authorization"] == f"Bearer {SECRET}"
    assert other.seen
    assert "authorization" not in other.seen[0].headers


def test_git_env_follows_no_redirect(tmp_path: Path) -> None:
    """A server that sends git elsewhere does not get it there."""
    with OddServer([success(None)]) as other:
        with OddServer([reply(302, b"", location=f"{other.url}/info/refs?service=git-upload-pack")]) as server:
            env = git_environment(f"{server.url}/a.git", SECRET, git_settings(tmp_path))
            assert not git_works(env, "ls-remote", f"{server.url}/a.git")
        assert not other.seen


def _command_line(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def test_authenticated_remote(artifacts: Artifacts, tmp_path: Path) -> None:
    """The URL alone is enough for any client, as are those of a repo and of a fork just made."""
    created = artifacts.create("by-url")
    repo = artifacts.get("by-url")
    work = clone(repo, tmp_path / "work", created.git_env(onto=git_settings(tmp_path)))
    head = work.commit({"a": "1"})
    work("push", "-q", repo.authenticated_remote(60), "HEAD:main")
    fork = repo.fork("by-url-too")
    assert fork.objects == 3
    for url in (created.authenticated_remote(), fork.authenticated_remote(), repo.authenticated_remote(scope="read")):
        assert head in work("ls-remote", url)


def test_tokens(artifacts: Artifacts) -> None:
    """Tokens are made, listed by their state and revoked, and an unknown one cannot be."""
    artifacts.create("guarded")
    repo = artifacts.get("guarded")
    token = repo.create_token("read", 600)
    assert [row.id for row in repo.list_tokens(per_page=1).tokens] == [token.id]
    assert repo.list_tokens().total == 2
    assert repo.revoke_token(token.id)
    assert not repo.revoke_token("0000000000000000")
    assert repo.revoke_token(repo.create_token().plaintext)
    assert not repo.revoke_token(SECRET)
    assert [row.id for row in repo.list_tokens(state="revoked").tokens][1:] == [token.id]
    assert repo.list_tokens(state=None).total == 3
    with pytest.raises(InvalidInput) as caught:
        repo.create_token("read", 1)
    assert (caught.value.code, caught.value.pointer) == ("INVALID_TTL", "/ttl")


def test_errors(artifacts: Artifacts, server: LiveServer) -> None:
    """What the server refuses is raised as what it is."""
    artifacts.create("taken")
    with pytest.raises(AlreadyExists, match="taken"):
        artifacts.create("taken")
    with pytest.raises(InvalidInput) as wrong:
        artifacts.create("no spaces, please")
    assert (wrong.value.code, wrong.value.pointer, wrong.value.status) == ("INVALID_REPO_NAME", "/name", 400)
    with pytest.raises(NotFound):
        artifacts.get("never-made")
    assert not artifacts.delete("never-made")
    with Artifacts(base_url=server.url, token=TOKEN) as stranger, pytest.raises(AuthenticationError) as refused:
        stranger.get("taken")
    assert refused.value.status == 401
    rival = Artifacts(base_url=server.url, token=API_TOKEN, account_id="rival")
    with rival, pytest.raises(AuthenticationError) as denied:
        rival.get("taken")
    assert denied.value.status == 403


def test_listing(artifacts: Artifacts) -> None:
    """Pages go on where the last one ended, and going through all of them finds each repo once."""
    made = [f"repo-{number:03}" for number in range(7)]
    for name in made:
        artifacts.create(name)
    first = artifacts.list(limit=4, sort="name", direction="asc")
    second = artifacts.list(limit=4, sort="name", direction="asc", cursor=first.cursor)
    assert [repo.name for repo in first.repos + second.repos] == made
    assert (first.total, second.cursor) == (7, None)
    assert sorted(repo.name for repo in artifacts.iterate()) == made
    assert first.repos[0].info() == artifacts.get("repo-000") == first.repos[0]


def test_iterating_goes_through_all_pages(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    """More repos than a page holds come all the same, blocking and awaited."""
    monkeypatch.setattr(blocking, "PAGE_ROWS", 2)
    monkeypatch.setattr(asynchronous, "PAGE_ROWS", 2)
    made = {artifacts.create(f"repo-{number}").name for number in range(5)}
    assert [repo.name for repo in artifacts.iterate(sort="name", direction="asc")] == sorted(made)

    async def names() -> set[str]:
        where = artifacts.profile
        async with AsyncArtifacts(base_url=where.base_url, namespace=where.namespace, token=where.token) as client:
            return {repo.name async for repo in client.iterate()}

    assert asyncio.run(names()) == made


async def test_awaited(server: LiveServer, tmp_path: Path) -> None:
    """The awaited client does all that the blocking one does."""
    namespace = f"ns-{uuid4().hex[:12]}"
    async with AsyncArtifacts(base_url=server.url, namespace=namespace, token=API_TOKEN) as artifacts:
        created = await artifacts.create("baseline", default_branch="trunk")
        work = Git(tmp_path / "work")
        env = created.git_env(onto=git_settings(tmp_path))
        subprocess.run(["git", "clone", "-q", created.remote, str(work.folder)], env=env, check=True)
        head = work.commit({"a.txt": "1"}, "First")
        subprocess.run(["git", "push", "-q", "origin", "HEAD:trunk"], cwd=work.folder, env=env, check=True)
        repo = await (await artifacts.get("baseline")).wait_until_ready()
        (commit,) = await repo.log(path="a.txt")
        assert (await repo.read_commit(head)) == commit
        (entry,) = await repo.read_tree(commit.tree_hash) or ()
        assert await repo.read_blob(entry.hash) == await repo.read_file("a.txt") == b"1"
        assert [piece async for piece in repo.stream_file("a.txt")] == [b"1"]
        forks = await asyncio.gather(*(repo.fork(f"agent-{number}") for number in range(20)))
        assert {fork.objects for fork in forks} == {3}
        assert (await artifacts.list(limit=2)).total == 21
        token = await repo.create_token("read", 60)
        assert (await repo.list_tokens()).tokens[0].id == token.id
        assert await repo.revoke_token(token.id)
        env = await repo.git_env(scope="read", onto=env)
        url = await repo.authenticated_remote(60)
        for remote in (repo.remote, url):
            assert git_works(env, "ls-remote", remote)
        assert (await repo.update(read_only=True)).read_only
        assert (await repo.info()).read_only
        assert await artifacts.delete("agent-1")
        with pytest.raises(NotFound):
            await artifacts.get("agent-1")


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[HttpsRemote]:
    """A repository elsewhere with one commit."""
    with HttpsRemote(tmp_path / "remote") as https:
        git = Git(https.folder)
        git("init", "-q", "small")
        git.at("small").commit({"README.md": "small\n"}, "First")
        git("clone", "-q", "--mirror", "small", "small.git")
        yield https


def test_import(remote: HttpsRemote, tmp_path: Path) -> None:
    """An import is waited for, blocking and awaited, and one that cannot be says whose fault it is."""
    settings = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits().items()}
    with LiveServer(tmp_path / "data", settings=settings) as server:
        with Artifacts(base_url=server.url, token=API_TOKEN) as artifacts:
            artifacts.import_(f"{remote.url}/repos/small.git", name="copied", branch="main", description="A copy")
            repo = artifacts.get("copied").wait_until_ready(60)
            assert (repo.description, repo.read_file("README.md")) == ("A copy", b"small\n")
            with pytest.raises(NotFound):
                artifacts.import_(f"{remote.url}/missing/small.git", name="missing")
            with pytest.raises(InvalidInput) as wrong:
                artifacts.import_(f"{remote.url}/html/small.git", name="web-page")
            assert wrong.value.code == "INVALID_URL"

        async def await_it() -> bytes | None:
            async with AsyncArtifacts(base_url=server.url, token=API_TOKEN) as awaited:
                await awaited.import_(f"{remote.url}/repos/small.git", name="copied-too")
                repo = await (await awaited.get("copied-too")).wait_until_ready(60)
                return await repo.read_file("README.md")

        assert asyncio.run(await_it()) == b"small\n"


def test_environment_decides(environment: None) -> None:
    """Without arguments a client works where the environment says."""
    with Artifacts() as artifacts:
        assert artifacts.create("from-environment").remote.startswith(os.environ["TREEHOLD_URL"])
        assert API_TOKEN not in repr(artifacts)


class LossyRelay(OddServer):
    """Hands requests on to another server, and loses its first answer to each POST."""

    def __init__(self, port: int) -> None:
        super().__init__([])
        self._to = port
        self._known: set[str] = set()

    @property
    def lost(self) -> int:
        return len(self._known)

    def act(self, connection: socket.socket) -> None:
        asked = self.seen[-1]
        url = f"http://127.0.0.1:{self._to}{asked.target}"
        headers = {name: value for name, value in asked.headers.items() if name != "connection"}
        answer = httpx.request(asked.method, url, content=asked.body, headers=headers, timeout=60)
        key = asked.headers.get("idempotency-key")
        if key is None or key in self._known:
            connection.sendall(reply(answer.status_code, answer.content))
        else:
            self._known.add(key)


def test_a_lost_answer_is_given_again(server: LiveServer) -> None:
    """A create and a token whose answers were lost on the way are not made twice: the server gives them again."""
    name = f"lost-{uuid4().hex[:12]}"
    with LossyRelay(server.port) as relay, Artifacts(base_url=relay.url, token=API_TOKEN) as artifacts:
        created = artifacts.create(name)
        assert relay.lost == 1
        repo = artifacts.get(name)
        assert repo.id == created.id
        token = repo.create_token("read")
        assert relay.lost == 2
        assert repo.list_tokens(state=None).tokens[0].id == token.id
        assert repo.list_tokens(state=None).total == 2
