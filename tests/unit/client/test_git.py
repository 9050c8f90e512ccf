"""How git is shown a token."""

import pytest

from treehold.client.git import git_environment, secret_digest, url_with_token

REMOTE = "https://host:8443/git/default/a.git"
TOKEN = "art_v1_" + "0123456789" * 4 + "?expires=1800000000"
SECRET = TOKEN.partition("?")[0]


def settings(variables: dict[str, str]) -> dict[str, str]:
    rows = range(int(variables["GIT_CONFIG_COUNT"]))
    return {variables[f"GIT_CONFIG_KEY_{row}"]: variables[f"GIT_CONFIG_VALUE_{row}"] for row in rows}


def test_header_for_one_url() -> None:
    """The token is a header for the repo's URL alone; git follows no redirect from there and asks nobody."""
    variables = git_environment(REMOTE, TOKEN)
    assert settings(variables) == {
        f"http.{REMOTE}.extraHeader": f"Authorization: Bearer {TOKEN}",
        f"http.{REMOTE}.followRedirects": "false",
    }
    assert variables["GIT_TERMINAL_PROMPT"] == "0"
    assert variables["GIT_ASKPASS"] == ""


def test_onto_other_settings() -> None:
    """Variables and settings that are there stay, so one git can reach several repos."""
    first = git_environment(REMOTE, TOKEN, {"PATH": "/bin"})
    both = git_environment("http://other/b.git", "t", first)
    assert both["PATH"] == "/bin"
    assert len(settings(both)) == 4
    assert settings(both).items() >= settings(first).items()
    assert first["GIT_CONFIG_COUNT"] == "2"


@pytest.mark.parametrize("count", ["", "many", "-1"])
def test_onto_nonsense(count: str) -> None:
    """A count that git would refuse is as none."""
    assert git_environment(REMOTE, TOKEN, {"GIT_CONFIG_COUNT": count})["GIT_CONFIG_COUNT"] == "2"


def test_url() -> None:
    """In a URL the token is the password, without the hint behind its question mark, in place of any other."""
    assert url_with_token(REMOTE, TOKEN) == f"https://x:{SECRET}@host:8443/git/default/a.git"
    assert url_with_token("http://me:old@[::1]:1/a.git", "t") == "http://x:t@[::1]:1/a.git"


def test_digest() -> None:
    """A token is named by the SHA-256 of its secret, with or without the hint; an id is no token."""
    assert secret_digest(TOKEN) == secret_digest(SECRET)
    assert secret_digest("art_v1_x") == "sha256:2e6f08f41f440ecd68c400769f8eeab2d3d127d6e1f83509a7d04254f6484363"
    assert secret_digest("abcdefgh12345678") is None
