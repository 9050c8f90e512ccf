"""Another server, as an import may reach it: which addresses are allowed, and how C Git is held to them.

Whoever may import names a host, and this server, which may stand in a private network, connects to it. So the URL is
taken apart and put together anew, the name is looked up once, every address that it has is checked, and C Git is told
to connect to those addresses alone: a name that means something else a moment later changes nothing. Redirects would
lead round all of that and are not followed. Credentials travel in a setting in the environment of the process, which
other users of the machine cannot read, and are in no text that this module makes.
"""

import asyncio
import base64
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

from treehold.engine.limits import IpNetwork, Limits
from treehold.errors import (
    InvalidInput,
    NativeGitError,
    NotARepository,
    NotFound,
    RemoteAuthRequired,
    RemoteTimeout,
    RemoteUnavailable,
    StorageError,
    TreeholdError,
)

URL_CHARACTERS_MAX: Final = 2048
"""Longest URL taken; more than any browser's address line."""
HTTPS_PORT: Final = 443
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up the addresses of a host and port; raises OSError."""

_POINTER: Final = "/url"
_URL: Final = re.compile(r"[!#-;=?-\[\]_a-z~]+")
"""What may stand in a URL (RFC 3986), ``^``, braces, quotes, angle brackets and backslashes left out."""
_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*(?=[a-z]){_LABEL}")
"""A host by name. The last part begins with a letter, or some resolvers would read a number in one of its old forms."""
_CLOSED: Final[Sequence[IpNetwork]] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind carriers' NAT, and some clouds' metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's own services, on an address that looks public
            "169.254.0.0/16",  # link-local, and most clouds' metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/3",  # multicast, reserved, broadcast
            "2001::/23",  # protocol assignments, and Teredo, which wraps up IPv4
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which wraps up IPv4
            "3fff::/20",  # documentation
        ),
    )
)
"""Not for strangers' requests: IANA's registries of special addresses. Spelled out, for what Python calls global has
changed from version to version."""
_OPEN_IPV6: Final = IPv6Network("2000::/3")
"""Global unicast; everything else of IPv6 is special or unassigned."""
_WRAPPED_IPV4: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""IPv4 in the clothes of IPv6: mapped, and NAT64, which is how hosts with IPv6 alone see all the others."""


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """An HTTPS URL taken apart. ``host`` is a lower-case name or an address, ``path`` begins with a slash."""

    host: str
    port: int
    path: str
    authorization: str | None = field(default=None, repr=False)
    """The value of the header that shows the URL's credentials."""

    @property
    def is_address(self) -> bool:
        """Whether the host is an address and no name."""
        return not _NAME.fullmatch(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == HTTPS_PORT else f":{self.port}"
        return f"https://{host}{port}{self.path}"

    @property
    def source(self) -> str:
        """What a repo says of where it came from."""
        return f"git:{str(self).rstrip('/').removesuffix('.git')}.git"


@dataclass(frozen=True, slots=True)
class Remote:
    """A URL and the only addresses at which it may be reached."""

    url: RemoteUrl
    addresses: tuple[str, ...]

    def settings(self, limits: Limits) -> Mapping[str, str]:
        """What C Git is told, so that it reaches this remote and nothing else."""
        settings = {
            "protocol.https.allow": "always",
            "http.followRedirects": "false",
            "http.proxy": "",
            "http.sslVerify": "true",
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(limits.import_idle_seconds),
            "credential.helper": "",
            "transfer.bundleURI": "false",
        }
        if not self.url.is_address:
            spelled = ",".join(f"[{address}]" if ":" in address else address for address in self.addresses)
            settings["http.curloptResolve"] = f"{self.url.host}:{self.url.port}:{spelled}"
        if limits.import_ca_file:
            settings["http.sslCAInfo"] = limits.import_ca_file
        if self.url.authorization is not None:
            settings["http.extraHeader"] = f"Authorization: {self.url.authorization}"
        return settings


def parse_remote_url(text: str) -> RemoteUrl:
    """Take a URL apart; raises InvalidInput, which does not repeat the URL: it may hold a password."""
    if len(text) > URL_CHARACTERS_MAX:
        raise _invalid(f"url has more than {URL_CHARACTERS_MAX} characters")
    if not _URL.fullmatch(text):
        raise _invalid("url holds characters that must be percent-encoded")
    try:
        parts = urlsplit(text)
        port = HTTPS_PORT if parts.port is None else parts.port
    except ValueError:
        raise _invalid("url has no legal host or port") from None
    if parts.scheme != "https":
        raise _invalid("url must begin with https://")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise _invalid("url must have no query and no fragment")
    return RemoteUrl(
        host=_host(parts.hostname or "", in_brackets="[" in parts.netloc.rpartition("@")[2]),
        port=port,
        path=parts.path or "/",
        authorization=_authorization(parts.username, parts.password),
    )


def _host(text: str, *, in_brackets: bool) -> str:
    host = text.removesuffix(".")
    if _NAME.fullmatch(host) and len(host) <= 253 and not in_brackets:
        return host
    if "%" not in host:  # the zone of a link-local address
        try:
            return str(IPv6Address(host) if in_brackets else IPv4Address(host))
        except ValueError:
            pass
    raise _invalid("url must name a host, or an address in its usual form")


def _authorization(username: str | None, password: str | None) -> str | None:
    if not username and not password:
        return None
    user = unquote(username or "")
    if ":" in user:
        raise _invalid("a user name must not hold a colon")
    return "Basic " + base64.b64encode(f"{user}:{unquote(password or '')}".encode()).decode("ascii")


async def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in found]


async def pin_remote(url: RemoteUrl, limits: Limits, resolve: Resolve) -> Remote:
    """Look the host up, once, and check where that leads; raises InvalidInput, RemoteUnavailable, RemoteTimeout."""
    try:
        async with asyncio.timeout(limits.import_probe_seconds):
            found = [url.host] if url.is_address else await resolve(url.host, url.port)
    except TimeoutError:
        raise RemoteTimeout(f"{url.host} could not be looked up in time") from None
    except (OSError, UnicodeError):
        raise RemoteUnavailable(f"{url.host} has no address") from None
    if not found:
        raise RemoteUnavailable(f"{url.host} has no address")
    addresses = tuple(dict.fromkeys(found))
    if url.host not in limits.import_hosts() and not all(map(_may_reach(limits), addresses)):
        raise _invalid(f"{url.host} is not in the public network")
    return Remote(url, addresses)


def _may_reach(limits: Limits) -> Callable[[str], bool]:
    opened = limits.import_networks()

    def may_reach(address: str) -> bool:
        try:
            plain = _unwrapped(ip_address(address))
        except ValueError:
            return False
        return any(plain in network for network in opened) or is_public(plain)

    return may_reach


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is an ordinary one of the public network."""
    plain = _unwrapped(address)
    if isinstance(plain, IPv6Address) and plain not in _OPEN_IPV6:
        return False
    return not any(plain in network for network in _CLOSED)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv6Address) and any(address in network for network in _WRAPPED_IPV4):
        return IPv4Address(address.packed[-4:])
    return address


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(message, _POINTER)


_REMOTE_WORDS: Final = re.compile(r"(?m)^(?:git \S+ ended with status \d+: )?remote:.*$")
_REASONS: Final[Sequence[tuple[str, Callable[[], TreeholdError]]]] = (
    ("No space left on device", lambda: StorageError("the disk is full")),
    (
        "does not support (?:shallow|--depth)",
        lambda: InvalidInput("the remote cannot cut its history off at a depth", "/depth"),
    ),
    (
        "could not read (?:Username|Password)|Authentication failed|returned error: 40[13]",
        lambda: RemoteAuthRequired("the remote asks for credentials, or does not accept these"),
    ),
    (
        r"repository '[^']*' not found|returned error: 4(?:04|10)",
        lambda: NotFound("the remote repository does not exist"),
    ),
    (
        r"returned error: 3\d\d",
        lambda: NotARepository("the remote redirects to another URL: import from that one", _POINTER),
    ),
    (
        r"^git \S+ took over|timed out|too slow|Timeout was reached|returned error: (?:408|504)",
        lambda: RemoteTimeout("the remote took too long"),
    ),
    (
        "[Cc]ertificate",
        lambda: RemoteUnavailable("the remote's certificate is not one that this server trusts"),
    ),
    (
        r"returned error: (?:429|5\d\d)",
        lambda: RemoteUnavailable("the remote failed"),
    ),
    (
        "returned error: 4",
        lambda: NotARepository("the remote does not answer as a Git repository does", _POINTER),
    ),
    (
        "not our ref|unadvertised object",
        lambda: RemoteUnavailable("the remote's refs moved meanwhile"),
    ),
    (
        "unable to access|RPC failed|early EOF|hung up unexpectedly",
        lambda: RemoteUnavailable("the connection to the remote failed"),
    ),
)
"""What C Git says when a remote fails, and what that is. The first that fits counts."""


def remote_failure(error: NativeGitError) -> TreeholdError:
    """What went wrong at the remote. Nothing that it sent is repeated: it has seen the credentials."""
    own_words = _REMOTE_WORDS.sub("", str(error))
    for said, reason in _REASONS:
        if re.search(said, own_words):
            return reason()
    return NotARepository("the remote does not answer as a Git repository does", _POINTER)
