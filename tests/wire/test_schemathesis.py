"""schemathesis makes requests of the OpenAPI document, good ones and bad ones, and compares the answers with it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.https_remote import HttpsRemote
from tests.live_server import API_TOKEN, LiveServer, new_git

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "15")
"""Requests of each operation and phase; `make fuzz` asks for more."""


def test_the_server_does_what_its_document_says(tmp_path: Path) -> None:
    """No request that the document allows is refused, none that it forbids is taken, and no answer surprises."""
    with HttpsRemote(tmp_path / "remote") as remote:
        limits = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits().items()}
        with LiveServer(tmp_path / "data", settings=limits) as server:
            told = {
                "API_TOKEN": API_TOKEN,
                "HOOKS": str(HERE / "schemathesis_hooks.py"),
                "REMOTE_URL": f"{remote.url}/repos/small.git",
                **_fill(server, tmp_path),
            }
            done = subprocess.run(
                [
                    *(Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml"),
                    *("run", f"{server.url}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES, "--no-color"),
                ],
                cwd=tmp_path,
                env={**os.environ, **told},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:] + server.output[-2_000:]


def _fill(server: LiveServer, folder: Path) -> dict[str, str]:
    """Make what the document's examples name, and a remote to import from; answers the ids of some objects."""
    repo = server.create("starter-repo")
    server.create("work--try-1")
    server.create("doomed-repo")
    git = new_git(folder / "work", repo.secret)
    commit = git.commit({"src/main.py": "print('hello')\n"})
    git("push", "-q", repo.remote, "main")
    git("clone", "-q", "--bare", ".", str(folder / "remote" / "small.git"))
    tree, blob = git("rev-parse", "HEAD^{tree}", "HEAD:src/main.py").split()
    return {"COMMIT_ID": commit, "TREE_ID": tree, "BLOB_ID": blob}
