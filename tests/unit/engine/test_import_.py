"""Tests of treehold.engine.import_, with C Git's own server on the other side."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.catalog_samples import ACCOUNT, NOW
from tests.https_remote import PASSWORD, USER, HttpsRemote
from tests.live_server import Git, new_git
from tests.unit.engine.small_repo import engine_in
from treehold.catalog.base import RepoChanges, RepoRow
from treehold.catalog.care import JobRow
from treehold.engine.context import Engine
from treehold.engine.import_ import Imports, ImportWish
from treehold.engine.limits import Limits
from treehold.engine.repos import CreatedRepo
from treehold.errors import (
    AlreadyExists,
    ImportInProgress,
    InvalidInput,
    InvalidRepoName,
    LimitExceeded,
    NotARepository,
    NotFound,
    RemoteAuthRequired,
    RemoteTimeout,
    RemoteUnavailable,
    Unavailable,
)
from treehold.ids import Milliseconds

GIT = Path(shutil.which("git") or "git")


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsRemote]:
    folder = tmp_path_factory.mktemp("remote")
    with HttpsRemote(folder) as https:
        fill(folder)
        yield https


def fill(folder: Path) -> None:
    """``some.git`` has two branches, HEAD on the one that is not called main, and a tag; ``empty.git`` nothing."""
    work = new_git(folder / "work")
    work.commit({"a.txt": "one\n", "b/c.txt": "two\n" * 100})
    work("checkout", "-q", "-b", "develop")
    work.commit({"a.txt": "three\n"})
    work("tag", "-a", "-m", "First", "v1")
    work("update-ref", "refs/pull/1/head", "HEAD")
    Git(folder)("clone", "-q", "--mirror", "work", "some.git")
    Git(folder / "some.git")("repack", "-q", "-a", "-d")
    Git(folder / "some.git")("update-server-info")
    Git(folder)("init", "-q", "--bare", "empty.git")


class Importing:
    """An engine that may import from a remote, and short words for it."""

    def __init__(self, engine: Engine, remote: HttpsRemote) -> None:
        self.engine = engine
        self.remote = remote
        self.imports = Imports(engine)

    async def begin(
        self, path: str = "repos/some.git", name: str = "copy", branch: str | None = None, depth: int | None = None
    ) -> CreatedRepo:
        wish = ImportWish(name, f"{self.remote.url}/{path}", branch, depth)
        return await self.imports.begin(ACCOUNT, "default", wish)

    async def end(self) -> JobRow:
        await asyncio.gather(*self.imports._running)
        return (await self.engine.catalog.recent_jobs(1))[0]

    async def find(self, name: str = "copy") -> RepoRow:
        return await self.engine.catalog.find_repo(ACCOUNT, "default", name)

    def leftovers(self) -> list[Path]:
        node = self.engine.node
        return [path for folder in (node.spool, node.spool.parent / "git") for path in folder.iterdir()]


@contextlib.asynccontextmanager
async def importing(folder: Path, remote: HttpsRemote, **limits: Any) -> AsyncIterator[Importing]:
    """An engine that is stopped in the end."""
    async with engine_in(folder, git=GIT, limits=Limits(**remote.limits(**limits))) as engine:
        given = Importing(engine, remote)
        yield given
        await given.imports.stop()
        assert not given.leftovers()


async def refs_of(engine: Engine, row: RepoRow) -> dict[str, str]:
    state = await engine.catalog.repo_state(row.id)
    return {name.decode(): ref.oid.hex() for name, ref in state.refs.items()}


def remote_refs(remote: HttpsRemote, *patterns: str) -> dict[str, str]:
    listed = Git(remote.folder / "some.git")("for-each-ref", "--format=%(refname) %(objectname)", *patterns)
    return dict(line.split(" ") for line in listed.splitlines())


async def test_branches_and_tags_come_and_nothing_else(tmp_path: Path, remote: HttpsRemote) -> None:
    """The repo is there at once and importing, and ready in the end, with HEAD's branch and all that refs reach."""
    async with importing(tmp_path, remote) as given:
        made = await given.begin()
        assert (made.row.status, made.row.default_branch) == ("importing", "develop")
        assert made.row.source == f"git:{remote.url}/repos/some.git"
        assert made.token.startswith("art_v1_")
        job = await given.end()
        assert (job.kind, job.outcome, job.repo) == ("import", "done", made.row.id)
        row = await given.find()
        assert (row.status, row.exact, row.default_branch) == ("ready", True, "develop")
        assert await refs_of(given.engine, row) == remote_refs(remote, "refs/heads", "refs/tags")
        reachable = Git(remote.folder / "some.git").reachable("--branches", "--tags")
        assert row.object_count == len(reachable)


@pytest.mark.parametrize("kind", ["repos", "files"])
async def test_one_branch_can_be_taken(tmp_path: Path, remote: HttpsRemote, kind: str) -> None:
    """It is the default branch then, and what only others reach stays away; a folder of files will do as a remote."""
    async with importing(tmp_path, remote) as given:
        made = await given.begin(f"{kind}/some.git", branch="main")
        assert made.row.default_branch == "main"
        assert (await given.end()).outcome == "done"
        row = await given.find()
        assert await refs_of(given.engine, row) == remote_refs(remote, "refs/heads/main")
        assert row.object_count == len(Git(remote.folder / "some.git").reachable("main"))
        with pytest.raises(InvalidInput) as refused:
            await given.begin(name="other", branch="nowhere")
        assert refused.value.pointer == "/branch"


@pytest.mark.parametrize(("branch", "depth", "ends"), [(None, 1, ["develop"]), (None, 9, []), ("main", 1, ["main"])])
async def test_so_much_of_a_history_can_be_taken(
    tmp_path: Path, remote: HttpsRemote, branch: str | None, depth: int, ends: list[str]
) -> None:
    """Of one branch, HEAD's unless it is named, and without tags; the repo ends where what came does."""
    async with importing(tmp_path, remote) as given:
        await given.begin(branch=branch, depth=depth)
        assert (await given.end()).outcome == "done"
        row = await given.find()
        assert await refs_of(given.engine, row) == remote_refs(remote, f"refs/heads/{branch or 'develop'}")
        state = await given.engine.catalog.repo_state(row.id)
        some = Git(remote.folder / "some.git")
        assert {oid.hex() for oid in state.shallow} == {some("rev-parse", end) for end in ends}
        assert (row.status, row.exact) == ("ready", True)
        assert row.last_push_at is not None


async def test_a_folder_of_files_has_no_depth(tmp_path: Path, remote: HttpsRemote) -> None:
    """It takes a server to cut a history off; the job log says so."""
    async with importing(tmp_path, remote) as given:
        await given.begin("files/some.git", depth=1)
        job = await given.end()
        assert (job.outcome, job.detail) == ("failed", "InvalidInput: the remote cannot cut its history off at a depth")


async def test_an_empty_repository_comes_empty(tmp_path: Path, remote: HttpsRemote) -> None:
    """It is ready at once."""
    async with importing(tmp_path, remote) as given:
        await given.begin("repos/empty.git")
        assert (await given.end()).outcome == "done"
        assert (await given.find()).status == "ready"


async def test_credentials_are_used_and_kept_nowhere(
    tmp_path: Path, remote: HttpsRemote, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in the source, nor in the job log, nor in what is logged, be they right or wrong."""
    right = f"{quote(USER)}:{quote(PASSWORD, safe='')}"
    async with importing(tmp_path, remote) as given:
        for shown, name in ((right, "copy"), (f"{right}x", "other"), ("", "other")):
            url = f"https://{shown}@localhost:{remote.port}/private/some.git"
            wish = ImportWish(name, url)
            if name == "copy":
                made = await given.imports.begin(ACCOUNT, "default", wish)
                assert made.row.source == f"git:{remote.url}/private/some.git"
                assert (await given.end()).outcome == "done"
                continue
            with pytest.raises(RemoteAuthRequired) as refused:
                await given.imports.begin(ACCOUNT, "default", wish)
            assert PASSWORD not in str(refused.value)
        jobs = await given.engine.catalog.recent_jobs(100)
    logged = "".join(capsys.readouterr())
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert secret not in logged + str(jobs)
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("forbidden/some.git", RemoteAuthRequired),
        ("missing/some.git", NotFound),
        ("html/some.git", NotARepository),
        ("teapot/some.git", NotARepository),
        ("moved/some.git", NotARepository),
        ("broken/some.git", RemoteUnavailable),
        ("slow/some.git", RemoteTimeout),
        ("hang/some.git", RemoteTimeout),
        ("drip/some.git", RemoteTimeout),
    ],
)
async def test_what_is_wrong_is_told_before_anything_is_made(
    tmp_path: Path, remote: HttpsRemote, path: str, kind: type[Exception]
) -> None:
    """Each failure of a remote has its own class; there is neither a repo nor a job then."""
    async with importing(tmp_path, remote, import_probe_seconds=2) as given:
        with pytest.raises(kind) as refused:
            await given.begin(path)
        assert type(refused.value) is kind
        with pytest.raises(NotFound):
            await given.find()
        assert not await given.engine.catalog.recent_jobs(1)


async def test_a_redirect_is_not_followed(tmp_path: Path, remote: HttpsRemote) -> None:
    """Whatever it leads to, nothing is asked there."""
    before = remote.seen["GET repos"]
    async with importing(tmp_path, remote) as given:
        with pytest.raises(NotARepository, match="redirects"):
            await given.begin("moved/some.git")
    assert remote.seen["GET repos"] == before


async def test_objects_are_not_sought_elsewhere(tmp_path: Path, remote: HttpsRemote) -> None:
    """A folder of files may say that its objects lie at another URL, which is anywhere: nothing is asked there."""
    info = remote.folder / "poor.git" / "objects" / "info"
    info.mkdir(parents=True)
    (info / "http-alternates").write_text(f"{remote.url}/elsewhere/objects\n")
    (info / "packs").write_text("\n")
    (info.parent.parent / "HEAD").write_text("ref: refs/heads/main\n")
    (info.parent.parent / "info").mkdir()
    (info.parent.parent / "info" / "refs").write_text(f"{'11' * 20}\trefs/heads/main\n")
    async with importing(tmp_path, remote, import_attempts=1) as given:
        await given.begin("files/poor.git")
        assert (await given.end()).outcome == "failed"
    assert remote.seen["GET files"] > 0
    assert remote.seen["GET elsewhere"] == 0


async def test_the_loopback_is_refused_unless_it_is_allowed(tmp_path: Path, remote: HttpsRemote) -> None:
    """Nothing is asked of it."""
    before = remote.seen.total()
    async with importing(tmp_path, remote, import_allowed_networks="") as given:
        for host in ("localhost", "127.0.0.1", "[::1]"):
            url = f"https://{host}:{remote.port}/repos/some.git"
            with pytest.raises(InvalidInput, match="not in the public network"):
                await given.imports.begin(ACCOUNT, "default", ImportWish("copy", url))
    assert remote.seen.total() == before


async def test_git_connects_where_it_was_checked(tmp_path: Path, remote: HttpsRemote) -> None:
    """A name that the system does not know is reached at the address that the import's own look-up gave."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async with importing(tmp_path, remote) as given:
        imports = Imports(given.engine, resolve=resolve)
        url = f"https://no-such-host.invalid:{remote.port}/repos/some.git"
        with pytest.raises(RemoteUnavailable, match="certificate"):  # so it was reached: the name is not in there
            await imports.begin(ACCOUNT, "default", ImportWish("copy", url))


async def test_a_certificate_of_nobody_is_refused(tmp_path: Path, remote: HttpsRemote) -> None:
    """Without the operator's file the remote's certificate is worth nothing."""
    async with importing(tmp_path, remote, import_ca_file="") as given:
        with pytest.raises(RemoteUnavailable, match="certificate"):
            await given.begin()


async def test_the_name_and_the_url_are_checked_first(tmp_path: Path, remote: HttpsRemote) -> None:
    """Nothing is asked of the remote for a repo that could not be."""
    async with importing(tmp_path, remote) as given:
        await given.begin()
        await given.end()
        before = remote.seen.total()
        with pytest.raises(AlreadyExists, match="repo already exists: copy"):
            await given.begin()
        with pytest.raises(InvalidRepoName):
            await given.begin(name="x")
        with pytest.raises(InvalidInput):
            await given.imports.begin(ACCOUNT, "default", ImportWish("other", "http://localhost/a"))
        assert remote.seen.total() == before


async def test_a_remote_that_fails_once_is_tried_again(tmp_path: Path, remote: HttpsRemote) -> None:
    """The second try brings everything."""
    async with importing(tmp_path, remote) as given:
        await given.begin("flaky/some.git")
        assert (await given.end()).outcome == "done"
        assert remote.seen["flaky fetch"] == 1
        assert await refs_of(given.engine, await given.find()) == remote_refs(remote, "refs/heads", "refs/tags")


@pytest.mark.parametrize(
    ("path", "limits", "detail"),
    [
        ("rubbish/some.git", {"import_attempts": 2}, "RemoteUnavailable: the connection to the remote failed"),
        ("repos/some.git", {"import_bytes_max": 300}, "LimitExceeded: the remote repository is larger than 300 bytes"),
        ("repos/some.git", {"repo_bytes_max": 300}, "RejectedPack: the repo would be larger than 300 bytes"),
        ("stuck/some.git", {"import_idle_seconds": 1, "import_attempts": 1}, "RemoteTimeout: the remote took too long"),
        ("stuck/some.git", {"import_seconds": 2}, "RemoteTimeout: the "),
    ],
)
async def test_an_import_that_fails_leaves_no_repo(
    tmp_path: Path, remote: HttpsRemote, path: str, limits: dict[str, int], detail: str
) -> None:
    """The job log says why."""
    async with importing(tmp_path, remote, **limits) as given:
        made = await given.begin(path)
        job = await given.end()
        assert (job.outcome, job.repo) == ("failed", made.row.id)
        assert job.detail.startswith(detail)
        with pytest.raises(NotFound):
            await given.find()


async def test_deleting_the_repo_ends_the_import(tmp_path: Path, remote: HttpsRemote) -> None:
    """Whichever process the deletion came to; the name is free for another, which stays."""
    async with importing(tmp_path, remote) as given:
        remote.asked.clear()
        await given.begin("stuck/some.git")
        await asyncio.to_thread(remote.asked.wait)
        with pytest.raises(ImportInProgress):
            await given.begin()
        await given.engine.catalog.delete_repo(ACCOUNT, "default", "copy", Milliseconds(NOW))
        again = await given.begin("repos/empty.git")
        await asyncio.gather(*given.imports._running)
        outcomes = {job.detail: job.outcome for job in await given.engine.catalog.recent_jobs(2)}
        assert outcomes["the repo is gone"] == "skipped"
        row = await given.find()
        assert (row.id, row.status) == (again.row.id, "ready")


async def test_stopping_ends_imports_and_takes_their_repos_away(tmp_path: Path, remote: HttpsRemote) -> None:
    """Nobody would go on with them."""
    async with importing(tmp_path, remote) as given:
        remote.asked.clear()
        await given.begin("stuck/some.git")
        await asyncio.to_thread(remote.asked.wait)
        given.imports.start()
        await given.imports.stop()
        with pytest.raises(NotFound):
            await given.find()
        (job,) = await given.engine.catalog.recent_jobs(1)
        assert (job.outcome, job.detail) == ("skipped", "the server stopped meanwhile")


async def test_only_so_many_are_under_way(tmp_path: Path, remote: HttpsRemote) -> None:
    """One more is told to come back later."""
    async with importing(tmp_path, remote, import_queue=1) as given:
        remote.asked.clear()
        await given.begin("stuck/some.git")
        with pytest.raises(Unavailable, match="too many imports"):
            await given.begin(name="other")


async def test_more_refs_than_a_repo_may_have_are_refused(tmp_path: Path, remote: HttpsRemote) -> None:
    """Before anything is made."""
    async with importing(tmp_path, remote, refs_max=2) as given:
        with pytest.raises(LimitExceeded):
            await given.begin()
        with pytest.raises(NotFound):
            await given.find()


async def test_what_a_dead_process_left_is_taken_away(tmp_path: Path, remote: HttpsRemote) -> None:
    """A repo that is being imported by nobody goes; one that somebody is at stays."""
    async with importing(tmp_path, remote) as given:
        left = await given.begin("repos/empty.git", name="left-over")
        await given.end()
        await given.engine.catalog.update_repo(left.row.id, RepoChanges(status="importing"), Milliseconds(NOW))
        remote.asked.clear()
        alive = await given.begin("stuck/some.git", name="alive")
        await asyncio.to_thread(remote.asked.wait)
        for _ in range(2):
            await Imports(given.engine).recover()
        with pytest.raises(NotFound):
            await given.find("left-over")
        assert await given.find("alive") == alive.row
        recovered = [job for job in await given.engine.catalog.recent_jobs(10) if job.kind == "import-recovery"]
        assert [(job.outcome, job.repo) for job in recovered] == [("done", left.row.id)]


async def test_what_was_left_is_looked_for_from_the_start(tmp_path: Path, remote: HttpsRemote) -> None:
    """Without anybody asking for it."""
    async with importing(tmp_path, remote) as given:
        left = await given.begin("repos/empty.git")
        await given.end()
        await given.engine.catalog.update_repo(left.row.id, RepoChanges(status="importing"), Milliseconds(NOW))
        given.imports.start()
        async with asyncio.timeout(30):
            while await given.engine.catalog.importing_repos():
                await asyncio.sleep(0.01)
        with pytest.raises(NotFound):
            await given.find()


async def test_a_name_that_is_taken_meanwhile_is_refused(tmp_path: Path, remote: HttpsRemote) -> None:
    """Whoever had it first keeps it."""
    async with importing(tmp_path, remote) as given:

        async def resolve(_host: str, _port: int) -> list[str]:
            await given.begin("repos/empty.git")
            await given.end()
            return ["127.0.0.1"]

        imports = Imports(given.engine, resolve=resolve)
        with pytest.raises(AlreadyExists):
            await imports.begin(ACCOUNT, "default", ImportWish("copy", f"{remote.url}/repos/some.git"))
        assert (await given.find()).source == f"git:{remote.url}/repos/empty.git"
        await imports.stop()
