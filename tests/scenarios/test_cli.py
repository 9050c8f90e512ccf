"""The command line as people and scripts use it, with a real server and real git."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.https_remote import HttpsRemote
from tests.live_server import API_TOKEN, Git, LiveServer, new_git
from tests.scenarios.cli_user import Terminal, User


@pytest.fixture
def stranger(tmp_path: Path) -> User:
    """A user who has not logged in."""
    home = tmp_path / "home"
    home.mkdir()
    return User(home)


@pytest.fixture
def user(stranger: User, server: LiveServer) -> User:
    """A user who has logged in, in a namespace of their own."""
    return stranger.log_in(server, "--namespace", f"ns-{uuid4().hex[:12]}")


def push_files(user: User, name: str, files: dict[str, bytes]) -> Git:
    """A new repo with one commit, pushed by plain git from a clone that the command made."""
    assert user("repo", "create", name).returncode == 0
    assert user("clone", name).returncode == 0
    git = Git(user.home / name)
    git.commit(files, "Über alles\n\nMore")
    user.git(name, "push", "-q", "origin", "HEAD")
    return git


def test_a_repo_is_made_worked_on_and_read(user: User) -> None:
    """Create, clone, plain git push, and what log, ls and cat show of it, names beyond ASCII included."""
    content = "Grüße\n".encode()
    git = push_files(user, "first-repo", {"ä ö/ü.txt": content, "raw.bin": b"\xff\x00\x1b"})
    commit = git("rev-parse", "HEAD")
    (line,) = user("repo", "log", "first-repo").stdout.splitlines()
    assert (line.split("\t")[0], line.split("\t")[3]) == (commit, "Über alles")
    assert user.json("repo", "log", "first-repo", "--ref", "main")[0]["message"] == "Über alles\n\nMore"
    assert [row["name"] for row in user.json("repo", "ls", "first-repo")] == ["raw.bin", "ä ö"]
    assert user("repo", "ls", "first-repo", "ä ö/").stdout.split("\t")[3] == "ü.txt\n"
    assert user("repo", "ls", "first-repo", "ä ö/ü.txt").stdout.startswith("100644\tblob\t")
    assert user("repo", "cat", "first-repo", "ä ö/ü.txt").stdout.encode() == content
    assert user.json("repo", "cat", "first-repo", "ä ö/ü.txt")["content"] == "Grüße\n"
    assert user.json("repo", "cat", "first-repo", "raw.bin") == {
        "path": "raw.bin",
        "size_bytes": 3,
        "encoding": "base64",
        "content": "/wAb",
    }


def test_repos_are_listed_changed_forked_and_deleted(user: User) -> None:
    """Lists keep to their limit and order, changes are shown, a fork is there, and what is deleted is gone."""
    for name in ("repo-a", "repo-b", "repo-c"):
        user.json("repo", "create", name)
    assert [row["name"] for row in user.json("repo", "list")] == ["repo-c", "repo-b", "repo-a"]
    limited = user("repo", "list", "--sort", "name", "--limit", "2")
    assert [line.split("\t")[0] for line in limited.stdout.splitlines()] == ["repo-a", "repo-b"]
    assert "2 of 3 repos" in limited.stderr
    assert len(user("repo", "list", "--limit", "1", "--all").stdout.splitlines()) == 3
    assert [row["name"] for row in user.json("repo", "list", "--search", "-b")] == ["repo-b"]
    assert user.json("repo", "list", "--search", "nothing-like-it") == []
    changed = user.json("repo", "update", "repo-a", "--description", "New", "--read-only")
    assert (changed["description"], changed["read_only"]) == ("New", True)
    assert user.json("repo", "update", "repo-a", "--description", "", "--read-write")["description"] is None
    assert user("repo", "update", "repo-a").returncode == 2
    assert user.json("repo", "fork", "repo-a", "repo-d")["objects"] == 0
    assert user.json("repo", "get", "repo-d")["source"].endswith("/repo-a")
    assert user("repo", "delete", "repo-d").returncode == 0
    assert user("repo", "get", "repo-d").returncode == 3


def test_namespaces_are_made_listed_and_deleted_when_empty(user: User) -> None:
    """A namespace is found by its name, counts its repos and goes when they are gone."""
    name = f"team-{uuid4().hex[:8]}"
    assert user.json("namespace", "create", name, "--jurisdiction", "eu")["jurisdiction"] == "eu"
    assert name in [row["namespace"] for row in user.json("namespace", "list", "--all")]
    user.json("repo", "create", "only-repo", "--namespace", name)
    assert user.json("namespace", "get", name)["repo_count"] == 1
    refused = user("namespace", "delete", name)
    assert refused.returncode == 1
    assert "there are still repos" in refused.stderr
    user.json("--namespace", name, "repo", "delete", "only-repo")
    assert user.json("namespace", "delete", name) == {"namespace": name, "deleted": True}
    assert user("namespace", "delete", name).returncode == 3


def test_tokens_are_made_listed_and_revoked(user: User, server: LiveServer) -> None:
    """A token works and is printed alone, is listed without its secret, and is dead once revoked by id or by stdin."""
    user.json("repo", "create", "the-repo")
    remote = user.json("repo", "get", "the-repo")["remote"]
    made = user("token", "create", "the-repo", "--scope", "read", "--ttl", "600")
    git = Git(user.home, made.stdout.strip())
    git("ls-remote", remote)
    token_id = made.stderr.split()[1].rstrip(",")
    listed = user("token", "list", "the-repo")
    assert token_id in listed.stdout
    assert made.stdout.strip().partition("?")[0] not in listed.stdout
    assert user("token", "revoke", "the-repo", token_id).returncode == 0
    assert "Invalid or expired" in git.fails("ls-remote", remote)
    other = user.json("token", "create", "the-repo")
    refused = user("token", "revoke", "the-repo", other["plaintext"])
    assert refused.returncode == 2
    assert user("token", "revoke", "the-repo", "-", stdin=other["plaintext"] + "\n").returncode == 0
    assert [row["state"] for row in user.json("token", "list", "the-repo", "--state", "revoked")] == ["revoked"] * 2
    assert user("token", "revoke", "the-repo", "0123456789abcdef").returncode == 3


def test_clones_take_a_folder_and_the_options_of_git(user: User) -> None:
    """The folder comes behind the repo, git's options behind both; a bare clone pushes by plain git too."""
    push_files(user, "source", {"a.txt": b"1\n"})
    assert user("clone", "source", "ein ordner", "--depth", "1", "-b", "main").returncode == 0
    assert user.git("ein ordner", "rev-parse", "--is-shallow-repository") == "true"
    assert user.json("clone", "source", "--bare")["cloned"] is True
    assert user.git("source.git", "push", "origin", "main:refs/heads/other") == ""
    assert user("clone", "--depth", "1", "source").returncode == 2


def test_git_finds_tokens_by_itself_after_a_login(stranger: User, server: LiveServer) -> None:
    """With --git, plain git clones and pushes to this server; after a logout it does not, and its settings are gone."""
    remote = server.create(f"repo-{uuid4().hex[:12]}").remote
    user = stranger.log_in(server, "--git")
    user.git(".", "clone", "-q", remote, "work")
    Git(user.home / "work").commit({"a.txt": "1\n"})
    user.git("work", "push", "-q", "origin", "HEAD")
    assert "useHttpPath = true" in (user.home / ".gitconfig").read_text()
    user.log_in(server, "--git")
    assert (user.home / ".gitconfig").read_text().count("credential\n") == 1
    assert user("logout").returncode == 0
    assert "treehold" not in (user.home / ".gitconfig").read_text()
    assert not [path for path in user.files() if path.endswith(".json")]
    assert user.run("git", "fetch", folder=user.home / "work").returncode != 0


def test_the_helper_keeps_one_token_and_lets_go_of_it(user: User) -> None:
    """The same token is given until it is erased, or until its repo is deleted; of strangers nothing is said."""
    remote = user.json("repo", "create", "the-repo")["remote"]
    protocol, _, rest = remote.partition("://")
    host, _, path = rest.partition("/")
    asked = f"protocol={protocol}\nhost={host}\npath={path}\n\n"

    def password() -> str:
        answer = user("credential", "get", stdin=asked)
        return dict(line.split("=", 1) for line in answer.stdout.splitlines())["password"]

    first = password()
    assert password() == first
    user("credential", "store", stdin=asked)
    user("credential", "erase", stdin=asked.strip() + "\npassword=another\n")
    assert password() == first
    user("credential", "erase", stdin=f"{asked.strip()}\npassword={first}\n")
    second = password()
    assert second != first
    user("repo", "delete", "the-repo")
    user("repo", "create", "the-repo")
    assert password() not in {first, second}
    third = password()
    user.git(".", "init", "-q", "work")
    reject = f"printf 'url=%s\\n\\n' {remote} | git -c credential.useHttpPath=true credential reject"
    settings = [part for key in ("", "!treehold credential") for part in ("-c", f"credential.{remote}.helper={key}")]
    done = user.run("sh", "-c", reject.replace("git -c", f"git {shlex.join(settings)} -c"))
    assert done.returncode == 0, done.stderr
    assert password() != third
    for stranger in (f"protocol=https\nhost=git.example\npath={path}\n", asked.replace("the-repo", "no-repo"), ""):
        silent = user("credential", "get", stdin=stranger)
        assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    assert "useHttpPath true" in user("credential", "get", stdin=f"protocol={protocol}\nhost={host}\n").stderr


def test_profiles_and_the_environment(stranger: User, server: LiveServer) -> None:
    """A profile is chosen by option or variable, variables win over it, and its token goes to its own server alone."""
    user = stranger.log_in(server).log_in(server, "--profile", "other", "--namespace", "team-b")
    assert user.json("whoami")["namespace"] == "default"
    assert user.json("--profile", "other", "whoami")["namespace"] == "team-b"
    assert user.having(TREEHOLD_PROFILE="other").json("whoami")["profile"] == "other"
    assert user.having(TREEHOLD_NAMESPACE="team-c").json("whoami")["namespace"] == "team-c"
    assert user.having(TREEHOLD_TOKEN="thd_no-such-token")("whoami").returncode == 5
    elsewhere = user.having(TREEHOLD_URL="http://127.0.0.1:9")("whoami")
    assert (elsewhere.returncode, "no API token for http://127.0.0.1:9" in elsewhere.stderr) == (5, True)
    assert user("--profile", "third", "whoami").returncode == 3
    assert user("--profile", "../x", "login", "--token-stdin").returncode == 2
    assert user("logout", "--profile", "other").returncode == 0
    assert user("logout", "--profile", "other").returncode == 3
    variables = {"TREEHOLD_URL": server.url, "TREEHOLD_TOKEN": API_TOKEN}
    assert stranger.having(**variables).json("whoami")["token_from"] == "environment"


def test_a_server_is_known_by_the_name_that_its_remotes_have(stranger: User, server: LiveServer) -> None:
    """Logged in by another name of the server, plain git push still works in a clone."""
    done = stranger("login", "--url", f"http://localhost:{server.port}", "--token-stdin", stdin=API_TOKEN)
    assert done.returncode == 0, done.stderr
    push_files(stranger, f"repo-{uuid4().hex[:12]}", {"a.txt": b"1\n"})


def test_a_login_asks_for_what_it_needs(stranger: User, server: LiveServer) -> None:
    """URL, account and token are asked for, the token is not shown, and the profile works."""
    with Terminal(stranger, "login") as terminal:
        terminal.until("URL")
        terminal.type(f"{server.url}\n")
        terminal.until("Account")
        terminal.type("\n")
        terminal.until("not shown")
        terminal.type(f"{API_TOKEN}\n")
        assert terminal.end() == 0, terminal.said
        assert API_TOKEN not in terminal.said
    assert stranger.json("whoami")["account"] == "local"


def test_a_deletion_is_asked_for_on_a_terminal(user: User) -> None:
    """Anything but yes keeps the repo; --yes asks nothing."""
    user.json("repo", "create", "the-repo")
    with Terminal(user, "repo", "delete", "the-repo") as terminal:
        terminal.until("[y/N]")
        terminal.type("n\n")
        assert terminal.end() == 1
    with Terminal(user, "repo", "delete", "the-repo") as terminal:
        terminal.until("[y/N]")
        assert terminal.interrupt() == 130
    assert user("repo", "get", "the-repo").returncode == 0
    with Terminal(user, "repo", "delete", "--yes", "the-repo") as terminal:
        assert terminal.end() == 0
    assert user("repo", "get", "the-repo").returncode == 3


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsRemote]:
    with HttpsRemote(tmp_path_factory.mktemp("remote")) as https:
        new_git(https.folder / "small.git").commit({"a.txt": "1\n"})
        yield https


@pytest.fixture(scope="module")
def importer(tmp_path_factory: pytest.TempPathFactory, remote: HttpsRemote) -> Iterator[LiveServer]:
    """A server that may import from the loopback."""
    settings = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits().items()}
    with LiveServer(tmp_path_factory.mktemp("importer") / "data", settings=settings) as live:
        yield live


def test_an_import_is_waited_for(stranger: User, importer: LiveServer, remote: HttpsRemote) -> None:
    """When the command ends the repo is ready; a failed import says so, and where nothing is cloned nothing is left."""
    user = stranger.log_in(importer)
    made = user.json("repo", "import", f"{remote.url}/repos/small.git", "copy")
    assert (made["status"], "token" in made) == ("ready", False)
    assert user("repo", "cat", "copy", "a.txt").stdout == "1\n"
    assert user.json("repo", "import", f"{remote.url}/repos/small.git", "copy-2", "--no-wait")["name"] == "copy-2"
    failed = user("repo", "import", f"{remote.url}/rubbish/small.git", "copy-3")
    assert (failed.returncode, "failed, and nothing was kept" in failed.stderr) == (1, True), failed.stderr
    assert user("repo", "get", "copy-3").returncode == 3


def test_ctrl_c_cancels_an_import_and_leaves_the_terminal_as_it_was(
    stranger: User, importer: LiveServer, remote: HttpsRemote
) -> None:
    """Under a moving bar Ctrl-C ends with 130, shows the cursor again, and the half repo is gone."""
    user = stranger.log_in(importer)
    with Terminal(user, "repo", "import", f"{remote.url}/stuck/small.git", "half") as terminal:
        terminal.until("importing half")
        terminal.until("\x1b[?25l")
        assert terminal.interrupt() == 130, terminal.said
        assert terminal.is_restored()
        assert "Traceback" not in terminal.said
    assert user("repo", "get", "half").returncode == 3


def test_the_verbs_of_clients_do_not_load_the_server(user: User) -> None:
    """A listing loads neither the web framework nor any room of the server, and `serve` is still there."""
    probe = (
        "import sys, json; from treehold.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)"
    )
    done = user.run(sys.executable, "-c", probe, "repo", "list")
    status, modules = json.loads(done.stderr)
    assert status == 0
    loaded = {name.split(".")[0] for name in modules} | {".".join(name.split(".")[:2]) for name in modules}
    houses = {"server", "engine", "catalog", "store", "api", "git_http", "auth"}
    assert not loaded & {"fastapi", "starlette", "uvicorn", "sqlite3", "structlog"}
    assert not loaded & {f"treehold.{house}" for house in houses}
    assert "workers" in user.run("treehold", "serve", "--help").stdout


def test_shells_are_told_how_to_complete(user: User) -> None:
    """A shell gets its script, and verbs complete by it, the operator's too."""
    for typed, found in (("re", "repo"), ("admin to", "token")):
        words = {"COMP_WORDS": f"treehold {typed}", "COMP_CWORD": str(len(typed.split()))}
        done = user.having(**words, _TREEHOLD_COMPLETE="complete_bash").run("treehold")
        assert done.stdout.split() == [found]
    assert "_TREEHOLD_COMPLETE" in user.run("bash", "-c", "treehold --show-completion; true").stdout
