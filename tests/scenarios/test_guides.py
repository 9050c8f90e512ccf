"""The guides that users follow, word for word from the seed documents, with only the base URL changed."""

import re
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live_server import API_TOKEN, BUNDLE, Git, LiveServer, Repo, new_git

SEEDS = BUNDLE.parents[1] / "seeds"


def guide_blocks(heading: str) -> list[str]:
    """The shell blocks of a seed page, in order."""
    for seed in sorted(SEEDS.glob("*.txt")) if SEEDS.exists() else []:
        for page in re.split(r"(?m)^---\ntitle: ", seed.read_text()):
            if page.startswith(heading):
                blocks = re.findall(r"(?ms)^Terminal window\n\n```\n(.*?)```", page)
                return [re.sub(r"\n\s*\n", "\n", block) for block in blocks]
    pytest.skip(f"the seed page {heading!r} is not there")


def localised(block: str, server: LiveServer) -> str:
    """A block with our server in place of the real service's."""
    block = block.replace("https://api.cloudflare.com", server.url)
    block = block.replace("<YOUR_API_TOKEN>", API_TOKEN).replace("<YOUR_ACCOUNT_ID>", "local")
    return block.replace("https://", "http://")


def run_shell(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=Git(folder).environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, f"{script}\n{said}"
    return said


def chosen(blocks: list[str], *words: str) -> list[str]:
    """For each word the first block that holds it."""
    return [next(block for block in blocks if word in block) for word in words]


def test_rest_get_started(server: LiveServer, tmp_path: Path) -> None:
    """The REST guide creates a repo, reads it back, pushes by header and by URL, and clones both ways."""
    blocks = guide_blocks("REST API\ndescription: Create an Artifacts repo over HTTP.")
    name = f"starter-{uuid4().hex[:8]}"
    steps = chosen(
        blocks,
        "export ARTIFACTS_NAMESPACE",
        "CREATE_RESPONSE=",
        'curl "$ARTIFACTS_BASE_URL/repos/$ARTIFACTS_REPO"',
        "mkdir artifacts-demo",
        "export ARTIFACTS_TOKEN_SECRET",
        'clone "$ARTIFACTS_REMOTE" artifacts-clone',
    )
    by_url = next(block for block in blocks if 'git clone "$ARTIFACTS_AUTH_REMOTE"' in block)
    script = "\n".join(
        [*(localised(step, server) for step in steps), "rm -rf artifacts-clone", localised(by_url, server)]
    )
    said = run_shell(script.replace('"starter-repo"', f'"{name}"', 1), tmp_path)
    assert "Initial commit" in said
    clone = Git(tmp_path / "artifacts-clone")
    assert clone("log", "--oneline", "-1").endswith("Initial commit")
    assert (tmp_path / "artifacts-clone" / "README.md").exists()


def test_git_client_example(server: LiveServer, repo: Repo, tmp_path: Path) -> None:
    """The Git client example finds the remote over REST, mints a read token and clones with header and URL."""
    work = new_git(tmp_path / "work", repo.token)
    work.commit({"README.md": "hello\n"}, "First")
    work("push", "-q", repo.remote, "main")
    blocks = [localised(block, server) for block in guide_blocks("Git client\n")]
    by_header, by_url = chosen(blocks, "REPO_JSON=", "ARTIFACTS_AUTH_REMOTE=")
    script = "\n".join([by_header.replace('"starter-repo"', f'"{repo.name}"'), "mv artifacts-clone first", by_url])
    run_shell(script, tmp_path)
    for folder in ("first", "artifacts-clone"):
        assert (tmp_path / folder / "README.md").read_text() == "hello\n"


def test_git_notes_travel(repo: Repo, tmp_path: Path) -> None:
    """Notes made as the best practices say are pushed and fetched as refs/notes/*."""
    work = new_git(tmp_path / "work", repo.token)
    work.commit({"README.md": "hello\n"}, "First")
    for block in guide_blocks("Best practices for Artifacts"):
        run_shell(block, tmp_path / "work")
    work("push", "-q", repo.remote, "main", "refs/notes/*:refs/notes/*")
    Git(tmp_path, repo.token)("clone", "-q", repo.remote, "other")
    other = Git(tmp_path / "other", repo.token)
    other("fetch", "-q", "origin", "refs/notes/*:refs/notes/*")
    note = other("notes", "show", "HEAD")
    assert note == work("notes", "show", "HEAD")
    assert note.count("\n") >= 2
