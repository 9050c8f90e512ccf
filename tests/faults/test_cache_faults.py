"""What the node keeps on disk for fetches, damaged, without space, and left behind by a server that was killed."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.watched import HALF_BYTES, Watched, is_running, questions, until
from tests.live_server import GitFailed, new_git

FAILED = "the server failed to make the pack"
BASE = "base"
BESIDE = "beside"
FILES = {
    "base's pack": (BASE, "objects/pack/*.pack"),
    "base's index": (BASE, "objects/pack/*.idx"),
    "bitmap": (BASE, "objects/pack/*.bitmap"),
    "multi-pack-index": (BASE, "objects/pack/multi-pack-index"),
    "commit graph": (BASE, "objects/info/commit-graph"),
    "base's lock": (BASE, "in-use.lock"),
    "pack": (BESIDE, "objects/pack/*.pack"),
    "index": (BESIDE, "objects/pack/*.idx"),
    "alternates": (BESIDE, "objects/info/alternates"),
    "lock": (BESIDE, "in-use.lock"),
}


def garble_head(data: bytes) -> bytes:
    return b"\xde\xad" * 50 + data[100:]


def garble_middle(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 0x55 for byte in data[middle : middle + 3000]) + data[middle + 3000 :]


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "removed": lambda _: None,
    "emptied": lambda _: b"",
    "cut": lambda data: data[: len(data) // 2],
    "garbled at its head": garble_head,
    "garbled in the middle": garble_middle,
}


@pytest.fixture(scope="module")
def watched_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with Watched.start(tmp_path_factory.mktemp("watched")) as watched:
        yield watched


@pytest.fixture
def watched(watched_server: Watched) -> Iterator[Watched]:
    """A server with nothing in its caches; what is stored must be the same afterwards."""
    watched_server.forget()
    stored = watched_server.stored()
    yield watched_server
    assert watched_server.stored() == stored
    until(watched_server.is_idle)


def damage(file: Path, how: str) -> None:
    """Put something else in a file's place; the file itself may be the store's."""
    changed = DAMAGE[how](file.read_bytes())
    if changed is None:
        file.unlink()
        return
    other = file.with_name("other")
    other.write_bytes(changed)
    other.rename(file)


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("which", FILES)
def test_a_damaged_layout_is_noticed_and_made_anew(watched: Watched, which: str, how: str) -> None:
    """Whichever file of a laid-out repo is lost or damaged between requests, every fetch is answered rightly."""
    if (which, how) == ("base's pack", "garbled in the middle"):
        pytest.skip("git does not see it: see the next test")
    watched.warm_up()
    layout, pattern = FILES[which]
    (file,) = (watched.base() if layout == BASE else watched.beside()).glob(pattern)
    damage(file, how)
    watched.forget_answers()
    for name in ("commits", "files"):
        assert watched.is_right(name), name


def test_a_layout_that_has_rested_is_checked_before_its_use(watched: Watched) -> None:
    """Damage that git would copy into its answer is noticed when a layout was not used for long."""
    watched.warm_up()
    damage(next(watched.base().glob("objects/pack/*.pack")), "garbled in the middle")
    os.utime(watched.base() / "in-use.lock", (1, 1))
    assert watched.is_right("branch")


@pytest.mark.parametrize("layouts", [[BASE], [BESIDE], [BASE, BESIDE]])
def test_a_layout_that_is_removed_is_made_anew(watched: Watched, layouts: list[str]) -> None:
    """Whole layouts can go between requests."""
    watched.warm_up()
    for path in [watched.base() if layout == BASE else watched.beside() for layout in layouts]:
        shutil.rmtree(path)
    watched.forget_answers()
    for name in ("commits", "files"):
        assert watched.is_right(name), name


def test_bitmaps_come_back_with_the_new_layout(watched: Watched) -> None:
    """The layout that takes a damaged one's place gets help of its own."""
    watched.warm_up()
    old = watched.base()
    damage(next(old.glob("objects/pack/*.idx")), "emptied")
    watched.forget_answers()
    assert watched.is_right("branch")
    until(lambda: list(watched.base().glob("objects/pack/*.bitmap")))
    assert watched.base() != old
    assert not old.exists()


def test_others_at_work_on_a_damaged_layout_are_let_finish(watched: Watched) -> None:
    """While git runs for one client, another finds damage that this run does not meet: both are answered rightly."""
    watched.warm_up()
    watched.forget_answers()
    with watched.asking(questions()["branch"].request) as at_work:
        with watched.holding("half-pack-objects"):
            assert at_work.begin() == "computed"
            damage(next(watched.base().glob("objects/pack/*.idx")), "emptied")
            assert watched.is_right("commits")
        answer = at_work.rest()
    assert answer.error == ""
    assert answer.oids() == questions()["branch"].expected


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["commits", "files"])
def test_a_damaged_answer_is_never_taken_for_whole(watched: Watched, name: str, how: str) -> None:
    """A damaged kept answer ends in an error if it has begun, else is made anew, and is right the next time."""
    assert watched.is_right(name)
    (file,) = watched.files("answers")
    damage(file, how)
    answer = watched.ask(name)
    if answer.error:
        assert (answer.status, answer.plan, answer.error) == (200, "cached", FAILED)
    else:
        assert answer.oids() == questions()[name].expected
    assert bool(answer.error) == (name == "commits" and how not in ("removed", "emptied"))
    assert watched.is_right(name)


def test_git_takes_no_damaged_answer(watched: Watched) -> None:
    """A real client's clone fails on a damaged answer, and works when it is tried again."""
    repo = watched.raw.repo
    clone = ["clone", "-q", "--bare", "--single-branch", "--no-tags", repo.remote]
    git = new_git(watched.notes / f"git-{os.urandom(4).hex()}", repo.token)
    git(*clone, "first")
    (file,) = watched.files("answers")
    damage(file, "garbled in the middle")
    git.fails(*clone, "second")
    git(*clone, "third")
    git.at("third").fsck()
    assert git.at("third").objects() == git.at("first").objects()


@pytest.mark.parametrize("how", ["cut", "garbled at its end", "removed"])
def test_an_answer_damaged_while_it_is_read(watched: Watched, how: str) -> None:
    """A client in the middle of a kept answer is told of damage that it has not read yet, the next one is not hit."""
    watched.ask("branch")
    (file,) = watched.files("answers")
    with watched.asking(questions()["branch"].request) as slow:
        assert slow.begin() == "cached"
        damage_in_place(file, how)
        answer = slow.rest()
    if how == "removed":
        assert answer.oids() == questions()["branch"].expected
    assert answer.error == ("" if how == "removed" else FAILED)
    assert is_whole(watched, answer.pack) == (how == "removed")
    assert watched.is_right("branch")


def damage_in_place(file: Path, how: str) -> None:
    size = file.stat().st_size
    if how == "cut":
        os.truncate(file, size - 1000)
    elif how == "removed":
        file.unlink()
    else:
        with file.open("r+b") as opened:
            opened.seek(size - 1000)
            opened.write(bytes(500))


def is_whole(watched: Watched, pack: bytes) -> bool:
    """Whether git takes it for a pack."""
    try:
        new_git(watched.notes / f"git-{os.urandom(4).hex()}")("index-pack", "--stdin", stdin=pack)
    except GitFailed:
        return False
    return True


@pytest.mark.parametrize("how", ["cut", "garbled at its end"])
def test_an_answer_damaged_while_it_is_computed(watched: Watched, how: str) -> None:
    """Damage to what has been written of an unfinished answer is told, and the answer is not kept."""
    with watched.asking(questions()["branch"].request) as slow:
        with watched.holding("half-pack-objects"):
            assert slow.begin() == "computed"
            (file,) = watched.files("answers")
            until(lambda: file.stat().st_size >= HALF_BYTES)
            damage_in_place(file, how)
            if how == "cut":
                assert slow.rest().error == FAILED
        if how != "cut":
            assert slow.rest().error == FAILED
        assert watched.is_right("branch")


@pytest.mark.parametrize("how", ["cut", "removed"])
def test_a_layout_damaged_while_git_reads_it(watched: Watched, how: str) -> None:
    """When a pack is cut off or removed under a running git its client is told or gets it all, and the next one all."""
    watched.warm_up()
    watched.forget_answers()
    (file,) = watched.base().glob("objects/pack/*.pack")
    with watched.asking(questions()["branch"].request) as client:
        with watched.holding("half-pack-objects"):
            assert client.begin() == "computed"
            if how == "cut":
                os.truncate(file, file.stat().st_size // 2)
            else:
                file.unlink()
        answer = client.rest()
    assert answer.error in ("", FAILED)
    assert is_whole(watched, answer.pack) == (not answer.error)
    assert (how, bool(answer.error)) in (("cut", True), ("removed", False))
    assert watched.is_right("branch")


@pytest.mark.parametrize("file_bytes_max", [5_000, 100_000, 8_500_000, 8_563_000])
def test_no_space_for_an_answer(watched: Watched, file_bytes_max: int) -> None:
    """Where the disk is full while an answer is computed the client is told, nothing of it stays, and space helps."""
    watched.warm_up()
    watched.forget_answers()
    with watched.disk_of(file_bytes_max):
        answer = watched.ask("branch")
        assert (answer.status, answer.error == FAILED) in ((500, False), (200, True))
        until(watched.is_idle)
        assert not watched.files("answers")
        assert watched.is_right("files")
    assert watched.is_right("branch")


@pytest.mark.parametrize("file_bytes_max", [100, 1_000, 40_000, 1_000_000, 8_563_530])
def test_no_space_for_a_layout(watched: Watched, file_bytes_max: int) -> None:
    """Where the disk is full while a repo is laid out the client is told, no half of it stays, and space helps."""
    with watched.disk_of(file_bytes_max):
        answer = watched.ask("commits")
        assert (answer.status, answer.plan) == (500, None)
        until(watched.is_idle)
        assert not list((watched.cache / "repos").glob("*/objects/pack/*"))
    assert watched.is_right("commits")
    assert watched.is_right("branch")


@pytest.mark.parametrize("file_bytes_max", [10_000, 50_000])
def test_no_space_for_bitmaps(watched: Watched, file_bytes_max: int) -> None:
    """Where the disk is full while bitmaps are made fetches go on without."""
    with watched.holding("hold-cat-file"):
        assert watched.is_right("commits")
        until(watched.children)
        with watched.disk_of(file_bytes_max):
            watched.let_go("hold-cat-file")
            until(watched.is_idle)
    assert not list((watched.cache / "repos").glob("*/objects/pack/*.bitmap"))
    watched.forget_answers()
    for name in questions():
        assert watched.is_right(name)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Watched]:
    """A server to be killed."""
    with Watched.start(tmp_path) as watched:
        yield watched


@pytest.mark.parametrize("step", ["an answer", "an answer's beginning", "the commit graph", "the bitmaps"])
def test_a_server_killed_at_work(mortal: Watched, step: str) -> None:
    """After a kill in the middle of a computation nothing of it is left or used, and every fetch is right."""
    how = {
        "an answer": "half-pack-objects",
        "an answer's beginning": "hold-pack-objects",
        "the commit graph": "hold-commit-graph",
        "the bitmaps": "hold-multi-pack-index",
    }[step]
    with mortal.holding(how), mortal.asking(questions()["branch"].request):
        until(lambda: mortal.calls(how.partition("-")[2]))
        if step == "an answer":
            until(lambda: any(path.stat().st_size >= HALF_BYTES for path in mortal.files("answers")))
        orphans = mortal.children()
        mortal.server.kill()
        left = mortal.files("answers") | mortal.files("git")
        assert left
        mortal.server.start()
        assert not left & (mortal.files("answers") | mortal.files("git"))
        assert mortal.is_idle()
    until(lambda: not any(map(is_running, orphans)))
    for name in questions():
        assert mortal.is_right(name), name
    assert list(mortal.cache.glob("repos/*/objects/pack/*.lock")) == []


def test_a_server_killed_while_it_lays_out_a_repo(mortal: Watched) -> None:
    """Half a layout that a kill leaves behind is gone after the start, and every fetch is right."""
    with mortal.asking(questions()["branch"].request):
        until(lambda: list((mortal.cache / "repos").glob(".new-*")))
        mortal.server.kill()
    mortal.server.start()
    assert list((mortal.cache / "repos").iterdir()) == []
    for name in questions():
        assert mortal.is_right(name), name
