"""Every bound that the deeds keep, each a setting of the server with this default."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from treehold.objects.severity import DEFAULT_SEVERITIES, Severity

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30
DAY_SECONDS: Final = 86_400
IpNetwork = IPv4Network | IPv6Network
_FSCK: Final = re.compile("(?:[a-zA-Z]+=(?:ignore|warn|error)(?:,(?!$)|$))*")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a stranger can grow. Sizes in bytes, times in seconds."""

    repo_bytes_max: int = 10 * GIB
    """Stored packs of one repo; the real service's figure. 0 is no bound."""
    account_bytes_max: int = 1024 * GIB
    """Stored packs of one account, those that forks share counted once; the real service's figure. 0 is no bound. What
    nothing needs any more counts until a sweep finds it."""
    pack_bytes_max: int = 2 * GIB
    """One pushed pack; GitHub's figure for one push."""
    pack_objects_max: int = 10_000_000
    """Objects of one pushed pack; the Linux kernel's whole history has about that many."""
    object_bytes_max: int = 1 * GIB
    """One inflated object of a push that C Git takes in."""
    blob_bytes_max: int = 0
    """One pushed blob; 0 is no bound of its own. The real service refuses blobs over 32 MB."""
    inflated_bytes_max: int = 64 * MIB
    """All objects of a push that is taken in this process, inflated, deltas applied: the reach of a zip bomb."""
    small_push_bytes: int = 1 * MIB
    """A pack up to this size is taken in by this process, a larger one by C Git: starting git costs more than
    reading 1 MB here."""
    small_push_objects: int = 1_000
    """The same bound by the number of objects."""
    inline_pack_bytes: int = 64 * KIB
    """A pack up to this size lies in the catalog and not in the store: one sync in place of three."""
    request_bytes_max: int = 16 * MIB
    """The body of a fetch, and the head of a push: 65,536 wants and haves take 6.5 MB."""
    body_idle_seconds: int = 60
    """How long nothing of a request's body may come before the request is given up; nginx waits as long."""
    body_bytes_per_second_min: int = 1 * KIB
    """What must come of a body on average, in bytes a second, once the idle time is over: the slowest modem does more,
    and a byte a minute would hold a connection for ever."""
    keep_alive_seconds: int = 5
    """From one sign of life to the next while C Git works on a push, so that no proxy takes the connection for dead;
    0 sends none. As git's ``receive.keepAlive``."""
    refs_max: int = 100_000
    """Refs of one repo; every advertisement lists them all."""
    push_commands_max: int = 100_000
    """Ref updates in one push: the first mirror of a large repo brings tens of thousands."""
    delta_depth_max: int = 64
    """Longest delta chain across packs; an object deeper than this is stored whole. git's own default is 50."""
    history_walk_commits: int = 20_000
    """Commits looked at to prove that an update loses nothing; beyond it the update is taken as if it did."""
    negotiation_walk_commits: int = 1_000
    """Commits looked at for all wants together, to tell a fetching client that it need not list more haves."""
    fsck: str = "zeroPaddedFilemode=ignore,nulInCommit=ignore"
    """What is done about defects of pushed objects: ``name=ignore``, ``warn`` (both let it pass) or ``error``, with
    commas between, by the names of ``git fsck``. A defect that is not named is refused if git calls it an error or a
    warning. Those named by default are old warts of real histories."""
    native_seconds: int = 600
    """One run of C Git."""
    native_memory_bytes: int = 1 * GIB
    """What one C Git process may allocate; pack files that it maps do not count."""
    native_processes: int = 4
    """C Git processes at once; more wait their turn."""
    native_wait_seconds: int = 30
    """How long a request waits for that turn before it is told to come back later."""
    native_queue: int = 64
    """Runs that wait for their turn; one more is told at once to come back later: each holds a connection and what was
    spooled for it."""
    native_big_file_bytes: int = 32 * MIB
    """Blobs above this are streamed by C Git and not held (``core.bigFileThreshold``)."""
    push_attempts: int = 32
    """Tries to commit a push that other pushes overtake."""
    cache_bytes_max: int = 4 * GIB
    """Materialised repos on this node's disk."""
    answers_bytes_max: int = 4 * GIB
    """Computed packs kept on this node's disk, of which each counts 64 KiB at least."""
    walk_clone_objects: int = 500
    """Objects that a fetch without haves may choose in this process; starting git costs less beyond."""
    walk_increment_objects: int = 1_000
    """The same for a client that has something in common."""
    walk_indexed_objects: int = 50
    """The same where C Git has bitmaps, and needs little more than the time to start."""
    walk_repo_objects: int = 200_000
    """Objects of the largest repo that is walked: its packs' order costs 12 bytes each."""
    walk_bytes: int = 16 * MIB
    """Size of a pack that is put together in memory by a walk."""
    pack_memory_bytes: int = 64 * MIB
    """Inline packs held in memory by each process."""
    object_memory_bytes: int = 32 * MIB
    """Small objects that programs read last, held in memory by each process: trees most of all, and files of which
    many versions are deltas of each other."""
    reachable_memory_bytes: int = 128 * MIB
    """Sets of reachable ids held in memory by each process, at 20 bytes an id."""
    roll_up_packs: int = 32
    """Packs that joined a repo by pushes before they are merged: reading thirty costs little more than reading one."""
    repack_rest_seconds: int = 3_600
    """From one repack of a repo to the next: one that is force-pushed to all day is computed anew once an hour."""
    sweep_rest_seconds: int = 3_600
    """From one sweep to the next, which looks at all repos."""
    sweep_grace_seconds: int = DAY_SECONDS
    """From the moment that nobody names a pack any more until its bytes go; must outlast the slowest clone. Stored
    bytes that never got a name go when they are as old, and at least an hour."""
    ended_rows_kept_seconds: int = 30 * DAY_SECONDS
    """How long the catalog remembers expired tokens, deleted repos and done jobs."""
    lease_seconds: int = 120
    """How long a process that died in a job keeps others from it; one that lives renews its lease all the while."""
    import_bytes_max: int = 2 * GIB
    """What an import may fetch, as it lies on this node's disk: no more than one push may bring."""
    import_seconds: int = 3_600
    """One import, from its request to its end, tries and waits included."""
    import_idle_seconds: int = 60
    """How long nothing may come from the remote of an import."""
    import_probe_seconds: int = 20
    """What the look-up of a remote's name may take, and as much again its list of refs: the request waits for both."""
    import_processes: int = 2
    """Imports that fetch at once in each process; more wait their turn."""
    import_queue: int = 32
    """Imports under way in each process, those that wait included; one more is told to come back later."""
    import_attempts: int = 3
    """Tries to fetch from a remote that fails."""
    import_retry_seconds: int = 2
    """From one such try to the next; twice as long after each."""
    import_allowed_hosts: str = ""
    """Hosts that imports may reach wherever they are, with commas between. All others must have public addresses, or a
    stranger's request would reach into the network in which this server stands."""
    import_allowed_networks: str = ""
    """Networks that imports may reach though they are not public, such as ``10.1.0.0/16``, with commas between."""
    import_ca_file: str = ""
    """File of the certificate authorities, in PEM, by which remotes of imports are checked; empty: the system's."""
    api_requests_max: int = 2_000
    """REST requests of one account in ``rate_seconds``; 0 is no bound. The real service's figure, as the next."""
    git_requests_max: int = 2_000
    """Git requests to the repos of one namespace in ``rate_seconds``; 0 is no bound."""
    rate_seconds: int = 10
    """The stretch of time in which those are counted, by all processes of a server together."""
    token_ttl_min: int = 60
    token_ttl_max: int = 365 * DAY_SECONDS
    token_ttl_default: int = DAY_SECONDS
    idempotency_seconds: int = DAY_SECONDS
    """How long a POST with an ``Idempotency-Key`` is answered as it was the first time; 0 takes no notice of the
    header. As long as Stripe remembers."""

    def __post_init__(self) -> None:
        if not _FSCK.fullmatch(self.fsck):
            raise ValueError(f"fsck must be like badDate=ignore,hasDotgit=error, not {self.fsck[:200]!r}")
        self.import_networks()

    def severities(self) -> Mapping[str, Severity]:
        """The severities of all defects that this process finds by itself."""
        return _severities(self.fsck)

    def import_hosts(self) -> frozenset[str]:
        """The hosts that imports may reach wherever they are, in lower case."""
        return frozenset(_parts(self.import_allowed_hosts.lower()))

    def import_networks(self) -> Sequence[IpNetwork]:
        """The networks that imports may reach though they are not public; raises ValueError."""
        return [ip_network(part) for part in _parts(self.import_allowed_networks)]


def _parts(listed: str) -> list[str]:
    return [part.strip() for part in listed.split(",") if part.strip()]


@cache
def _severities(fsck: str) -> Mapping[str, Severity]:
    """Read once: every push asks."""
    chosen = dict(part.lower().split("=") for part in fsck.split(",") if part)
    return {
        name: Severity(chosen[name.lower()]) if name.lower() in chosen else usual
        for name, usual in DEFAULT_SEVERITIES.items()
    }
