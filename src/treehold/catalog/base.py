"""What the catalog keeps and what may be asked of it, whatever database is underneath.

Rows are frozen values: what a reader got never changes under it. A repo's *generation* rises by one with every change
of its refs or packs; whoever commits a change says which generation it looked at, and loses with
:class:`~treehold.errors.Conflict` when another change came first.

Every method may raise CatalogError. Every write is durable before it returns. Names of namespaces and repos are kept as
they were first spelled and compared without regard to the case of ASCII letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, Protocol

from treehold.catalog.accounts import AccountCatalog, Cursor, NamespaceCatalog
from treehold.catalog.answers import AnswerCatalog
from treehold.catalog.care import CareCatalog
from treehold.ids import AccountId, Milliseconds, ObjectId, PackId, RefName, RepoId, TokenId

Scope = Literal["read", "write"]
RepoStatus = Literal["ready", "importing"]
TokenState = Literal["active", "expired", "revoked"]
TokenFilter = Literal["active", "expired", "revoked", "all"]
RepoSort = Literal["created_at", "updated_at", "last_push_at", "name"]
Direction = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True)
class RepoRow:
    """One repo as its row tells it.

    ``exact`` says that the packs hold exactly the closure of the refs. Where they do not, they still do so from the
    generation ``anchor`` on: every later push added just what its refs newly reach, and lost nothing. ``origin`` is
    the generation at which the repo began, 0 unless it is a fork: it shares its packs up to there with others.
    """

    id: RepoId
    account: AccountId
    namespace: str
    name: str
    description: str | None
    default_branch: str
    read_only: bool
    source: str | None
    generation: int
    exact: bool
    anchor: int
    origin: int
    size_bytes: int  # of its packs
    object_count: int  # in its packs
    created_at: Milliseconds
    updated_at: Milliseconds
    last_push_at: Milliseconds | None
    status: RepoStatus = "ready"


@dataclass(frozen=True, slots=True)
class Ref:
    """A ref's value. ``peeled`` is what an annotated tag finally points at, None for everything else."""

    oid: ObjectId
    peeled: ObjectId | None = None


@dataclass(frozen=True, slots=True)
class PackRow:
    """One pack of a repo. ``key`` is None while it lies inline.

    Its objects joined the repo with the pushes of ``first_generation`` to ``generation``, which are the same for a
    pack as it was pushed. A pack that cannot tell, having been computed anew, spans from 0 to the generation that it
    made. So a pack holds nothing that was there at generation ``g`` if ``first_generation > g``, and nothing newer if
    ``generation <= g``.
    """

    id: PackId
    generation: int
    objects: int
    size_bytes: int
    key: str | None
    first_generation: int


@dataclass(frozen=True, slots=True)
class RepoState:
    """One generation of a repo: its row, its refs and its packs (oldest first), all read at one moment.

    ``shallow`` are the commits whose parents the repo has to do without.
    """

    repo: RepoRow
    refs: dict[RefName, Ref]
    packs: tuple[PackRow, ...]
    shallow: frozenset[ObjectId] = frozenset()


@dataclass(frozen=True, slots=True)
class NewPack:
    """A pack to be kept. Exactly one of ``data`` (inline) and ``key`` (already durable in the store) is set.

    ``index`` is the pack's index in the form of docs/formats/pack-index.md; kept in the row for inline packs, and
    empty for stored ones, whose index is a stored blob of its own (``key + ".index"``).
    """

    objects: int
    size_bytes: int
    index: bytes
    data: bytes | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class RefChange:
    """One ref's step from ``old`` (None: it did not exist) to ``new`` (None: deleted)."""

    name: RefName
    old: ObjectId | None
    new: Ref | None


@dataclass(frozen=True, slots=True)
class PushCommit:
    """All that one push changes, to be made true at once. ``token`` is who did it, for the ref log.

    ``preserves``: the pack holds just what the refs newly reach, everything else in the push may be seen already, and
    nothing is out of reach that was not before. An exact repo stays exact then, and any other keeps its anchor.
    ``shallow``, for the import that fills a repo: the commits that stand in it without their parents, for good.
    """

    repo: RepoId
    expected_generation: int
    changes: tuple[RefChange, ...]
    pack: NewPack | None
    preserves: bool
    token: TokenId | None
    now: Milliseconds
    shallow: frozenset[ObjectId] = frozenset()


@dataclass(frozen=True, slots=True)
class PackReplacement:
    """One pack in the place of others, which stand one after the other in the repo's list; None: nothing instead.

    A roll-up holds the same objects as the packs that it replaces and spans their generations. A repack holds what the
    refs reach at ``expected_generation``. ``expected_generation`` None, for roll-ups only: whatever was pushed
    meanwhile, for that changes nothing in them. ``exact`` None: as it is.
    """

    repo: RepoId
    expected_generation: int | None
    replaced: tuple[PackId, ...]
    pack: NewPack | None
    exact: bool | None
    is_repack: bool
    now: Milliseconds


@dataclass(frozen=True, slots=True)
class RefLogEntry:
    """One ref change as it was committed; ``generation`` is the repo's after it."""

    generation: int
    name: RefName
    old: ObjectId | None
    new: ObjectId | None
    old_peeled: ObjectId | None
    token: TokenId | None
    at: Milliseconds


@dataclass(frozen=True, slots=True)
class NewRepo:
    """What a repo is created with."""

    id: RepoId
    account: AccountId
    namespace: str
    name: str
    description: str | None
    default_branch: str
    read_only: bool
    source: str | None
    now: Milliseconds
    status: RepoStatus = "ready"


class Keep(Enum):
    """The one value that stands for leaving a field as it is where None has a meaning of its own."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class RepoChanges:
    """What is to be different about a repo: None is as it is, but for the description, which None takes away."""

    description: str | Keep | None = KEEP
    default_branch: str | None = None
    read_only: bool | None = None
    status: RepoStatus | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A repo token to be kept; ``digest`` is the SHA-256 of its secret, and the secret itself is nowhere."""

    id: TokenId
    digest: bytes
    scope: Scope
    created_at: Milliseconds
    expires_at: Milliseconds


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A repo token as listed."""

    id: TokenId
    repo: RepoId
    scope: Scope
    created_at: Milliseconds
    expires_at: Milliseconds
    revoked_at: Milliseconds | None


@dataclass(frozen=True, slots=True)
class RepoQuery:
    """Which repos to list, and which stretch of them. ``cursor`` goes on after a page; else ``offset`` rows are
    skipped."""

    account: AccountId
    namespace: str
    limit: int
    search: str | None = None
    sort: RepoSort = "created_at"
    direction: Direction = "desc"
    cursor: Cursor | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class RepoPage:
    """A stretch of a listing. ``cursor`` is set exactly when more rows follow; ``total`` counts all that match."""

    rows: tuple[RepoRow, ...]
    total: int
    cursor: Cursor | None


class RepoCatalog(Protocol):
    """Repos by name: what the control plane asks."""

    async def create_repo(self, repo: NewRepo, token: NewToken) -> RepoRow:
        """Make an empty repo (exact, generation 0), its namespace if need be, and its first token, in one
        transaction.

        Raises AlreadyExists when a live repo of that namespace has the name.
        """
        ...

    async def fork_repo(
        self, parent: RepoId, repo: NewRepo, token: NewToken, *, only: frozenset[RefName] | None = None
    ) -> RepoRow:
        """Make a repo that starts from the parent's present refs and packs, and its first token, in one transaction.

        With ``only`` it starts from those refs alone (names that the parent lacks are ignored) and is not exact unless
        they are all there are. The fork begins at the parent's generation, which is its origin and its anchor, with an
        empty ref log. Raises NotFound when the parent is gone, AlreadyExists.
        """
        ...

    async def find_repo(self, account: AccountId, namespace: str, name: str) -> RepoRow:
        """The live repo of that name; raises NotFound."""
        ...

    async def list_repos(self, query: RepoQuery) -> RepoPage:
        """The live repos that match, ties broken by the order of creation in the sort's direction.

        Rows never pushed to sort as oldest under last_push_at. A search ignores case, and an empty one matches all.
        A cursor stays good when rows come or go meanwhile; raises InvalidInput (pointer ``/cursor``) for one that
        this catalog did not make, or made for another sort or direction. An unknown namespace is an empty page.
        """
        ...

    async def update_repo(self, repo: RepoId, changes: RepoChanges, now: Milliseconds) -> RepoRow:
        """Change a live repo's row and answer it; raises NotFound. Moves updated_at, but for the status alone."""
        ...

    async def importing_repos(self) -> Sequence[RepoRow]:
        """All live repos whose import is not done, oldest first."""
        ...

    async def delete_repo(
        self, account: AccountId, namespace: str, name: str, now: Milliseconds, *, only: RepoId | None = None
    ) -> RepoId:
        """Take the repo away: its name is free and its tokens are dead at once; its packs may be shared and stay.

        With ``only`` another repo that bears the name by now stays, and its id is answered. Deleting a deleted repo
        answers the last deleted one's id again; raises NotFound if there never was one.
        """
        ...


class HistoryCatalog(Protocol):
    """Refs, packs and the ref log: what fetches and pushes ask."""

    async def repo_row(self, repo: RepoId) -> RepoRow:
        """The live repo of that id, by primary key; raises NotFound."""
        ...

    async def repo_state(self, repo: RepoId, *, seen: RepoRow | None = None) -> RepoState:
        """Row, refs and packs of one generation, read as at one moment; raises NotFound.

        With ``seen``, a row of the repo that was read a moment ago, that moment will do.
        """
        ...

    async def inline_pack(self, pack: PackId) -> tuple[bytes, bytes]:
        """Bytes and index of an inline pack; raises CorruptStore when they are not there."""
        ...

    async def commit_push(self, push: PushCommit) -> int:
        """Make a push true in one transaction and answer the new generation.

        Raises Conflict when the repo's generation is no longer the expected one, NotFound when the repo is gone.
        The caller has compared the old values at that generation. Moves updated_at and last_push_at.
        """
        ...

    async def replace_packs(self, replacement: PackReplacement) -> int:
        """Put a pack in the place of others in one transaction and answer the new generation.

        Other repos that share the replaced packs keep them. Sizes follow; refs, ref log, updated_at and last_push_at
        stay. Raises Conflict when the repo's generation is no longer the expected one, or when the packs have been
        replaced meanwhile, NotFound when the repo is gone, and InvalidInput for packs that are not a run of the list.
        """
        ...

    async def ref_log(self, repo: RepoId, *, newest: int, after: int = 0) -> Sequence[RefLogEntry]:
        """The newest entries of the repo's ref log, newest first; none for an unknown repo.

        Of the generations beyond ``after`` only.
        """
        ...


class TokenCatalog(Protocol):
    """Repo tokens, which Git clients show."""

    async def create_token(self, repo: RepoId, token: NewToken) -> None:
        """Keep a token of a live repo; raises NotFound, and AlreadyExists when the digest is kept already."""
        ...

    async def find_token(self, digest: bytes) -> tuple[TokenRow, RepoRow]:
        """The token with that digest, whatever its state, and its live repo; raises NotFound."""
        ...

    async def list_tokens(
        self, repo: RepoId, *, state: TokenFilter, now: Milliseconds, limit: int, offset: int
    ) -> tuple[Sequence[TokenRow], int]:
        """Tokens of that state, newest first (ties by id, descending), and how many there are in all.

        Revoked wins over expired, and a token is expired from its ``expires_at`` on. None for an unknown repo.
        """
        ...

    async def revoke_token(self, account: AccountId, namespace: str, token: TokenId, now: Milliseconds) -> None:
        """Revoke a token of a live repo in that namespace, or leave it revoked; raises NotFound."""
        ...


class Catalog(
    RepoCatalog,
    HistoryCatalog,
    TokenCatalog,
    NamespaceCatalog,
    AccountCatalog,
    AnswerCatalog,
    CareCatalog,
    Protocol,
):
    """All of it: what a backend implements and the composition root holds."""

    async def close(self) -> None:
        """Finish the writes under way and let go of the database."""
        ...
