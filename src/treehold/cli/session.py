"""What a verb has to work with: the server, account and namespace that are meant, the token, and the screen."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import typer

from treehold.cli.failures import Refused, Status
from treehold.cli.profiles import DEFAULT_NAME, Profile, Profiles
from treehold.cli.screen import Screen
from treehold.cli.settings import Surroundings, clock, surroundings
from treehold.cli.token_cache import TokenCache
from treehold.client.profile import DEFAULT_ACCOUNT, DEFAULT_NAMESPACE, DEFAULT_URL

if TYPE_CHECKING:
    from treehold.client import Artifacts
    from treehold.client.namespaces import Namespaces

_KEY: Final = "treehold.wishes"


@dataclass(frozen=True, slots=True)
class Place:
    """One namespace of a server, the API token to show there, and the profile that it comes from, if from one."""

    url: str
    account: str
    namespace: str
    token: str = field(repr=False)
    profile: Profile | None

    def artifacts(self) -> "Artifacts":
        """The binding at work there."""
        from treehold.client import Artifacts  # noqa: PLC0415 - httpx is slow to load, and some verbs need none

        return Artifacts(base_url=self.url, account_id=self.account, namespace=self.namespace, token=self.token)

    def namespaces(self) -> "Namespaces":
        """The binding for the account's namespaces."""
        from treehold.client.namespaces import Namespaces  # noqa: PLC0415 - as above

        return Namespaces(base_url=self.url, account_id=self.account, token=self.token)


def remember(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Keep the value of an option that may stand before and behind the verb; the last one counts."""
    if value:
        ctx.meta.setdefault(_KEY, {})[param.name] = value
    return value


class Session:
    """One run of a verb. Options win over the environment, and that over the profile."""

    def __init__(self, wishes: dict[str, Any], around: Surroundings) -> None:
        self._wishes = wishes
        self.around = around
        self.profiles = Profiles(around.profile_folder)
        self.tokens = TokenCache(around.token_folder, clock)
        self.screen = Screen(as_json=bool(wishes.get("with_json")), is_plain=around.is_plain)

    @classmethod
    def of(cls, ctx: typer.Context) -> "Session":
        """The session of the verb that is running."""
        return cls(ctx.meta.get(_KEY, {}), surroundings())

    @property
    def named_profile(self) -> str | None:
        """The profile that was asked for by name."""
        return self._wishes.get("with_profile") or self.around.profile

    @cached_property
    def profile(self) -> Profile | None:
        """The profile that counts; None if there is none, Refused if one was named that is not there."""
        found = self.profiles.find(self.named_profile or DEFAULT_NAME)
        if found is None and self.named_profile:
            hint = f"`treehold --profile {self.named_profile} login` makes it"
            raise Refused(f"there is no profile {self.named_profile!r}", hint=hint, status=Status.NOT_FOUND)
        return found

    @cached_property
    def asked_url(self) -> str | None:
        """The server that was named by an option or the environment."""
        url = self._wishes.get("with_url") or self.around.url
        return url.rstrip("/") if url else None

    @cached_property
    def asked_account(self) -> str | None:
        """The account that was named so."""
        return self._wishes.get("with_account") or self.around.account

    @cached_property
    def asked_namespace(self) -> str | None:
        """The namespace that was named so."""
        return self._wishes.get("with_namespace") or self.around.namespace

    @cached_property
    def place(self) -> Place:
        """Where the verb works; raises Refused without a token."""
        profile = self.profile
        if profile is not None and self.asked_url not in (None, profile.url):
            profile = None  # its token is not for another server
        url = self.asked_url or (profile.url if profile else DEFAULT_URL)
        token = self.around.token or (profile.token if profile else None)
        if token is None:
            raise Refused(
                f"there is no API token for {url}",
                hint="type `treehold login`, or set TREEHOLD_TOKEN",
                status=Status.NOT_ALLOWED,
                code="AUTHENTICATION_ERROR",
            )
        account = self.asked_account or (profile.account if profile else DEFAULT_ACCOUNT)
        namespace = self.asked_namespace or (profile.namespace if profile else DEFAULT_NAMESPACE)
        return Place(url, account, namespace, token, profile)

    def artifacts(self) -> "Artifacts":
        """The binding in the namespace that is meant."""
        return self.place.artifacts()
