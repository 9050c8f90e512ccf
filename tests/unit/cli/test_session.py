"""Which server is meant, and as whom."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from treehold.cli.failures import Refused, Status
from treehold.cli.profiles import Profile, Profiles
from treehold.cli.session import Session
from treehold.cli.settings import Surroundings

NOTHING = Surroundings(
    url=None,
    account=None,
    namespace=None,
    token=None,
    profile=None,
    profile_folder=Path("/nowhere/profiles"),
    token_folder=Path("/nowhere/tokens"),
    is_plain=True,
)


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    """A user with a profile."""
    Profiles(tmp_path).keep(Profile("default", "http://a", "acc-p", "ns-p", "thd_p"))
    Profiles(tmp_path).keep(Profile("second", "http://b", "acc-s", "ns-s", "thd_s"))
    return replace(NOTHING, profile_folder=tmp_path)


def where(around: Surroundings, **wishes: Any) -> tuple[str, str, str, str]:
    place = Session({f"with_{name}": value for name, value in wishes.items()}, around).place
    return place.url, place.account, place.namespace, place.token


def test_options_win_over_the_environment_and_that_over_the_profile(around: Surroundings) -> None:
    """Each setting is taken from the nearest place that has it."""
    assert where(around) == ("http://a", "acc-p", "ns-p", "thd_p")
    named = replace(around, account="acc-e", namespace="ns-e", token="thd_e")
    assert where(named) == ("http://a", "acc-e", "ns-e", "thd_e")
    assert where(named, account="acc-o", namespace="ns-o") == ("http://a", "acc-o", "ns-o", "thd_e")
    assert where(replace(around, profile="second")) == ("http://b", "acc-s", "ns-s", "thd_s")
    assert where(replace(around, profile="second"), profile="default")[0] == "http://a"


def test_the_token_of_a_profile_goes_to_no_other_server(around: Surroundings) -> None:
    """With another URL the profile counts for nothing; with its own, a slash at the end makes no difference."""
    for elsewhere in (replace(around, url="http://b"), replace(around, url="http://a:81")):
        with pytest.raises(Refused, match="no API token for"):
            where(elsewhere)
    assert where(replace(around, url="http://b", token="thd_e")) == ("http://b", "local", "default", "thd_e")
    assert where(around, url="http://a/")[3] == "thd_p"


def test_without_a_profile(around: Surroundings) -> None:
    """A token in the environment is enough; without one, the verb to type is told; a named profile must be there."""
    assert where(replace(NOTHING, token="thd_e")) == ("http://127.0.0.1:8787", "local", "default", "thd_e")
    with pytest.raises(Refused) as caught:
        where(NOTHING)
    assert (caught.value.failure.status, "treehold login" in caught.value.failure.hint) == (Status.NOT_ALLOWED, True)
    with pytest.raises(Refused, match="no profile 'third'"):
        where(around, profile="third")
