"""Tests of treehold.engine.remote_git, with a shell script in git's place."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.unit.engine.small_repo import engine_in, fake_git
from treehold.engine import remote_git
from treehold.engine.limits import Limits
from treehold.engine.remote import Remote, parse_remote_url, pin_remote
from treehold.engine.remote_git import FetchedPack, RemoteGit
from treehold.engine.remote_refs import RemoteRefs
from treehold.errors import LimitExceeded, NotARepository, RemoteTimeout
from treehold.ids import ObjectId, RefName

MAIN = RefName(b"refs/heads/main")
ONE = ObjectId(b"\x11" * 20)


async def found_at(_host: str, _port: int) -> Sequence[str]:
    return ["140.82.121.4"]


async def some_remote() -> Remote:
    return await pin_remote(parse_remote_url("https://user:hush@git.example/a.git"), Limits(), found_at)


@contextlib.asynccontextmanager
async def git_that(folder: Path, script: str, limits: Limits | None = None) -> AsyncIterator[RemoteGit]:
    async with engine_in(folder, git=fake_git(folder, script), limits=limits) as engine:
        yield RemoteGit(engine)


async def test_credentials_are_in_no_argument(tmp_path: Path) -> None:
    """Neither of the listing nor of the fetch; git gets them through its environment."""
    listing = f"{'11' * 20}\\trefs/heads/main"
    notes = 'echo "$*" >> $notes/arguments; env > $notes/environment'
    script = f'{notes}; case "$*" in *ls-remote*) printf "{listing}\\n"; esac'
    async with git_that(tmp_path, script) as git:
        remote = await some_remote()
        found = await git.list_refs(remote)
        assert found == RemoteRefs({MAIN: ONE})
        async with git.place(remote) as place:
            await git.fetch(place, remote, found)
            assert "Basic" not in repr(place)
        assert not place.git_dir.exists()
    arguments = (tmp_path / "arguments").read_text()
    assert len(arguments.splitlines()) == 2
    assert arguments.count("https://git.example/a.git") == 2
    assert "hush" not in arguments
    assert "Basic" not in arguments
    environment = (tmp_path / "environment").read_text()
    assert "=Authorization: Basic dXNlcjpodXNo\n" in environment
    assert "GIT_ALTERNATE_OBJECT_DIRECTORIES" not in environment


async def test_a_listing_has_an_end(tmp_path: Path) -> None:
    """A remote that lists without end is left, and so is one that is slow."""
    async with git_that(tmp_path, "exec yes ffffffffffffffffffffffffffffffff") as git:
        with pytest.raises(LimitExceeded, match="lists more than"):
            await git.list_refs(await some_remote())
    slow = tmp_path / "slow"
    slow.mkdir()
    async with git_that(slow, "exec sleep 1000", Limits(import_probe_seconds=1)) as git:
        with pytest.raises(RemoteTimeout):
            await git.list_refs(await some_remote())


async def test_a_listing_of_nothing_is_looked_at_twice(tmp_path: Path) -> None:
    """It is an empty repository only if the remote speaks protocol v2."""
    speaks = 'case "$*" in *remote-https*) printf "\\n000eversion 2\\n"; sleep 1000; esac'
    async with git_that(tmp_path, speaks) as git:
        assert await git.list_refs(await some_remote()) == RemoteRefs({})
    page = tmp_path / "page"
    page.mkdir()
    async with git_that(page, 'case "$*" in *remote-https*) echo fallback; exit 1; esac') as git:
        with pytest.raises(NotARepository):
            await git.list_refs(await some_remote())


async def test_a_depth_is_asked_for(tmp_path: Path) -> None:
    """Only if somebody wants it; that the remote may be cut off itself git is told in any case."""
    async with git_that(tmp_path, 'echo "$*" >> $notes/arguments') as git:
        remote = await some_remote()
        async with git.place(remote) as place:
            await git.fetch(place, remote, RemoteRefs({MAIN: ONE}))
            await git.fetch(place, remote, RemoteRefs({MAIN: ONE}), depth=7)
    whole, part = (tmp_path / "arguments").read_text().splitlines()
    assert "--depth" not in whole
    assert "--update-shallow" in whole
    assert part.endswith(f"--depth=7 {remote.url}")


async def test_the_ends_are_commits_that_came(tmp_path: Path) -> None:
    """A remote may name what it likes: what did not come, and what is no commit, is left out."""
    oids = [bytes([number]) * 20 for number in range(1, 4)]
    answer = f"{oids[0].hex()} missing\\ncommit {oids[1].hex()}\\nblob {oids[2].hex()}\\n"
    script = f'cat > $notes/asked; printf "{answer}"'
    async with git_that(tmp_path, script) as git, git.place(await some_remote()) as place:
        assert await git.boundary(place) == frozenset()
        assert not (tmp_path / "asked").exists()
        listed = b"".join(b"%s\n" % oid.hex().encode() for oid in oids)
        (place.git_dir / "shallow").write_bytes(listed)
        assert await git.boundary(place) == {oids[1]}
        assert (tmp_path / "asked").read_bytes() == listed


async def test_a_history_has_only_so_many_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a client could name when it fetches are refused."""
    monkeypatch.setattr(remote_git, "_BOUNDARY_COMMITS_MAX", 1)
    async with git_that(tmp_path, "exit 1") as git, git.place(await some_remote()) as place:
        (place.git_dir / "shallow").write_bytes((b"11" * 20 + b"\n") * 2)
        with pytest.raises(LimitExceeded, match="cut off at more than 1 commits"):
            await git.boundary(place)


def test_a_fetched_pack_is_where_it_came(tmp_path: Path) -> None:
    """Its size and its number of objects are known without moving it."""
    path = tmp_path / "some.pack"
    path.write_bytes(b"PACK\0\0\0\2\0\0\0\7" + bytes(30))
    pack = FetchedPack(path)
    assert (pack.size_bytes, pack.declared_objects, pack.file()) == (42, 7, path)
