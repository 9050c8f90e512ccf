"""What maintenance asks of the catalog: what nobody needs any more, who is in need, whose turn it is, what was done.

The reader of :class:`CareCatalog` is a process that works in the background beside others like it, may be killed at
any step, and is begun again. So every method may be repeated, and none holds up pushes and fetches: long ones read and
write in small steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from treehold.ids import Milliseconds, PackId, RepoId

PACKS_IN_NEED_MIN: Final = 8
"""Fewest packs by which a repo is found to be in need: reading eight costs little more than reading one."""
JOB_DETAIL_CHARACTERS_MAX: Final = 2_000
"""How much of a job's detail is kept."""

JobOutcome = Literal["running", "done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class DoomedPack:
    """A pack that nobody names any more; ``key`` is where its bytes are stored, None for an inline one."""

    id: PackId
    key: str | None


@dataclass(frozen=True, slots=True)
class PurgedCounts:
    """How many rows of each kind a purge took away."""

    tokens: int = 0
    repos: int = 0
    log_entries: int = 0
    leases: int = 0
    jobs: int = 0

    def __add__(self, other: "PurgedCounts") -> "PurgedCounts":
        """Both together."""
        return PurgedCounts(
            self.tokens + other.tokens,
            self.repos + other.repos,
            self.log_entries + other.log_entries,
            self.leases + other.leases,
            self.jobs + other.jobs,
        )


@dataclass(frozen=True, slots=True)
class RepoNeed:
    """A live repo that maintenance might do something for.

    ``packs`` are its own: those that joined since its origin. ``is_fork`` says that it began with another's packs;
    ``replaced_at`` is when packs of it were last replaced, None if never; ``place`` is where a walk goes on.
    """

    repo: RepoId
    packs: int
    exact: bool
    is_fork: bool
    size_bytes: int
    replaced_at: Milliseconds | None
    place: int


@dataclass(frozen=True, slots=True)
class JobRow:
    """One piece of maintenance as it is going on or has ended. ``repo`` None: it is about the whole catalog."""

    id: str
    kind: str
    repo: RepoId | None
    started_at: Milliseconds
    finished_at: Milliseconds | None
    outcome: JobOutcome
    detail: str


class CareCatalog(Protocol):
    """What maintenance asks, beside what everybody may ask."""

    async def doom_unreferenced(self, now: Milliseconds) -> int:
        """Note the time against every pack that no repo has in its list, and answer how many were found.

        A pack noted earlier keeps its time. Looks at all repos, in the background. Raises CorruptStore, and notes
        nothing that it is not sure of, when a repo's list of packs cannot be read.
        """
        ...

    async def doomed_packs(self, before: Milliseconds, limit: int) -> Sequence[DoomedPack]:
        """Packs that were found unreferenced earlier than that, longest ago first."""
        ...

    async def forget_packs(self, packs: Sequence[PackId]) -> None:
        """Delete the rows of doomed packs and the bytes of inline ones; any other pack is left alone.

        Stored bytes are the caller's to delete, after this: a row must never name what is not there.
        """
        ...

    async def named_keys(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of the store's keys that the row of a pack names, be it doomed or not."""
        ...

    async def purge(self, before: Milliseconds) -> PurgedCounts:
        """Delete what ended earlier than that: repo tokens that expired or were revoked, deleted repos with their ref
        logs, leases that ran out, and jobs that were begun.

        A purged repo is as if it had never been: deleting it again raises NotFound.
        """
        ...

    async def repos_in_need(self, *, packs_min: int, limit: int, after: int = 0) -> Sequence[RepoNeed]:
        """Live repos that have that many packs of their own at least, or are neither exact nor forks, in the order in
        which they were created.

        ``after`` is the place of the last one of the page before. A ``packs_min`` below PACKS_IN_NEED_MIN counts as
        that.
        """
        ...

    async def acquire_lease(self, name: str, holder: str, *, now: Milliseconds, until: Milliseconds) -> bool:
        """Whether the holder has the lease of that name until then: it was free, its own, or had run out by ``now``."""
        ...

    async def release_lease(self, name: str, holder: str) -> None:
        """Give the lease back, if it is the holder's."""
        ...

    async def record_job(self, job: JobRow) -> None:
        """Keep the job, in the place of what was kept under its id. Only the beginning of a long detail is kept."""
        ...

    async def recent_jobs(self, limit: int) -> Sequence[JobRow]:
        """The jobs begun last, newest first (ties by id, descending)."""
        ...
