"""What becomes of imports when the server stops or dies."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.https_remote import HttpsRemote
from tests.live_server import Git, LiveServer, new_git

SECONDS = 60.0


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsRemote]:
    with HttpsRemote(tmp_path_factory.mktemp("remote")) as https:
        new_git(https.folder / "work").commit({"a.txt": "one\n"})
        Git(https.folder)("clone", "-q", "--mirror", "work", "some.git")
        yield https


def importer(folder: Path, remote: HttpsRemote, **settings: str) -> LiveServer:
    limits = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits(lease_seconds=3).items()}
    return LiveServer(folder / "data", settings={**limits, **settings})


def begin(server: LiveServer, remote: HttpsRemote) -> None:
    remote.asked.clear()
    server.result("POST", "/repos/half-done/import", {"url": f"{remote.url}/stuck/some.git"})
    assert remote.asked.wait(SECONDS)


def test_a_server_that_stops_leaves_no_half_imported_repo(tmp_path: Path, remote: HttpsRemote) -> None:
    """It is gone when the server is up again, and its name is free."""
    server = importer(tmp_path, remote).start()
    begin(server, remote)
    assert server.stop() == 0
    with server:
        assert server.call("GET", "/repos/half-done").status_code == 404


@pytest.mark.parametrize("step", ["", "import.created", "import.committed"])
def test_a_server_that_is_killed_leaves_no_half_imported_repo(tmp_path: Path, remote: HttpsRemote, step: str) -> None:
    """Wherever it died the next one takes the repo away once the lease has run out, and the name can be used again."""
    server = importer(tmp_path, remote, TREEHOLD_FAILPOINT=step).start()
    if step:
        with contextlib.suppress(httpx.TransportError):  # the answer may have gone out before it died, or not
            server.result("POST", "/repos/half-done/import", {"url": f"{remote.url}/repos/some.git"})
        assert server.process is not None
        server.process.wait(SECONDS)
    else:
        begin(server, remote)
        server.kill()
    server = importer(tmp_path, remote)
    with server:
        deadline = time.monotonic() + SECONDS
        while server.call("GET", "/repos/half-done").status_code != 404:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        server.result("POST", "/repos/half-done/import", {"url": f"{remote.url}/repos/some.git"})
