"""How often programs and Git clients may come."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.live_server import API_TOKEN, NO_TLS, Git, LiveServer, Repo, new_git

SETTINGS = {
    "TREEHOLD_LIMITS__API_REQUESTS_MAX": "30",
    "TREEHOLD_LIMITS__GIT_REQUESTS_MAX": "20",
    "TREEHOLD_LIMITS__RATE_SECONDS": "3600",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of two processes that lets few requests in an hour."""
    with LiveServer(tmp_path_factory.mktemp("strict") / "data", workers=2, settings=SETTINGS) as server:
        yield server


@pytest.fixture(scope="module")
def repos(strict: LiveServer) -> dict[str, Repo]:
    """A repo in each of some namespaces, made before anybody uses up what may be asked."""
    return {name: strict.create("some-repo", namespace=name) for name in ("busy", "calm", "git", "guarded")}


def refs(repo: Repo) -> httpx.Response:
    """One Git request, over a connection of its own: any process may answer."""
    headers = {"authorization": f"Bearer {repo.secret}"}
    return httpx.get(f"{repo.remote}/info/refs?service=git-upload-pack", headers=headers, verify=NO_TLS)


def test_git_is_counted_by_namespace_over_all_processes(strict: LiveServer, repos: dict[str, Repo]) -> None:
    """After so many requests the next is told to wait, and how long; another namespace is served on."""
    answers = [refs(repos["busy"]) for _ in range(30)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 10
    told = answers[-1].headers
    assert 1 <= int(told["retry-after"]) <= 3600
    assert (told["ratelimit-limit"], told["ratelimit-remaining"]) == ("20", "0")
    assert told["ratelimit-reset"] == told["retry-after"]
    assert "more than 20 requests in 3600 seconds" in answers[-1].text
    assert refs(repos["calm"]).status_code == 200


def test_a_git_client_is_told(strict: LiveServer, repos: dict[str, Repo], tmp_path: Path) -> None:
    """Neither a fetch nor a push goes through, and git says why."""
    while refs(repos["git"]).status_code == 200:
        pass
    assert "429" in Git(tmp_path, repos["git"].token).fails("clone", "-q", repos["git"].remote, "clone")
    git = new_git(tmp_path / "work", repos["git"].token)
    git.commit({"a": "1"})
    assert "429" in git.fails("push", "-q", repos["git"].remote, "main")


def test_who_is_not_let_in_does_not_count(strict: LiveServer, repos: dict[str, Repo]) -> None:
    """Strangers cannot use up what an account may ask."""
    for _ in range(50):
        assert refs(Repo("some-repo", repos["guarded"].remote, "art_v1_" + "0" * 40)).status_code == 403
    assert refs(repos["guarded"]).status_code == 200


def test_programs_are_counted_by_account(strict: LiveServer, repos: dict[str, Repo]) -> None:
    """The envelope has the code, the headers say how long to wait."""
    headers = {"authorization": f"Bearer {API_TOKEN}"}
    url = f"{strict.base}/namespaces/default/repos"
    answers = [httpx.get(url, headers=headers, verify=NO_TLS) for _ in range(31)]
    assert answers[0].status_code == 200
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["code"] == 10429
    assert (refused.headers["ratelimit-limit"], refused.headers["ratelimit-remaining"]) == ("30", "0")
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]
