"""What tests share: a live server for each test process, and the bundled history."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live_server import BUNDLE, Git, LiveServer, Repo


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that all tests of this process share; each makes repos of its own."""
    with LiveServer(tmp_path_factory.mktemp("server") / "data") as live:
        yield live


@pytest.fixture
def repo(server: LiveServer) -> Repo:
    """A fresh empty repo."""
    return server.create(f"repo-{uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def flask(tmp_path_factory: pytest.TempPathFactory) -> Git:
    """A bare mirror of the bundled history, read-only."""
    if not BUNDLE.exists():
        pytest.skip(f"the bundled history is not at {BUNDLE}")
    folder: Path = tmp_path_factory.mktemp("flask")
    Git(folder)("clone", "-q", "--mirror", str(BUNDLE), "flask.git")
    return Git(folder / "flask.git")


@pytest.fixture(scope="session")
def flask_repo(server: LiveServer, flask: Git) -> Repo:
    """A repo of the shared server with the bundled history in it; tests fork it and leave it as it is."""
    repo = server.create(f"flask-{uuid4().hex[:12]}")
    flask.showing(repo.token)("push", "-q", "--mirror", repo.remote)
    return repo
