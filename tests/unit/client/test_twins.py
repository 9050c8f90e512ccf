"""The blocking client and the awaited one have the same verbs."""

import inspect
import subprocess
import sys

import pytest

from treehold.client import Artifacts, AsyncArtifacts, AsyncRepo, Repo

WAYS_IN_AND_OUT = {"__enter__": "__aenter__", "__exit__": "__aexit__"}
SERVER_ONLY = ("httpx", "pydantic", "fastapi", "starlette", "uvicorn", "structlog", "sqlite3", "asyncio", "typer")


def verbs(kind: type) -> dict[str, list[inspect.Parameter]]:
    """The public methods and their parameters, without what they answer."""
    return {
        WAYS_IN_AND_OUT.get(name, name): list(inspect.signature(method).parameters.values())
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if name in {"__init__", *WAYS_IN_AND_OUT, *WAYS_IN_AND_OUT.values()} or not name.startswith("_")
    }


@pytest.mark.parametrize(("blocking", "awaited"), [(Artifacts, AsyncArtifacts), (Repo, AsyncRepo)])
def test_same_verbs(blocking: type, awaited: type) -> None:
    """Both kinds take the same arguments for the same verbs, down to the defaults."""
    left, right = verbs(blocking), verbs(awaited)
    if blocking is Repo:  # made by dataclass, with links of different kinds
        del left["__init__"], right["__init__"]
    assert left == right
    assert len(left) >= 10


def test_import_is_light() -> None:
    """Importing the client loads nothing of the server, nor what the first call needs."""
    program = "import sys, treehold.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & set(SERVER_ONLY)
    ours = {name for name in loaded if name.startswith("treehold.") and not name.startswith("treehold.client")}
    assert not ours


def test_first_client_loads_no_server() -> None:
    """A client in use has loaded an HTTP library, and still nothing of the server."""
    program = "import sys, treehold.client; treehold.client.Artifacts(token='t').close(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "httpx" in loaded
    assert not set(loaded) & {"pydantic", "fastapi", "starlette", "uvicorn", "structlog", "sqlite3", "typer"}
