"""Profiles on disk."""

from pathlib import Path

import pytest

from treehold.cli.failures import Refused
from treehold.cli.profiles import Profile, Profiles

ONE = Profile("one", "http://127.0.0.1:8787", "local", "default", "thd_secret")


def test_a_profile_is_kept_found_and_forgotten(tmp_path: Path) -> None:
    """What is found is what was kept, under its name alone."""
    profiles = Profiles(tmp_path / "profiles")
    assert (profiles.find("one"), profiles.all(), profiles.forget("one")) == (None, [], False)
    profiles.keep(ONE)
    profiles.keep(ONE.also_at("http://localhost:8787"))
    found = profiles.find("one")
    assert found is not None
    assert found.knows("http://localhost:8787")
    assert found.knows(ONE.url)
    assert not found.knows("https://127.0.0.1:8787")
    assert profiles.all() == [found]
    assert profiles.forget("one")
    assert profiles.find("one") is None


def test_a_profile_shows_no_token() -> None:
    """A profile in a message has no secret in it."""
    assert "thd_secret" not in repr(ONE)


def test_not_every_address_is_remembered_for_ever() -> None:
    """A server that names itself anew each time does not fill the file; what is known is not added."""
    profile = ONE
    for number in range(40):
        profile = profile.also_at(f"http://host-{number}")
    assert len(profile.bases) == 16
    assert profile.also_at("http://host-39") is profile
    assert profile.also_at(ONE.url) is profile


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "ä", "-x", "x" * 65])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    """A name leads to no other folder."""
    with pytest.raises(Refused):
        Profiles(tmp_path).find(name)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"url": 1, "account": "a", "namespace": "n", "token": "t"}',
        b'{"url": "u", "account": "a", "namespace": "n", "token": ""}',
        b'{"url": "u", "account": "a", "namespace": "n", "token": "t", "bases": 5}',
        b"\xff",
    ],
)
def test_damaged_profiles(tmp_path: Path, content: bytes) -> None:
    """What is no profile is refused, with the verb that writes it anew."""
    path = tmp_path / "one.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Refused) as caught:
        Profiles(tmp_path).find("one")
    assert "login" in caught.value.failure.hint
