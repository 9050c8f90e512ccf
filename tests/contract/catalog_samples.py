"""Rows for the catalog's contract suite: whatever a test does not care about is filled in."""

import hashlib
from collections.abc import Sequence
from itertools import count

from treehold.catalog.accounts import ApiTokenRow, Permission
from treehold.catalog.base import (
    Catalog,
    NewPack,
    NewRepo,
    NewToken,
    PackReplacement,
    PackRow,
    PushCommit,
    Ref,
    RefChange,
    RepoRow,
    RepoStatus,
    Scope,
)
from treehold.ids import AccountId, Milliseconds, ObjectId, RefName, RepoId, TokenId

ACCOUNT = AccountId("acme")
NAMESPACE = "agents"
MAIN = RefName(b"refs/heads/main")
NOW = Milliseconds(1_760_000_000_000)

_numbers = count(1)


def at(milliseconds: int) -> Milliseconds:
    """A time that many milliseconds after NOW."""
    return Milliseconds(NOW + milliseconds)


def digest_of(text: str) -> bytes:
    """The digest of a token's secret."""
    return hashlib.sha256(text.encode()).digest()


def oid_of(text: str) -> ObjectId:
    """Some object id."""
    return ObjectId(hashlib.sha1(text.encode()).digest())


def new_token(
    name: str | None = None, *, scope: Scope = "write", created: int = 0, expires: int = 86_400_000
) -> NewToken:
    """A token whose secret is its id."""
    name = name or f"t{next(_numbers):015d}"
    return NewToken(TokenId(name), digest_of(name), scope, at(created), at(expires))


def new_repo(
    name: str,
    *,
    id_: str | None = None,
    account: AccountId = ACCOUNT,
    namespace: str = NAMESPACE,
    description: str | None = None,
    default_branch: str = "main",
    read_only: bool = False,
    source: str | None = None,
    status: RepoStatus = "ready",
    now: int = 0,
) -> NewRepo:
    """A repo to be made."""
    repo = RepoId(id_ or f"r{next(_numbers):015d}")
    return NewRepo(repo, account, namespace, name, description, default_branch, read_only, source, at(now), status)


def new_pack(text: str = "pack", *, objects: int = 3) -> NewPack:
    """A small inline pack."""
    data = b"PACK" + text.encode()
    return NewPack(objects, len(data), b"index of " + text.encode(), data=data)


def stored_pack(key: str, *, objects: int = 1000, size_bytes: int = 1 << 20) -> NewPack:
    """A pack that lies in the store."""
    return NewPack(objects, size_bytes, b"", key=key)


def set_ref(name: bytes, text: str, *, old: str | None = None, peeled: str | None = None) -> RefChange:
    """A ref that comes to be, or moves."""
    ref = Ref(oid_of(text), None if peeled is None else oid_of(peeled))
    return RefChange(RefName(name), None if old is None else oid_of(old), ref)


def drop_ref(name: bytes, old: str) -> RefChange:
    """A ref that goes."""
    return RefChange(RefName(name), oid_of(old), None)


def api_token(
    name: str,
    *,
    account: AccountId = ACCOUNT,
    permission: Permission = "edit",
    created: int = 0,
    expires: int | None = None,
    label: str = "",
) -> ApiTokenRow:
    """An API token."""
    expires_at = None if expires is None else at(expires)
    return ApiTokenRow(TokenId(name), account, permission, at(created), None, label, expires_at)


async def make_repo(catalog: Catalog, name: str = "agent-007", *, now: int = 0) -> RepoRow:
    """A repo that is there."""
    return await catalog.create_repo(new_repo(name, now=now), new_token())


async def push(
    catalog: Catalog,
    repo: RepoRow,
    generation: int,
    *changes: RefChange,
    pack: NewPack | None = None,
    preserves: bool = True,
    now: int = 1,
    token: str | None = None,
) -> int:
    """Commit a push that looked at that generation."""
    who = None if token is None else TokenId(token)
    return await catalog.commit_push(PushCommit(repo.id, generation, changes, pack, preserves, who, at(now)))


async def replace_packs(
    catalog: Catalog,
    repo: RepoRow,
    packs: Sequence[PackRow],
    pack: NewPack | None,
    *,
    expected: int | None = None,
    exact: bool | None = None,
    is_repack: bool = False,
    now: int = 50,
) -> int:
    """Put a pack in the place of those of the repo."""
    replaced = tuple(row.id for row in packs)
    return await catalog.replace_packs(PackReplacement(repo.id, expected, replaced, pack, exact, is_repack, at(now)))
