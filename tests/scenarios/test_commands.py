"""The operator's command, as an operator runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live_server import API_TOKEN, LiveServer


def treehold(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a verb on a data folder, with no settings but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TREEHOLD_")}
    return subprocess.run(
        [sys.executable, "-m", "treehold", *arguments],
        env={**kept, "TREEHOLD_DATA_DIR": str(data_dir), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def make_token(data_dir: Path, permission: str) -> tuple[str, str]:
    """A fresh API token and its id."""
    made = treehold(data_dir, "admin", "token", "create", "--permission", permission)
    assert made.returncode == 0, made.stderr
    told = re.search(r"id (\w+), " + permission, made.stderr)
    assert told is not None
    return made.stdout.strip(), told[1]


def test_api_tokens_are_made_listed_and_revoked_while_it_serves(tmp_path: Path) -> None:
    """A new token works at once within its permission, is listed without its secret, and is dead once revoked."""
    with LiveServer(tmp_path / "data") as server:
        reader, reader_id = make_token(server.data_dir, "read")
        editor, _ = make_token(server.data_dir, "edit")
        assert server.call("POST", "/repos", {"name": "made-by-editor"}, token=editor).status_code == 201
        assert server.call("GET", "/repos", token=reader).status_code == 200
        assert server.call("POST", "/repos", {"name": "made-by-reader"}, token=reader).status_code == 403
        listed = treehold(server.data_dir, "admin", "token", "list").stdout
        assert len(listed.splitlines()) == 3
        assert reader_id in listed
        assert not {reader, editor, API_TOKEN} & set(listed.split())
        assert treehold(server.data_dir, "admin", "token", "revoke", reader_id).returncode == 0
        assert server.call("GET", "/repos", token=reader).status_code == 401
        assert "revoked" in treehold(server.data_dir, "admin", "token", "list").stdout


def test_an_api_token_is_labelled_ends_and_is_rotated(tmp_path: Path) -> None:
    """Label and end are listed; after a rotation the old secret is dead, the new one works and the id is the same."""
    with LiveServer(tmp_path / "data") as server:
        made = treehold(
            *(server.data_dir, "admin", "token", "create", "--permission", "edit"),
            *("--label", "build machine", "--ttl", "3600"),
        )
        assert "until " in made.stderr
        old, token_id = made.stdout.strip(), made.stderr.split()[1].rstrip(",")
        assert server.call("GET", "/repos", token=old).status_code == 200
        rotated = treehold(server.data_dir, "admin", "token", "rotate", token_id, "--ttl", "7200")
        new = rotated.stdout.strip()
        assert token_id in rotated.stderr
        assert server.call("GET", "/repos", token=old).status_code == 401
        assert server.call("GET", "/repos", token=new).status_code == 200
        (line,) = [
            line
            for line in treehold(server.data_dir, "admin", "token", "list", "--account", "local").stdout.splitlines()
            if line.startswith(token_id)
        ]
        assert re.search("edit  local  active  created .*  rotated .*  used .*  expires .*  build machine$", line)
        assert treehold(server.data_dir, "admin", "token", "revoke", token_id).returncode == 0
        again = treehold(server.data_dir, "admin", "token", "rotate", token_id)
        assert (again.returncode, again.stdout) == (1, "")


def test_the_first_start_alone_prints_a_token(tmp_path: Path) -> None:
    """Without a token in the settings the first start makes and prints one that works; the second prints none."""
    secrets: list[str] = []
    for _ in range(2):
        with LiveServer(tmp_path / "data", api_token=None) as server:
            secrets = secrets or re.findall(r"API token +(thd_[0-9a-f]{40})", server.output)
            assert server.call("GET", "/repos", token=secrets[0]).status_code == 200
            assert server.url in server.output
    assert len(re.findall(r"thd_[0-9a-f]{40}   ", server.output)) == 1


def test_a_token_from_the_settings_is_not_printed(tmp_path: Path) -> None:
    """TREEHOLD_API_TOKEN works and never appears in what the server prints."""
    with LiveServer(tmp_path / "data") as server:
        assert server.call("GET", "/repos").status_code == 200
        assert API_TOKEN not in server.output


def test_one_folder_is_served_once(tmp_path: Path) -> None:
    """A second server on the same folder says so and ends, and the first one serves on."""
    with LiveServer(tmp_path / "data") as server:
        second = treehold(server.data_dir, "serve", "--port", "0")
        assert second.returncode == 1
        assert "another server is serving" in second.stderr
        assert server.call("GET", "/repos").status_code == 200


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """A port that is in use is named in what the failing start prints."""
    with LiveServer(tmp_path / "data") as server:
        second = treehold(tmp_path / "other", "serve", "--port", str(server.port))
        assert second.returncode != 0
        assert "address already in use" in second.stdout + second.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--port", "99999"), "port"),
        (("serve", "--workers", "0"), "workers"),
        (("admin", "token", "create", "--permission", "all"), "must be read or edit"),
        (("admin", "token", "create", "--permission", "edit", "--account", "nobody"), "no such account: nobody"),
        (("admin", "token", "create", "--permission", "edit", "--ttl", "5"), "60"),
        (("admin", "token", "create", "--permission", "edit", "--label", "x" * 101), "label"),
        (("admin", "token", "revoke", "nobody"), "nobody"),
        (("admin", "token", "rotate", "nobody"), "nobody"),
        (("admin", "account", "create", "Not_A_Name"), "a-z, 0-9 and '-'"),
    ],
)
def test_bad_arguments_are_told(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """A wrong value ends the command with a message that names it, and no traceback."""
    done = treehold(tmp_path / "data", *arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_git_is_refused(tmp_path: Path) -> None:
    """A git older than 2.39 and a missing one are refused at the start, with what would be right."""
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    refused = treehold(tmp_path / "data", "serve", TREEHOLD_GIT=str(old))
    assert refused.returncode == 1
    assert "2.39 or newer" in refused.stderr
    missing = treehold(tmp_path / "data", "serve", TREEHOLD_GIT=str(tmp_path / "nowhere"))
    assert missing.returncode == 1
    assert "nowhere" in missing.stderr
