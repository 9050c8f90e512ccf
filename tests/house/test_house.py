"""The house holds itself to its own rules: sizes, signs, twins and docstrings."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "treehold"
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
MODULES = sorted(SOURCE.rglob("*.py"))
PURE_ROOMS = ("protocol", "objects", "packs", "auth")
PUBLIC_ROOMS = {"client"}
"""Rooms that people import from by the room's own name."""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        assert first.end_lineno is not None
        lines -= first.end_lineno - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_module_keeps_its_size_and_says_what_it_is(path: Path) -> None:
    """A module is at most 400 lines, opens with a docstring and has no name that says nothing."""
    text = path.read_text()
    assert len(text.splitlines()) <= MODULE_LINES_MAX
    assert path.stem not in BANNED_NAMES
    assert ast.get_docstring(ast.parse(text)) or path.name == "__init__.py"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_functions_keep_their_size(path: Path) -> None:
    """A function is at most 50 lines of code."""
    too_long = {
        function.name: code_lines(function)
        for function in functions(ast.parse(path.read_text()))
        if code_lines(function) > FUNCTION_LINES_MAX
    }
    assert not too_long


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_public_names_have_docstrings(path: Path) -> None:
    """Whatever another module may use is described where it is defined."""
    tree = ast.parse(path.read_text())
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare


@pytest.mark.parametrize("room", [path for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"])
def test_room_has_a_sign_and_nothing_else_in_it(room: Path) -> None:
    """A room's ``__init__.py`` says what the room is for and re-exports nothing, unless the room is for the public."""
    sign, *rest = ast.parse((room / "__init__.py").read_text()).body
    assert isinstance(sign, ast.Expr)
    if room.name in PUBLIC_ROOMS:
        *imports, names = rest
        assert all(isinstance(node, ast.ImportFrom) for node in imports)
        assert isinstance(names, ast.Assign)
    else:
        assert not rest


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_modules_of_a_pure_room_have_twins(room: str) -> None:
    """Each module of a pure room has a unit test that covers it by itself."""
    missing = [
        path.name
        for path in (SOURCE / room).glob("*.py")
        if path.name != "__init__.py" and not (ROOT / "tests" / "unit" / room / f"test_{path.name}").exists()
    ]
    assert not missing


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.stem)
def test_tests_say_what_they_show(path: Path) -> None:
    """A test's docstring is its behaviour in a sentence."""
    bare = [
        function.name
        for function in functions(ast.parse(path.read_text()))
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert not bare
