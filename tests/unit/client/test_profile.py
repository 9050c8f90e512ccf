"""Where a client works and as whom."""

import pytest

from treehold.client.errors import AuthenticationError, InvalidInput
from treehold.client.profile import find_profile, path_segment

SECRET = "thd_a-secret"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "ACCOUNT_ID", "NAMESPACE", "TOKEN"):
        monkeypatch.delenv(f"TREEHOLD_{name}", raising=False)


def test_defaults() -> None:
    """With a token alone, a client works in the default namespace of a server on this machine."""
    found = find_profile(token=SECRET)
    assert found.api == "http://127.0.0.1:8787/client/v4/accounts/local/artifacts/namespaces/default"


def test_environment_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given counts, then the environment."""
    for name, value in (("URL", "https://h/x/"), ("ACCOUNT_ID", "acme"), ("NAMESPACE", "ci"), ("TOKEN", SECRET)):
        monkeypatch.setenv(f"TREEHOLD_{name}", value)
    assert find_profile().api == "https://h/x/client/v4/accounts/acme/artifacts/namespaces/ci"
    assert find_profile().token == SECRET
    given = find_profile("http://h:1", "a", "n", "t")
    assert (given.api, given.token) == ("http://h:1/client/v4/accounts/a/artifacts/namespaces/n", "t")


@pytest.mark.parametrize("token", [None, ""])
def test_no_token(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    """Without a token the error says what to set."""
    monkeypatch.setenv("TREEHOLD_TOKEN", "")
    with pytest.raises(AuthenticationError, match="TREEHOLD_TOKEN"):
        find_profile(token=token)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8787",
        "ftp://host",
        "http://",
        "http://h:port",
        "http://me:secret@h",
        "http://h?secret",
        "http://[::1",
    ],
)
def test_bad_urls(url: str) -> None:
    """A URL that leads to no server is refused, and not repeated: it may hold a password."""
    with pytest.raises(InvalidInput, match="TREEHOLD_URL") as caught:
        find_profile(url, token=SECRET)
    assert "secret" not in repr(caught.value)


def test_repr() -> None:
    """A profile does not show its token."""
    assert SECRET not in repr(find_profile(token=SECRET))


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_lead_elsewhere(name: str) -> None:
    """A name that URLs read as a step to another place is refused before anything is asked or deleted there."""
    with pytest.raises(InvalidInput):
        path_segment(name)


@pytest.mark.parametrize(("name", "segment"), [("a/b", "a%2Fb"), ("a?b#c", "a%3Fb%23c"), ("é%2e", "%C3%A9%252e")])
def test_names_are_one_segment(name: str, segment: str) -> None:
    """Whatever a name holds, it stays one segment of the path."""
    assert path_segment(name) == segment
