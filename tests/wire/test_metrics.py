"""What is counted and told to whoever watches the server."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.live_server import NO_TLS, Git, LiveServer, new_git


def counted(server: LiveServer) -> dict[str, float]:
    """All counters by name and labels."""
    answer = httpx.get(f"{server.url}/metrics", verify=NO_TLS)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    rows = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


@pytest.mark.parametrize("workers", [1, 2])
def test_pushes_and_fetches_are_counted_by_all_processes(tmp_path: Path, workers: int) -> None:
    """Each push, and each pack by the plan that made it, counts once, whichever process answered; no name is told."""
    with LiveServer(tmp_path / "data", workers=workers) as server:
        repo = server.create(f"counted-{uuid4().hex[:8]}")
        git = new_git(tmp_path / "work", repo.token)
        for number in range(4):
            git.commit({"a": f"{number}\n"})
            git("push", "-q", repo.remote, "main")
        for number in range(3):
            Git(tmp_path, repo.token)("clone", "-q", repo.remote, f"clone-{number}")
        now = counted(server)
        told = httpx.get(f"{server.url}/metrics", verify=NO_TLS).text
    assert now['treehold_pushes_total{outcome="taken"}'] == 4
    assert now['treehold_fetches_total{plan="whole"}'] == 3
    assert now['treehold_fetched_bytes_total{plan="whole"}'] > 300
    assert now['treehold_git_request_seconds_count{service="git-receive-pack",status="2xx"}'] == 4
    assert repo.name not in told
    assert repo.secret not in told


def test_refusals_are_counted_apart(tmp_path: Path) -> None:
    """A push that is not taken, and a request that is not let in, count under what became of them."""
    with LiveServer(tmp_path / "data") as server:
        repo = server.create(f"counted-{uuid4().hex[:8]}")
        git = new_git(tmp_path / "work", repo.token)
        git.commit({"a": "1\n"})
        git("push", "-q", repo.remote, "main")
        git("commit", "-q", "--amend", "--allow-empty", "-m", "Other")
        git.fails("push", "-q", repo.remote, "HEAD:refs/heads/main/below")
        git.showing("art_v1_" + "0" * 40).fails("push", "-q", repo.remote, "main")
        now = counted(server)
    assert now['treehold_pushes_total{outcome="refused"}'] == 1
    assert now['treehold_git_request_seconds_count{service="info/refs",status="4xx"}'] >= 1
