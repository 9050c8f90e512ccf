"""What the command line does when something is wrong: one line that helps, a status for scripts, and no mess."""

import json
import os
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live_server import API_TOKEN, LiveServer, free_port, new_git
from tests.scenarios.cli_user import SECONDS, Terminal, User, interrupted
from tests.unit.client.odd_server import REPO, TOKEN, Manner, OddServer, failure, reply, success

PAGE = reply(200, b"<html>Welcome to the hotel</html>", kind="text/html")


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


def at(user: User, odd: OddServer) -> User:
    """The user at a server with bad manners."""
    return user.having(TREEHOLD_URL=odd.url, TREEHOLD_TOKEN=TOKEN)


def test_a_server_that_is_down(stranger: User) -> None:
    """The status is 6, and one line says what cannot be reached; as JSON too, with nothing on stdout."""
    user = stranger.having(TREEHOLD_URL=f"http://127.0.0.1:{free_port()}", TREEHOLD_TOKEN=API_TOKEN)
    said = user("repo", "list")
    assert (said.returncode, said.stdout, len(said.stderr.splitlines())) == (6, "", 1)
    assert "cannot be reached" in said.stderr
    told = user("repo", "list", "--json")
    assert (told.returncode, told.stdout) == (6, "")
    error = json.loads(told.stderr)["error"]
    assert (error["code"], error["status"]) == ("UNAVAILABLE", 6)
    assert API_TOKEN not in said.stderr + told.stderr


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (PAGE, 1, "does base_url lead to the server"),
        (reply(502, b"<html>bad gateway</html>", kind="text/html"), 6, "HTTP 502"),
        (reply(301, b"", location="http://elsewhere.example/"), 1, "redirects are not followed"),
        (failure(401, 10000, "the API token has expired"), 5, "treehold login"),
        (failure(403, 10000, "not allowed"), 5, "edit permission"),
        (failure(500, 10400, "it broke"), 1, "it broke"),
        (failure(429, 10429, "too many", retry_after="3600"), 6, "wait a little"),
        (failure(507, 10507, "no room"), 1, "no room"),
        (failure(400, 10100, "bad \x1b[2J\nlimit"), 2, r"bad \x1b[2J limit"),
    ],
)
def test_odd_answers_become_one_line_and_a_status(stranger: User, answer: bytes, status: int, said: str) -> None:
    """Whatever answers, nothing of a page and no traceback is printed, and no terminal is told what to do."""
    with OddServer([answer]) as odd:
        done = at(stranger, odd)("repo", "list")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, "", 1), done.stderr
    assert said in done.stderr
    assert "hotel" not in done.stderr
    assert TOKEN not in done.stderr


def test_a_token_that_ends_in_the_middle(stranger: User) -> None:
    """A second page that is refused ends a listing with 5, and the JSON that was begun is no document."""
    page = success([dict(REPO)] * 200, info={"total_count": 400, "cursor": "more"})
    with OddServer([page, failure(401, 10000, "the API token has expired")]) as odd:
        done = at(stranger, odd)("repo", "list", "--all", "--json")
    assert done.returncode == 5
    assert "]" not in done.stdout.splitlines()
    assert json.loads(done.stderr)["error"]["code"] == "AUTHENTICATION_ERROR"


def test_the_statuses_that_scripts_know(user: User) -> None:
    """Taken names, unknown names, bad names, unknown verbs and bad options each have a status of their own."""
    assert user("repo", "create", "the-repo").returncode == 0
    taken = user("repo", "create", "the-repo")
    assert (taken.returncode, "choose another name" in taken.stderr) == (4, True)
    assert user("repo", "get", "no-repo").returncode == 3
    assert user("repo", "cat", "the-repo", "no-file").returncode == 3
    assert user("repo", "ls", "the-repo", "no-folder").returncode == 3
    assert (user("repo", "ls", "the-repo").returncode, user("repo", "log", "the-repo").stdout) == (0, "")
    assert user("repo", "create", "Über_uns").returncode == 2
    for wrong in (("repo", "mak"), ("repo", "list", "--limit", "0"), ("repo", "get"), ("--url", "ftp://x", "whoami")):
        done = user.having(TREEHOLD_TOKEN=API_TOKEN)(*wrong)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert json.loads(user("repo", "get", "--json").stderr)["error"]["status"] == 2


def test_a_login_that_fails_keeps_nothing(stranger: User, server: LiveServer) -> None:
    """A wrong token, another account and no terminal are each refused, and no profile is there afterwards."""
    here = ("login", "--url", server.url)
    assert stranger(*here, "--token-stdin", stdin="thd_wrong\n").returncode == 5
    assert stranger(*here, "--token-stdin", stdin="\n").returncode == 2
    other = stranger(*here, "--token-stdin", "--account", "somebody", stdin=API_TOKEN)
    assert (other.returncode, "--account local" in other.stderr) == (5, True)
    assert "--token-stdin" in stranger(*here).stderr
    assert not stranger.files()
    assert "treehold login" in stranger("whoami").stderr


def test_a_profile_that_others_can_read_is_not_read(user: User) -> None:
    """It is refused with the line to type, after which it works; so is a damaged one, until the next login."""
    user.profile_file.chmod(0o644)
    refused = user("whoami")
    assert refused.returncode == 1
    line = refused.stderr.partition("type: ")[2].strip()
    assert line == f"chmod 600 {user.profile_file}"
    assert user.run(*line.split()).returncode == 0
    assert user("whoami").returncode == 0
    user.profile_file.write_text("{}")
    assert "is damaged" in user("whoami").stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_profile_of_another_user_is_not_read(user: User) -> None:
    """A file that somebody else put there is not trusted."""
    os.chown(user.profile_file, 12345, 12345)
    refused = user("whoami")
    assert (refused.returncode, "belongs to another user" in refused.stderr) == (1, True)


def test_secrets_lie_in_files_of_their_user_alone(user: User) -> None:
    """Profile and kept tokens are 0600 in folders 0700."""
    user.json("repo", "create", "the-repo")
    user("clone", "the-repo")
    user.git("the-repo", "fetch", "-q")
    kept = [path for path in user.home.rglob("*.json") if ".git" not in path.parts]
    assert len(kept) == 2
    for path in kept:
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_no_token_is_on_a_command_line_or_printed_or_left_in_a_clone(user: User, tmp_path: Path) -> None:
    """git and all that it starts are called without one; a clone, a push and what they print hold none."""
    trace = tmp_path / "trace"
    traced = user.having(GIT_TRACE=str(trace), TREEHOLD_TOKEN=API_TOKEN)
    made = user.json("repo", "create", "the-repo")
    cloned = traced.run("treehold", "clone", "the-repo")
    assert cloned.returncode == 0, cloned.stderr
    new_git(tmp_path / "other").commit({"a.txt": "1\n"})
    pushed = traced.run("git", "push", str(made["remote"]), "HEAD", folder=user.home / "the-repo")
    traced.run("git", "fetch", folder=user.home / "the-repo")
    said = cloned.stdout + cloned.stderr + pushed.stdout + pushed.stderr + trace.read_text()
    assert "git-remote-http" in said
    in_clone = "".join(text for path, text in user.files().items() if path.startswith("the-repo/"))
    for secret in (API_TOKEN, "art_v1_", made["token"].partition("?")[0]):
        assert secret not in said
        assert secret not in in_clone
    forked = user("repo", "fork", "the-repo", "the-fork")
    assert "art_v1_" not in forked.stdout + forked.stderr


def test_git_and_its_hooks_are_not_handed_the_api_token(user: User, server: LiveServer, tmp_path: Path) -> None:
    """A hook that prints its environment shows no API token."""
    user.json("repo", "create", "the-repo")
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    hook = hooks / "post-checkout"
    hook.write_text("#!/bin/sh\nenv > ../environment\n")
    hook.chmod(0o755)
    user("clone", "the-repo", "first")
    new = user.home / "first"
    (new / "a.txt").write_text("1\n")
    user.git("first", "add", "a.txt")
    user.git("first", "commit", "-q", "-m", "First")
    user.git("first", "push", "-q", "origin", "HEAD")
    done = user.having(TREEHOLD_TOKEN=API_TOKEN)("clone", "the-repo", "second", "--template", str(hooks.parent))
    assert done.returncode == 0, done.stderr
    assert API_TOKEN not in (user.home / "environment").read_text()


def test_a_disk_that_is_full_on_a_clone(user: User) -> None:
    """The status is 1, git says why, and no half clone is left."""
    user.json("repo", "create", "the-repo")
    user("clone", "the-repo", "source")
    (user.home / "source" / "big.bin").write_bytes(os.urandom(400_000))
    user.git("source", "add", "big.bin")
    user.git("source", "commit", "-q", "-m", "Big")
    user.git("source", "push", "-q", "origin", "HEAD")
    done = user.run("bash", "-c", "ulimit -f 100; exec treehold clone the-repo target")
    assert done.returncode == 1, done.stderr
    assert "git clone ended with status" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (user.home / "target").exists()


@pytest.mark.parametrize("is_typed", [True, False])
def test_a_clone_that_is_interrupted_leaves_nothing(stranger: User, is_typed: bool) -> None:
    """Ctrl-C, and SIGINT to the command alone, end git too, in its own order: 130, and no half clone."""
    with OddServer([]) as odd:
        token = {"id": "k3j9x0v2m7q4t8za", "plaintext": "art_v1_0", "scope": "read", "expires_at": REPO["created_at"]}
        remote = f"{odd.url}/git/default/starter-repo.git"
        odd.script = [success({**REPO, "remote": remote}), success(token, status=201), Manner.HANG]
        with Terminal(at(stranger, odd), "clone", "starter-repo", "half") as terminal:
            assert odd.held.wait(SECONDS)
            assert (stranger.home / "half").exists()
            assert terminal.interrupt(is_typed=is_typed) == 130, terminal.said
            assert "Traceback" not in terminal.said
    assert not (stranger.home / "half").exists()


def test_a_remote_that_is_no_url_of_a_repo_is_not_given_to_git(stranger: User) -> None:
    """What a server says is the remote reaches git only if it looks like one."""
    with OddServer([success({**REPO, "remote": "ext::touch hacked"})]) as odd:
        done = at(stranger, odd)("clone", "starter-repo")
    assert (done.returncode, "no repo's URL" in done.stderr) == (1, True)
    assert not stranger.files()


def test_an_interrupted_listing(stranger: User) -> None:
    """Under its bar Ctrl-C ends with 130 and gives the terminal back; in a pipe nothing is printed at all."""
    with OddServer([Manner.HANG]) as odd:
        user = at(stranger, odd)
        with Terminal(user, "repo", "list") as terminal:
            terminal.until("listing")
            assert odd.held.wait(SECONDS)
            assert terminal.interrupt() == 130, terminal.said
            assert terminal.is_restored()
            assert "Traceback" not in terminal.said
    with OddServer([Manner.HANG]) as odd:
        process = at(stranger, odd).start("repo", "list", "--json")
        assert odd.held.wait(SECONDS)
        assert interrupted(process) == ("", "")
        assert process.returncode == 130


@pytest.mark.parametrize("arguments", [("repo", "list"), ("repo", "list", "--json"), ("repo", "get", "the-repo")])
def test_output_into_a_closed_pipe(user: User, arguments: tuple[str, ...]) -> None:
    """A reader that goes away ends the command without a word, as other programs end."""
    user.json("repo", "create", "the-repo")
    done = user.run("bash", "-c", f"treehold {' '.join(arguments)} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_tables_and_colours_are_for_terminals_that_have_them(user: User) -> None:
    """A terminal gets a table with a heading, one without colours gets no control characters, a pipe gets tabs."""
    user.json("repo", "create", "the-repo", "--description", "Grüße [red]an\x1b[31m alle")
    shown = {}
    for name, variables in (("colour", {}), ("plain", {"NO_COLOR": "1"}), ("dumb", {"TERM": "dumb"})):
        with Terminal(user.having(**variables), "repo", "list") as terminal:
            assert terminal.end() == 0
            shown[name] = terminal
    assert "\x1b[" in shown["colour"].said
    assert "\x1b" not in shown["plain"].said + shown["dumb"].said
    for terminal in shown.values():
        assert "NAME" in terminal.text
        assert "Grüße [red]an\\x1b[31m" in terminal.text
    piped = user("repo", "list")
    assert piped.stdout == "the-repo\tready\tmain\t\tno\tGrüße [red]an\\x1b[31m alle\n"
    assert piped.stderr == ""


def test_a_locale_that_lacks_characters(user: User) -> None:
    """What cannot be written is shown by its number."""
    user.json("repo", "create", "the-repo", "--description", "Grüße, 世界")
    done = user.having(PYTHONIOENCODING="ascii").run("treehold", "repo", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Gr\\xfc\\xdfe, \\u4e16\\u754c" in done.stdout


def test_a_helper_that_cannot_reach_the_server_says_so(user: User, stranger: User) -> None:
    """git hears nothing, and the person reads why."""
    asked = f"protocol=http\nhost=127.0.0.1:{free_port()}\npath=git/default/x-repo.git\n"
    url = asked.splitlines()[1].partition("=")[2]
    away = stranger.having(TREEHOLD_URL=f"http://{url}", TREEHOLD_TOKEN=API_TOKEN)
    done = away("credential", "get", stdin=asked)
    assert (done.returncode, done.stdout) == (6, "")
    assert "cannot be reached" in done.stderr
    assert user("credential", "get", stdin="x\n" * 2000).returncode == 1
