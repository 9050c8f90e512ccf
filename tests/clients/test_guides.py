"""The commands of the guides that tests/scenarios/test_guides.py leaves out, each on a server of its own.

Only hosts and placeholders are replaced, so the names in the guides can be taken as they stand.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.https_remote import HttpsRemote
from tests.live_server import Git, LiveServer, Repo
from tests.scenarios.test_guides import chosen, guide_blocks, localised, run_shell
from tests.scenarios.test_imports import until_ready

_STRICT_CURL = 'curl() { command curl --silent --show-error --fail-with-body "$@" && echo; }\n'
"""What an error answers would otherwise look like success to the shell."""
COMMIT = "git add -A && git commit -q -m Work"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, flask: Git) -> Iterator[HttpsRemote]:
    """What stands for the public host that the guides import from."""
    with HttpsRemote(tmp_path_factory.mktemp("outside")) as remote:
        for name in ("cloudflare/workers-sdk", "facebook/react"):
            Git(remote.folder)("clone", "-q", "--mirror", str(flask.folder), name)
        yield remote


@pytest.fixture
def fresh(tmp_path: Path, outside: HttpsRemote) -> Iterator[LiveServer]:
    """A server with nothing in it, which may import from that host."""
    settings = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in outside.limits().items()}
    with LiveServer(tmp_path / "data", settings=settings) as server:
        yield server


def steps(page: str, server: LiveServer, *words: str) -> list[str]:
    """The blocks of a page that hold these words, for our hosts."""
    return [hosted(block, server) for block in chosen(guide_blocks(page), *words)]


def hosted(block: str, server: LiveServer) -> str:
    host = server.url.removeprefix("http://")
    return localised(block, server).replace("<ACCOUNT_ID>.artifacts.cloudflare.net", host)


def run_all(folder: Path, *blocks: str) -> str:
    return run_shell(_STRICT_CURL + "\n".join(blocks), folder)


def results(said: str) -> list[Any]:
    """The results of the envelopes among the lines that were printed."""
    envelopes = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert all(envelope["success"] for envelope in envelopes)
    return [envelope["result"] for envelope in envelopes]


def test_rest_get_started_by_hand(fresh: LiveServer, tmp_path: Path) -> None:
    """Whoever copies remote and token from the answer comes as far as whoever has jq."""
    page = "REST API\ndescription: Create an Artifacts repo over HTTP."
    exports, create, paste, push, by_url, clone = steps(
        page,
        fresh,
        *("export ARTIFACTS_NAMESPACE", 'curl --request POST "$ARTIFACTS_BASE_URL/repos" ', "<PASTE_RESULT_REMOTE"),
        *("mkdir artifacts-demo", "export ARTIFACTS_TOKEN_SECRET", 'clone "$ARTIFACTS_REMOTE" artifacts-clone'),
    )
    (made,) = results(run_all(tmp_path, exports, create))
    paste = paste.replace("<PASTE_RESULT_REMOTE_FROM_RESPONSE>", made["remote"])
    paste = paste.replace("<PASTE_RESULT_TOKEN_FROM_RESPONSE>", made["token"])
    assert "Initial commit" in run_all(tmp_path, paste, push, by_url, clone)


def test_rest_reference(fresh: LiveServer, outside: HttpsRemote, tmp_path: Path) -> None:
    """Every command of the reference page is answered with success, in an order in which each has its object."""
    page = "REST API\ndescription: Manage Artifacts repos and tokens over HTTP."
    exports, create, many, one, fork, import_, mint, tokens, revoke, delete = steps(
        page,
        fresh,
        *("export ACCOUNT_ID", '"Repository for automation', "repos?limit=20", 'curl "$ARTIFACTS_BASE_URL/repos/$ART'),
        *("starter-repo-copy", "react-mirror/import", '"scope": "read"', "tokens?state=all", "tokens/tok_123"),
        '--request DELETE "$ARTIFACTS_BASE_URL/repos/$ARTIFACTS_REPO"',
    )
    import_ = import_.replace("http://github.com", f"{outside.url}/repos")
    said = results(run_all(tmp_path, exports, create, many, one, fork, import_, mint, tokens))
    made, listed, got, forked, imported, minted, its_tokens = said
    assert [row["id"] for row in listed] == [got["id"]] == [made["id"]]
    assert (got["description"], forked["name"]) == ("Repository for automation experiments", "starter-repo-copy")
    assert minted["id"] in {row["id"] for row in its_tokens}
    assert until_ready(fresh, imported["name"])["source"] == f"git:{outside.url}/repos/facebook/react.git"
    revoked, deleted = results(run_all(tmp_path, exports, revoke.replace("tok_123", minted["id"]), delete))
    assert (revoked, deleted) == ({"id": minted["id"]}, {"id": made["id"]})


def test_git_protocol(fresh: LiveServer, tmp_path: Path) -> None:
    """Both forms of credentials clone, and the URL form pushes."""
    repo = pushed_repo(fresh, tmp_path)
    by_header, secret, by_url, push = steps(
        "Git protocol\n",
        fresh,
        *('clone "$ARTIFACTS_REMOTE"', "export ARTIFACTS_TOKEN_SECRET", 'clone "$ARTIFACTS_AUTH_REMOTE"'),
        'git push "$ARTIFACTS_AUTH_REMOTE"',
    )
    exports = f"export ARTIFACTS_REMOTE='{repo.remote}' ARTIFACTS_TOKEN='{repo.token}'"
    change = f"cd artifacts-clone && echo more > more.txt && {COMMIT}"
    run_all(tmp_path, exports, by_header, "mv artifacts-clone first", secret, by_url, change, push)
    tip = Git(tmp_path / "artifacts-clone")("rev-parse", "HEAD")
    assert tip in Git(tmp_path, repo.token)("ls-remote", repo.remote, "refs/heads/main")


def pushed_repo(server: LiveServer, folder: Path) -> Repo:
    """The guides' starter-repo with a commit in it."""
    repo = server.create("starter-repo")
    Git(folder, repo.token)("clone", "-q", repo.remote, "seed")
    seed = Git(folder / "seed", repo.token)
    seed.commit({"README.md": "hello\n"}, "First")
    seed("push", "-q", "origin", "HEAD:main")
    return repo


def test_authentication(fresh: LiveServer, tmp_path: Path) -> None:
    """A repo is made and read with the API token, cloned with a read token, pushed to with a write token alone."""
    exports, create, read, clone, push = steps(
        "Authentication\n",
        fresh,
        *("export ACCOUNT_ID", '"name": "starter-repo"', 'curl "$ARTIFACTS_BASE_URL/repos/starter-repo"'),
        *("<YOUR_READ_TOKEN>", "<YOUR_WRITE_TOKEN>"),
    )
    made, got = results(run_all(tmp_path, exports, create, read))
    assert got["id"] == made["id"]
    tokens = {scope: fresh.token("starter-repo", scope=scope) for scope in ("read", "write")}
    change = f"cd artifacts-clone && echo hello > README.md && {COMMIT}"
    run_all(tmp_path, clone.replace("<YOUR_READ_TOKEN>", tokens["read"]), change)
    run_all(tmp_path / "artifacts-clone", push.replace("<YOUR_WRITE_TOKEN>", tokens["write"]))
    refused = push.replace("<YOUR_WRITE_TOKEN>", tokens["read"])
    with pytest.raises(AssertionError, match="403"):
        run_all(tmp_path / "artifacts-clone", refused)


def test_import_repositories(fresh: LiveServer, outside: HttpsRemote, flask: Git, tmp_path: Path) -> None:
    """The guide's import brings a hundred commits of a branch, which are cloned and forked like any other repo."""
    exports, import_ = steps("Import repositories\n", fresh, "export ACCOUNT_ID", "IMPORT_RESPONSE=")
    import_ = import_.replace("http://github.com", f"{outside.url}/repos")
    (made,) = results(run_all(tmp_path, exports, import_))
    assert made["name"] == "workers-sdk-baseline"
    assert until_ready(fresh, made["name"])["status"] == "ready"
    Git(tmp_path, made["token"])("clone", "-q", made["remote"], "clone")
    clone = Git(tmp_path / "clone", made["token"])
    clone.fsck()
    assert clone("rev-parse", "HEAD") == flask("rev-parse", "refs/heads/main")
    assert clone("rev-parse", "--is-shallow-repository") == "true"
    fork, _ = fresh.fork(made["name"], "its-fork")
    assert clone("rev-parse", "HEAD") in Git(tmp_path, fork.token)("ls-remote", fork.remote, "HEAD")


def test_launch_day_paths(fresh: LiveServer, tmp_path: Path) -> None:
    """The base path and the remote of the first announcement create a repo and clone it."""
    create, clone = steps("Changelog\n", fresh, "v1/api/namespaces", "git clone https://x:")
    host = fresh.url.removeprefix("http://")
    create, clone = (block.replace("artifacts.cloudflare.net", host) for block in (create, clone))
    exports = steps("Authentication\n", fresh, "export ACCOUNT_ID")[0]
    (made,) = results(run_all(tmp_path, exports, create))
    secret = made["token"].partition("?")[0]
    run_all(tmp_path, f"export REPO_TOKEN={secret}", clone)
    assert (tmp_path / "agent-007" / ".git").is_dir()
