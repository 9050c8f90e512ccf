"""A hundred agents, each with a fork of the same baseline, at work beside each other.

Usage: python agents.py [number of agents]. Where the server is comes from TREEHOLD_URL and TREEHOLD_TOKEN.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from treehold.client import AlreadyExists, AsyncArtifacts, AsyncRepo

BASELINE = "agents-baseline"
AT_ONCE = 8
"""Agents at work at once: each runs git, and a machine has only so many processors."""
PERSON = {
    "GIT_AUTHOR_NAME": "Agent",
    "GIT_AUTHOR_EMAIL": "agent@example.com",
    "GIT_COMMITTER_NAME": "Agent",
    "GIT_COMMITTER_EMAIL": "agent@example.com",
}


async def git(repo: AsyncRepo, folder: Path, *commands: tuple[str, ...]) -> None:
    """Run git commands in a folder, with a token of the repo for ten minutes that nobody else sees."""
    environment = await repo.git_env(ttl=600, onto={**os.environ, **PERSON})
    for command in commands:
        process = await asyncio.create_subprocess_exec("git", *command, cwd=folder, env=environment)
        if await process.wait() != 0:
            raise RuntimeError(f"git {command[0]} failed in {folder}")


async def make_baseline(artifacts: AsyncArtifacts) -> AsyncRepo:
    """The repo that all agents begin with, which a first run makes."""
    try:
        await artifacts.create(BASELINE, description="Where every agent begins")
    except AlreadyExists:
        return await artifacts.get(BASELINE)
    repo = await artifacts.get(BASELINE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "TASK.md").write_text("Write down what you found.\n")
        commit = ("commit", "-q", "-m", "Set the task")
        await git(repo, folder, ("init", "-q", "-b", "main"), ("add", "."), commit, ("push", "-q", repo.remote, "main"))
    return repo


async def work(artifacts: AsyncArtifacts, baseline: AsyncRepo, number: int) -> str:
    """What one agent does: fork, clone, change something, push. Answers the name of its repo."""
    name = f"{baseline.name}-{os.getpid()}-{number:03}"
    await baseline.fork(name, description=f"Agent {number}", default_branch_only=True)
    repo = await artifacts.get(name)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "work"
        await git(repo, Path(place), ("clone", "-q", repo.remote, "work"))
        (folder / "FOUND.md").write_text(f"Agent {number} found {number * number}.\n")
        commit = ("commit", "-q", "-m", f"Report of agent {number}")
        await git(repo, folder, ("add", "."), commit, ("push", "-q", "origin", "main"))
    return name


async def main(agents: int) -> None:
    """Let all agents work, then read each report without a clone."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(number: int) -> str:
        async with turns:
            return await work(artifacts, baseline, number)

    async with AsyncArtifacts() as artifacts:
        baseline = await make_baseline(artifacts)
        for name in await asyncio.gather(*(in_turn(number) for number in range(agents))):
            found = await (await artifacts.get(name)).read_file("FOUND.md")
            print(name, (found or b"nothing").decode().strip(), sep=": ")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
