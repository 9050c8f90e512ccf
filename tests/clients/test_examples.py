"""The examples as their READMEs tell people to run them, and the adapter's README, against a live server."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.clients.installed import MODULES, ROOT
from tests.clients.workers import Running, copy_of_adapter, workerd, wrangler_dev
from tests.live_server import API_TOKEN, Git, LiveServer, free_port, new_git

EXAMPLES = ROOT / "examples"
SECONDS = 600
COPIED = shutil.ignore_patterns("node_modules", ".wrangler", "package-lock.json")


@pytest.fixture
def place(server: LiveServer, tmp_path: Path) -> Path:
    """The examples and the adapter as they lie in a checkout, after `npm install`."""
    copy_of_adapter(tmp_path, server)
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=COPIED)
    (tmp_path / "examples" / "node_modules").symlink_to(MODULES)
    return tmp_path / "examples"


def blocks(readme: Path) -> list[str]:
    """The shell blocks of a page, in order."""
    return re.findall(r"^```sh\n(.*?)^```$", readme.read_text(), re.DOTALL | re.MULTILINE)


def run(script: str, folder: Path, **others: str) -> str:
    """Run a script as a person would paste it, and answer what it printed."""
    environment = {**Git(folder.parent).environment(), **others}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def dev(folder: Path) -> Iterator[Running]:
    """What `npm run dev` starts in an example, on a free port."""
    package = json.loads((folder / "package.json").read_text())
    program, deed, *arguments = shlex.split(package["scripts"]["dev"])
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert (program, deed, options["--port"], set(options)) == ("wrangler", "dev", "8788", {"-c", "--port"})
    paths = [folder / path for option, path in zip(arguments[::2], arguments[1::2], strict=True) if option == "-c"]
    with wrangler_dev(folder, *paths) as running:
        yield running


def second_terminal(folder: Path, running: Running) -> str:
    """Run what a README says to do when the Worker is up."""
    script = blocks(folder / "README.md")[-1]
    assert "localhost:8788" in script
    return run(script.replace("localhost:8788", f"127.0.0.1:{running.port}"), folder)


def test_worker_get_started(place: Path) -> None:
    """The Worker makes a repo, which an ordinary git pushes to and clones."""
    folder = place / "worker-get-started"
    with dev(folder) as running:
        assert "Begin" in second_terminal(folder, running)
        refused = run(f'curl -sS http://127.0.0.1:{running.port}/ -d \'{{"name": "first-repo"}}\'', folder)
        assert json.loads(refused)["code"] == "ALREADY_EXISTS"


BINDING_SAID = (
    "/git/default/panel-demo.git",
    '"Made by a Worker"',
    '"panel-demo-fork"',
    '"read"',
    "2",
    '"panel-demo"',
    "true",
)


def test_worker_binding_by_wrangler(place: Path, server: LiveServer) -> None:
    """Every route of the panel answers under `wrangler dev`."""
    folder = place / "worker-binding"
    with dev(folder) as running:
        said = second_terminal(folder, running)
        missing = run(f"curl -sS http://127.0.0.1:{running.port}/repos/no-such-repo", folder)
    assert all(word in said for word in BINDING_SAID), said
    assert json.loads(missing)["code"] == "NOT_FOUND"
    assert server.call("DELETE", "/repos/panel-demo").status_code == 202


def test_worker_binding_by_workerd(place: Path, server: LiveServer) -> None:
    """So it does in a workerd of one's own, which reads files and logs too."""
    folder, port = place / "worker-binding", free_port()
    configuration = folder / "workerd.capnp"
    text = configuration.read_text().replace("127.0.0.1:8787", f"127.0.0.1:{server.port}")
    configuration.write_text(text.replace("127.0.0.1:8788", f"127.0.0.1:{port}"))
    assert "npx workerd serve workerd.capnp" in blocks(folder / "README.md")[1]
    with workerd(folder, configuration, port, TREEHOLD_TOKEN=API_TOKEN) as running:
        said = second_terminal(folder, running)
        token = server.token("panel-demo")
        git = new_git(folder / "work", token)
        git.commit({"docs/a b.txt": "spaces\n"}, "Spaces")
        git("push", "-q", f"{server.url}/git/default/panel-demo.git", "main")
        log = run(f"curl -sS {running.url}/repos/panel-demo/log | jq -r '.[].message'", folder)
        file = run(f"curl -sS {running.url}/repos/panel-demo/files/docs/a%20b.txt", folder)
    assert all(word in said for word in BINDING_SAID), said
    assert (log, file) == ("Spaces\n", "spaces\n")
    assert server.call("DELETE", "/repos/panel-demo").status_code == 202


def test_isomorphic_git(place: Path, server: LiveServer, tmp_path: Path) -> None:
    """Each request is a commit on top of the one before, made by a git within the Worker."""
    folder = place / "isomorphic-git"
    with dev(folder) as running:
        said = second_terminal(folder, running)
    assert said.split() == ['"entries/0001.md"', '"entries/0002.md"']
    remote = server.result("GET", "/repos/journal")["remote"]
    Git(tmp_path, server.token("journal", scope="read"))("clone", "-q", remote, "clone")
    clone = Git(tmp_path / "clone")
    clone.fsck()
    assert clone("log", "--format=%s %an").splitlines() == ["Entry 2 Journal Worker", "Entry 1 Journal Worker"]
    assert (tmp_path / "clone" / "entries" / "0001.md").read_text() == "What I did first"


def test_repo_per_sandbox(place: Path) -> None:
    """A second sandbox of the same id goes on where the first one ended."""
    folder = place / "repo-per-sandbox"
    with dev(folder) as running:
        assert second_terminal(folder, running).splitlines() == ["step 1", "step 1", "step 2"]


def told(server: LiveServer, **others: str) -> dict[str, str]:
    """The variables by which an example finds the server."""
    return {"TREEHOLD_URL": server.url, "TREEHOLD_TOKEN": API_TOKEN, **others}


def pasted(folder: Path, block: int = 0) -> str:
    """A block of a README without its placeholder for the token, which the environment has."""
    return re.sub(r'^export TREEHOLD_TOKEN="<.*\n', "", blocks(folder / "README.md")[block], flags=re.MULTILINE)


def test_git_client(place: Path, server: LiveServer, tmp_path: Path) -> None:
    """The script clones a repo by its name alone, and fails where there is none."""
    folder = place / "git-client"
    repo = server.create("starter-repo")
    work = new_git(tmp_path / "work", repo.token)
    work.commit({"README.md": "hello\n"}, "Start")
    work("push", "-q", repo.remote, "main")
    assert "Start" in run(pasted(folder), folder, **told(server))
    assert API_TOKEN not in (folder / "starter" / ".git" / "config").read_text()
    with pytest.raises(AssertionError, match="no such repo: no-such-repo"):
        run("./clone.sh no-such-repo nowhere", folder, **told(server))
    assert not (folder / "nowhere").exists()


def test_git_notes(place: Path, server: LiveServer) -> None:
    """Notes on a commit come to whoever asks for them, and the commit stays as it was."""
    folder = place / "git-notes"
    repo = server.create(f"notes-{uuid4().hex[:10]}")
    work = new_git(place / "work", repo.token)
    commit = work.commit({"greeting.txt": "hello\n"}, "Greet")
    work("remote", "add", "origin", repo.remote)
    work("push", "-q", "origin", "main")
    Git(place, repo.token)("clone", "-q", repo.remote, "clone")
    shown = Git(place, repo.token).environment()
    record, show = (block.replace("/tmp/", f"{place}/") for block in blocks(folder / "README.md"))
    run(record, place / "work", **shown)
    said = run(show, place / "clone", **shown)
    assert [line.split()[0] for line in said.splitlines() if line] == ["commit", "prompt", "answer"]
    assert "Add a greeting." in said
    assert "nothing else" in said
    assert Git(place / "clone")("rev-parse", "HEAD") == commit


def test_agents(place: Path, server: LiveServer) -> None:
    """A hundred agents have a fork each, and each fork has that agent's report alone."""
    folder = place / "agents"
    script = pasted(folder).replace("python ", f"{shlex.quote(sys.executable)} ")
    said = run(script, folder, **told(server)).splitlines()
    reports = {line.partition(": ")[0]: line.partition(": ")[2] for line in said}
    assert list(reports.values()) == [f"Agent {number} found {number * number}." for number in range(100)]
    assert all(len(server.result("GET", f"/repos/{name}/log")) == 2 for name in list(reports)[::25])
    assert server.result("GET", "/repos/agents-baseline/log")[0]["message"] == "Set the task"


def written(readme: Path, top: Path) -> None:
    """Write the files that a page shows, each under the name beside its language."""
    for name, text in re.findall(r"^```\w+ (\S+)\n(.*?)^```$", readme.read_text(), re.DOTALL | re.MULTILINE):
        path = top / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def test_readme_of_the_adapter_by_wrangler(place: Path, server: LiveServer) -> None:
    """Whoever follows the page's first way has a Worker that makes repos."""
    top, readme = place.parent, place.parent / "adapters" / "workers" / "README.md"
    written(readme, top)
    tell, start, ask = blocks(readme)[:3]
    run(tell.replace("http://127.0.0.1:8787", server.url).replace("<the API token>", API_TOKEN), top)
    words = shlex.split(start)
    assert words[:3] == ["npx", "wrangler", "dev"]
    paths = [top / path for option, path in zip(words[3::2], words[4::2], strict=True) if option == "-c"]
    with wrangler_dev(top, *paths) as running:
        said = json.loads(run(ask.replace("localhost:8788", f"127.0.0.1:{running.port}"), top))
    assert said["remote"] == f"{server.url}/git/default/{said['name']}.git"


def test_readme_of_the_adapter_by_workerd(place: Path, server: LiveServer) -> None:
    """So has whoever follows the second one."""
    top, port = place.parent, free_port()
    written(top / "adapters" / "workers" / "README.md", top)
    configuration = top / "my-worker" / "config.capnp"
    text = configuration.read_text().replace("127.0.0.1:8787", f"127.0.0.1:{server.port}")
    configuration.write_text(text.replace("127.0.0.1:8788", f"127.0.0.1:{port}"))
    assert "npx workerd serve my-worker/config.capnp" in blocks(top / "adapters" / "workers" / "README.md")[3]
    with workerd(top, configuration, port, TREEHOLD_TOKEN=API_TOKEN) as running:
        said = json.loads(run(f"curl -sS {running.url}", top))
    assert said["remote"] == f"{server.url}/git/default/{said['name']}.git"


def test_every_example_is_listed(place: Path) -> None:
    """The page of examples has a row for each folder, each folder has a page, and each is run here."""
    folders = {path.name for path in place.iterdir() if path.is_dir() and path.name != "node_modules"}
    listed = set(re.findall(r"^\| \[[\w-]+\]\(([\w-]+)\)", (place / "README.md").read_text(), re.MULTILINE))
    assert listed == folders
    tests = Path(__file__).read_text()
    assert all(f'place / "{name}"' in tests and (place / name / "README.md").is_file() for name in folders)
