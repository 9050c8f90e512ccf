"""Tests of treehold.engine.remote."""

import base64
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from treehold.engine.limits import Limits
from treehold.engine.remote import Resolve, is_public, look_up, parse_remote_url, pin_remote, remote_failure
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

GOOD, OTHER_GOOD = "140.82.121.4", "2606:50c0:8000::153"


def answering(*addresses: str) -> Resolve:
    """A name service that knows one answer."""

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize(
    ("text", "plain", "source"),
    [
        ("https://github.com/pallets/flask", "https://github.com/pallets/flask", "github.com/pallets/flask.git"),
        (
            "https://github.com/pallets/flask.git",
            "https://github.com/pallets/flask.git",
            "github.com/pallets/flask.git",
        ),
        ("HTTPS://GitHub.com./a/b/", "https://github.com/a/b/", "github.com/a/b.git"),
        ("https://git.example:443/a", "https://git.example/a", "git.example/a.git"),
        ("https://git.example:8443/~a/b%20c", "https://git.example:8443/~a/b%20c", "git.example:8443/~a/b%20c.git"),
        ("https://x:y@git.example/a", "https://git.example/a", "git.example/a.git"),
        ("https://140.82.121.4/a", "https://140.82.121.4/a", "140.82.121.4/a.git"),
        ("https://[2606:50C0::1]:99/a", "https://[2606:50c0::1]:99/a", "[2606:50c0::1]:99/a.git"),
        ("https://xn--bcher-kva.example/a", "https://xn--bcher-kva.example/a", "xn--bcher-kva.example/a.git"),
        ("https://git.example", "https://git.example/", "git.example.git"),
    ],
)
def test_a_url_is_put_together_anew(text: str, plain: str, source: str) -> None:
    """As C Git is given it, and as the repo tells where it came from: without credentials, ending in .git."""
    url = parse_remote_url(text)
    assert str(url) == plain
    assert url.source == f"git:https://{source}"


@pytest.mark.parametrize(
    "text",
    [
        "http://git.example/a",
        "git://git.example/a",
        "ssh://git@git.example/a",
        "git@git.example:a",
        "file:///etc",
        "ext::sh -c id",
        "/etc/passwd",
        "",
        "https://",
        "https:///a",
        "https://git.example/a?b=c",
        "https://git.example/a?",
        "https://git.example/a#b",
        "https://git.example/a#",
        "https://git.example/a b",
        "https://git.example/a\nb",
        "https://git.example/a\tb",
        "https://git.example/a\\b",
        "https://bücher.example/a",
        "https://git.example:0x50/a",
        "https://git.example:99999/a",
        "https://git..example/a",
        "https://-git.example/a",
        "https://git.example../a",
        "https://2130706433/a",
        "https://0x7f000001/a",
        "https://0x7f.1/a",
        "https://127.1/a",
        "https://0177.0.0.1/a",
        "https://127.0.0.1.1/a",
        "https://[::1/a",
        "https://[fe80::1%25eth0]/a",
        "https://fe80%3A%3A1/a",
        "https://[v1.a]/a",
        "https://us%3Aer:pass@git.example/a",
        f"https://{'a.' * 130}example/a",
        f"https://git.example/{'a' * 2048}",
    ],
)
def test_a_url_that_leads_nowhere_is_refused(text: str) -> None:
    """With the field's pointer, and without repeating any of it: it may hold a password."""
    with pytest.raises(InvalidInput) as refused:
        parse_remote_url(text)
    assert refused.value.pointer == "/url"
    assert "example" not in str(refused.value)


@pytest.mark.parametrize(
    ("shown", "meant"),
    [("user:pass", "user:pass"), ("token", "token:"), (":pass", ":pass"), ("a%40b:c%3Ad%2F", "a@b:c:d/")],
)
async def test_credentials_go_into_a_header_and_nowhere_else(shown: str, meant: str) -> None:
    """They are in the settings for C Git, and not in what a URL or a remote looks like."""
    url = parse_remote_url(f"https://{shown}@git.example/a")
    remote = await pin_remote(url, Limits(), answering(GOOD))
    expected = base64.b64encode(meant.encode()).decode()
    assert remote.settings(Limits())["http.extraHeader"] == f"Authorization: Basic {expected}"
    for text in (str(url), repr(url), url.source, repr(remote)):
        assert shown not in text
        assert expected not in text


async def test_an_empty_user_shows_nothing() -> None:
    """A bare at sign is no credentials."""
    remote = await pin_remote(parse_remote_url("https://@git.example/a"), Limits(), answering(GOOD))
    assert "http.extraHeader" not in remote.settings(Limits())


REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", REFUSED)
async def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    """Whether a URL spells them or a name leads to them, be it beside public ones."""
    assert not is_public(ip_address(address))
    spelled = f"[{address}]" if ":" in address else address
    for text, resolve in (
        (f"https://{spelled}/a", answering(GOOD)),
        ("https://git.example/a", answering(address)),
        ("https://git.example/a", answering(GOOD, address)),
        ("https://git.example/a", answering(address, OTHER_GOOD)),
    ):
        with pytest.raises(InvalidInput, match="not in the public network"):
            await pin_remote(parse_remote_url(text), Limits(), resolve)


@pytest.mark.parametrize(
    "address", [GOOD, OTHER_GOOD, "9.9.9.9", "172.32.0.1", "100.128.0.1", "::ffff:9.9.9.9", "64:ff9b::909:909"]
)
async def test_public_addresses_are_allowed(address: str) -> None:
    """IPv4, IPv6, and IPv4 as hosts see it that have IPv6 alone."""
    assert is_public(ip_address(address))
    remote = await pin_remote(parse_remote_url("https://git.example/a"), Limits(), answering(address))
    assert remote.addresses == (address,)


async def test_what_a_resolver_should_not_answer_is_refused() -> None:
    """Such as the zone of a link-local address, or no address at all."""
    for address in ("fe80::1%eth0", "example"):
        with pytest.raises(InvalidInput, match="not in the public network"):
            await pin_remote(parse_remote_url("https://git.example/a"), Limits(), answering(address))


async def test_a_name_is_looked_up_once_and_pinned() -> None:
    """A name service that changes its mind is not asked again: C Git gets the addresses that were checked."""
    answers = [[GOOD, OTHER_GOOD, GOOD], ["127.0.0.1"]]

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("git.example", 8443)
        return answers.pop(0)

    remote = await pin_remote(parse_remote_url("https://git.example:8443/a"), Limits(), resolve)
    for _ in range(2):
        settings = remote.settings(Limits())
        assert settings["http.curloptResolve"] == f"git.example:8443:{GOOD},[{OTHER_GOOD}]"
    assert answers == [["127.0.0.1"]]


async def test_an_address_is_not_looked_up() -> None:
    """There is nothing to look up, and nothing to pin."""
    remote = await pin_remote(parse_remote_url(f"https://{GOOD}/a"), Limits(), answering())
    assert "http.curloptResolve" not in remote.settings(Limits())


async def test_operators_open_hosts_and_networks() -> None:
    """Those of the settings may be reached, and no others."""
    by_host = Limits(import_allowed_hosts="Git.Internal, other.internal")
    by_network = Limits(import_allowed_networks="10.1.0.0/16,fd00:1::/32")
    inside, outside = parse_remote_url("https://git.internal/a"), parse_remote_url("https://x.internal/a")
    assert (await pin_remote(inside, by_host, answering("10.9.9.9"))).addresses == ("10.9.9.9",)
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::2"):
        assert (await pin_remote(outside, by_network, answering(address))).addresses == (address,)
    for limits, address in ((by_host, "10.9.9.9"), (by_network, "10.2.0.1"), (by_network, "fd00:2::1")):
        with pytest.raises(InvalidInput):
            await pin_remote(outside, limits, answering(address))


async def test_a_name_without_an_address_is_unavailable() -> None:
    """So is one that takes too long to look up, which says so."""

    async def failing(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    async def slow(_host: str, _port: int) -> Sequence[str]:
        raise TimeoutError

    url = parse_remote_url("https://git.example/a")
    with pytest.raises(RemoteUnavailable, match="has no address"):
        await pin_remote(url, Limits(), failing)
    with pytest.raises(RemoteTimeout):
        await pin_remote(url, Limits(), slow)
    with pytest.raises(RemoteUnavailable, match="has no address"):
        await pin_remote(url, Limits(), answering())


async def test_the_system_is_asked() -> None:
    """The machine's own name service knows the loopback."""
    assert set(await look_up("localhost", 443)) <= {"127.0.0.1", "::1"}


async def test_git_is_told_to_reach_nothing_else() -> None:
    """No redirects, proxies, helpers or bundles; certificates are checked, by the operator's if there are any."""
    remote = await pin_remote(parse_remote_url("https://git.example/a"), Limits(), answering(GOOD))
    settings = remote.settings(Limits(import_idle_seconds=7, import_ca_file="/etc/ca.pem"))
    assert settings == {
        "protocol.https.allow": "always",
        "http.followRedirects": "false",
        "http.proxy": "",
        "http.sslVerify": "true",
        "http.lowSpeedLimit": "1",
        "http.lowSpeedTime": "7",
        "http.curloptResolve": f"git.example:443:{GOOD}",
        "http.sslCAInfo": "/etc/ca.pem",
        "credential.helper": "",
        "transfer.bundleURI": "false",
    }


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", RemoteAuthRequired),
        ("fatal: Authentication failed for 'https://x/'", RemoteAuthRequired),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", RemoteAuthRequired),
        ("fatal: repository 'https://x/' not found", NotFound),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 410", NotFound),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 302", NotARepository),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 418", NotARepository),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 429", RemoteUnavailable),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 503", RemoteUnavailable),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 504", RemoteTimeout),
        ("fatal: unable to access 'https://x/': Failed to connect to x port 1: Connection timed out", RemoteTimeout),
        ("fatal: unable to access 'https://x/': Operation too slow. Less than 1 bytes/sec", RemoteTimeout),
        ("fatal: unable to access 'https://x/': Failed to connect to x: Connection refused", RemoteUnavailable),
        ("fatal: unable to access 'https://x/': server certificate verification failed.", RemoteUnavailable),
        ("error: RPC failed; curl 18 transfer closed\nfatal: early EOF", RemoteUnavailable),
        ("fatal: remote error: upload-pack: not our ref 12", RemoteUnavailable),
        ("fatal: https://x/info/refs not valid: is this a git repository?", NotARepository),
        ("remote: No space left on device\nfatal: something else", NotARepository),
        ("fatal: write error: No space left on device", StorageError),
    ],
)
def test_what_c_git_says_is_understood(said: str, kind: type[TreeholdError]) -> None:
    """A remote's failure gets the class that tells what can be done about it, and none of the remote's words."""
    failure = remote_failure(NativeGitError(f"git ls-remote ended with status 128: {said}"))
    assert type(failure) is kind
    assert "https://x" not in str(failure)


def test_a_run_that_was_ended_is_a_time_out() -> None:
    """Our own bound on a run's time says the same as the remote's silence."""
    assert type(remote_failure(NativeGitError("git ls-remote took over 20 s"))) is RemoteTimeout
