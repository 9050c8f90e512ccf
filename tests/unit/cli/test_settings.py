"""A user's environment."""

from pathlib import Path

import pytest

from treehold.cli import settings


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment with nothing but a home."""
    for name in (
        *("TREEHOLD_URL", "TREEHOLD_ACCOUNT_ID", "TREEHOLD_NAMESPACE", "TREEHOLD_TOKEN", "TREEHOLD_PROFILE"),
        *("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "NO_COLOR", "TERM"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def test_without_variables(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything is unset, and the folders are the usual ones below the home."""
    bare.setenv("TREEHOLD_URL", "")
    found = settings.surroundings()
    assert (found.url, found.account, found.namespace, found.token, found.profile) == (None,) * 5
    assert found.profile_folder == tmp_path / ".config" / "treehold" / "profiles"
    assert found.token_folder == tmp_path / ".cache" / "treehold" / "tokens"
    assert not found.is_plain


def test_folders_of_the_xdg_specification(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tokens prefer the runtime folder to the cache; a relative path is passed over."""
    bare.setenv("XDG_CONFIG_HOME", "/etc/own")
    bare.setenv("XDG_CACHE_HOME", "/var/own")
    assert settings.surroundings().profile_folder == Path("/etc/own/treehold/profiles")
    assert settings.surroundings().token_folder == Path("/var/own/treehold/tokens")
    bare.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    assert settings.surroundings().token_folder == Path("/run/user/1/treehold/tokens")
    bare.setenv("XDG_CONFIG_HOME", "own")
    assert settings.surroundings().profile_folder == tmp_path / ".config" / "treehold" / "profiles"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_plain_terminals(bare: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Either variable asks for no colours."""
    bare.setenv(name, value)
    assert settings.surroundings().is_plain


def test_git_is_not_handed_the_api_token(bare: pytest.MonkeyPatch) -> None:
    """All variables go on but that one, which is in no message either."""
    bare.setenv("TREEHOLD_TOKEN", "thd_secret")
    bare.setenv("OTHER", "x")
    assert settings.environment()["OTHER"] == "x"
    assert "TREEHOLD_TOKEN" not in settings.environment()
    assert settings.surroundings().token == "thd_secret"
    assert "thd_secret" not in repr(settings.surroundings())
