import pytest

from treehold.objects.path_safety import is_dotgit, is_plain, special_file

DOTGIT = [
    b".git", b".GIT", b".gIt", b".git.", b".git ", b".git . .", b"git~1", b"GIT~1", b"git~1.", b".git:stream",
    b"git~1:x",
    b"a\\.git", b"a\\.git\\hooks", b".git\\x", ".g\u200cit".encode(), ".git\ufeff".encode(), "\u200d.git".encode(),
    ".\u206agI\u202et".encode(), b".git\xff", b".git/x", b"a\\git~1",
]  # fmt: skip
HARMLESS = [
    b"git", b".gitignore", b".gitx", b"..git", b"git~2", b"git~10", b"x.git", b".gi", "\u200c".encode(), b"\xff.git",
    ".g\u00edt".encode(), b".git-x", b"agit~1", "\u0130.git".encode(), b" .git",
]  # fmt: skip


@pytest.mark.parametrize("name", DOTGIT)
def test_every_spelling_of_dotgit_is_known(name: bytes) -> None:
    """Case, ignored code points, trailing dots and spaces, streams, short names and backslashes hide no .git."""
    assert is_dotgit(name)
    assert not is_plain(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_names_are_harmless(name: bytes) -> None:
    """Names that only resemble .git are not it."""
    assert not is_dotgit(name)


@pytest.mark.parametrize(
    ("name", "special"),
    [
        (b".gitmodules", ".gitmodules"), (b".GITModules", ".gitmodules"), (b".gitmodules ..", ".gitmodules"),
        (b"gitmod~1", ".gitmodules"), (b"GITMOD~4", ".gitmodules"), (b"gitmod~5", None), (b"gi7eba~1", ".gitmodules"),
        (b"gi7eb~10", ".gitmodules"), (b"gi7eb~1", None), (b"~1000000", ".gitmodules"), (b"gi7eba~0", None),
        (b".gitmodules:$DATA", ".gitmodules"), (b"x\\.gitmodules", ".gitmodules"), (b"x\\y", None),
        (".git\u200cmodules".encode(), ".gitmodules"), (b".gitattributes", ".gitattributes"),
        (b"gi7d29~1", ".gitattributes"), (b"gitatt~1", ".gitattributes"), (b".gitignore", None),
        (b"x.gitmodules", None),
    ],
)  # fmt: skip
def test_files_that_git_reads_are_known(name: bytes, special: str | None) -> None:
    """.gitmodules and .gitattributes are recognised in each spelling that some file system takes for them."""
    assert special_file(name) == special
    assert special is None or not is_plain(name)


@pytest.mark.parametrize("name", [b"a", b"README.md", b"git", b"...", b"src", b".travis.yml", b"x.git"])
def test_usual_names_need_no_closer_look(name: bytes) -> None:
    """Most names are told apart at first sight."""
    assert is_plain(name)


@pytest.mark.parametrize("name", [b".", b"..", b"a/b", b"/"])
def test_path_names_need_a_closer_look(name: bytes) -> None:
    """Dots and slashes are not plain."""
    assert not is_plain(name)
