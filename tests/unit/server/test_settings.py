"""Settings and their page."""

import dataclasses
import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from treehold.engine.limits import Limits
from treehold.server.settings import Settings, hand_down

PAGE = Path(__file__).resolve().parents[3] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TREEHOLD_{name.upper()}", raising=False)


def test_the_page_lists_every_setting_and_limit_with_its_default() -> None:
    """docs/settings.md has a row for each setting, and for each limit the default that the code has."""
    rows = dict(re.findall(r"(?m)^\| `(TREEHOLD_\w+)` \| ([^|]*?) \|", PAGE.read_text()))
    expected = {f"TREEHOLD_{name.upper()}" for name in Settings.model_fields if name != "limits"}
    defaults = {f"TREEHOLD_LIMITS__{field.name.upper()}": str(field.default) for field in dataclasses.fields(Limits)}
    assert set(rows) == expected | set(defaults)
    assert {name: rows[name] for name in defaults} == defaults


def test_limits_are_set_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One limit from the environment leaves the others at their defaults."""
    monkeypatch.setenv("TREEHOLD_LIMITS__PACK_BYTES_MAX", "1000")
    limits = Settings().limits
    assert limits == dataclasses.replace(Limits(), pack_bytes_max=1000)


def test_the_base_url_is_the_public_one_if_there_is_one() -> None:
    """Remotes begin with the public URL, without a slash at its end, or else with the address listened on."""
    assert Settings(port=99).base_url == "http://127.0.0.1:99"
    assert Settings(host="0.0.0.0").base_url == "http://127.0.0.1:8787"
    assert Settings(host="::").base_url == "http://[::1]:8787"
    assert Settings(public_url="https://git.example.com/").base_url == "https://git.example.com"


def test_remotes_of_other_accounts_name_their_account() -> None:
    """The default account's remotes name no account; others do in the path, or in the host if there is a domain."""
    public = Settings(public_url="https://git.example.org:8443/hub", account_id="local")
    assert public.git_url("local") == "https://git.example.org:8443/hub/git"
    assert public.git_url("rival") == "https://git.example.org:8443/hub/git/rival"
    by_host = public.model_copy(update={"account_domain": "hub.example.org"})
    assert by_host.git_url("local") == "https://git.example.org:8443/hub/git"
    assert by_host.git_url("rival") == "https://rival.hub.example.org:8443/hub/git"
    assert Settings(account_domain="git.test").git_url("rival") == "http://rival.git.test:8787/git"


@pytest.mark.parametrize("domain", ["localhost", "http://git.example.org", "git.example.org:80", ".example.org", ""])
def test_an_account_domain_is_a_domain(domain: str) -> None:
    """Neither a URL nor a port nor a bare name is taken for a domain."""
    with pytest.raises(ValidationError):
        Settings(account_domain=domain)


@pytest.mark.parametrize("url", ["ftp://x", "https://user:secret@host", "https://host/?q", "host"])
def test_a_public_url_that_could_not_work_is_refused(url: str) -> None:
    """A public URL is http or https, without credentials, query or fragment."""
    with pytest.raises(ValidationError):
        Settings(public_url=url)


def test_the_api_token_is_never_shown_or_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is not in the settings' text, and worker processes do not inherit it."""
    monkeypatch.setenv("TREEHOLD_API_TOKEN", "a-secret-of-enough-length")
    settings = Settings(port=4321)
    assert "a-secret" not in repr(settings)
    monkeypatch.setenv("TREEHOLD_PORT", "1")
    hand_down(settings)
    assert "TREEHOLD_API_TOKEN" not in os.environ
    assert Settings().port == 4321
    for name in ("HOST", "PORT", "DATA_DIR", "WORKERS", "ACCOUNT_ID"):
        monkeypatch.delenv(f"TREEHOLD_{name}", raising=False)


def test_names_are_strict_unless_they_are_relaxed(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are these two policies of names and no other."""
    assert Settings().name_policy == "strict"
    monkeypatch.setenv("TREEHOLD_NAME_POLICY", "relaxed")
    assert Settings().name_policy == "relaxed"
    monkeypatch.setenv("TREEHOLD_NAME_POLICY", "Relaxed")
    with pytest.raises(ValidationError):
        Settings()
