"""What every catalog backend must do: repo tokens and API tokens."""

from dataclasses import replace

import pytest

from tests.contract.catalog_samples import (
    ACCOUNT,
    NAMESPACE,
    api_token,
    at,
    digest_of,
    make_repo,
    new_repo,
    new_token,
)
from treehold.catalog.accounts import AccountRow
from treehold.catalog.base import Catalog, RepoRow, TokenFilter, TokenRow
from treehold.errors import AlreadyExists, NotFound
from treehold.ids import AccountId, RepoId, TokenId


async def _listed(catalog: Catalog, repo: RepoRow, state: TokenFilter, now: int = 0) -> list[str]:
    tokens, total = await catalog.list_tokens(repo.id, state=state, now=at(now), limit=100, offset=0)
    assert total == len(tokens)
    return [token.id for token in tokens]


class TokenSuite:
    """Repo tokens."""

    async def test_a_token_opens_its_repo(self, catalog: Catalog) -> None:
        """find_token answers all that was kept, and the repo's row."""
        repo = await make_repo(catalog)
        token = new_token("abc", scope="read", created=3, expires=9)
        await catalog.create_token(repo.id, token)
        kept = TokenRow(TokenId("abc"), repo.id, "read", at(3), at(9), None)
        assert await catalog.find_token(token.digest) == (kept, repo)

    async def test_an_unknown_digest_is_not_found(self, catalog: Catalog) -> None:
        """No token, NotFound; neither does a part of a digest do."""
        await catalog.create_repo(new_repo("repo"), new_token("abc"))
        for digest in (digest_of("other"), b"", digest_of("abc")[:16]):
            with pytest.raises(NotFound):
                await catalog.find_token(digest)

    async def test_expired_and_revoked_tokens_are_still_found(self, catalog: Catalog) -> None:
        """find_token answers tokens whatever their state; the asker decides."""
        repo = await catalog.create_repo(new_repo("repo"), new_token("abc", expires=-5))
        await catalog.revoke_token(ACCOUNT, NAMESPACE, TokenId("abc"), at(7))
        token, found = await catalog.find_token(digest_of("abc"))
        assert (token.expires_at, token.revoked_at, found) == (at(-5), at(7), repo)

    async def test_a_token_needs_a_live_repo(self, catalog: Catalog) -> None:
        """create_token for an unknown or deleted repo is NotFound."""
        repo = await make_repo(catalog)
        await catalog.delete_repo(ACCOUNT, NAMESPACE, repo.name, at(1))
        for gone in (repo.id, RepoId("nobody")):
            with pytest.raises(NotFound):
                await catalog.create_token(gone, new_token())

    async def test_tokens_are_listed_by_state(self, catalog: Catalog) -> None:
        """Active, expired from its last moment on, revoked even when expired too, and all of them."""
        repo = await catalog.create_repo(new_repo("repo"), new_token("active", created=1, expires=101))
        await catalog.create_token(repo.id, new_token("expired", created=2, expires=100))
        await catalog.create_token(repo.id, new_token("revoked", created=3, expires=500))
        await catalog.create_token(repo.id, new_token("both", created=4, expires=50))
        for name in ("revoked", "both"):
            await catalog.revoke_token(ACCOUNT, NAMESPACE, TokenId(name), at(60))
        assert await _listed(catalog, repo, "active", 100) == ["active"]
        assert await _listed(catalog, repo, "expired", 100) == ["expired"]
        assert await _listed(catalog, repo, "revoked", 100) == ["both", "revoked"]
        assert await _listed(catalog, repo, "all", 100) == ["both", "revoked", "expired", "active"]
        assert await _listed(catalog, repo, "active", 99) == ["expired", "active"]

    async def test_tokens_are_paged_newest_first(self, catalog: Catalog) -> None:
        """Limit and offset cut the list, which is newest first with ties by id descending; the total counts all."""
        repo = await catalog.create_repo(new_repo("repo"), new_token("t0", created=5))
        for name, created in (("t1", 5), ("t3", 5), ("t2", 5), ("t9", 1), ("t4", 9)):
            await catalog.create_token(repo.id, new_token(name, created=created))
        pages = [
            await catalog.list_tokens(repo.id, state="all", now=at(0), limit=4, offset=offset) for offset in (0, 4, 8)
        ]
        assert [[token.id for token in tokens] for tokens, _ in pages] == [["t4", "t3", "t2", "t1"], ["t0", "t9"], []]
        assert [total for _, total in pages] == [6, 6, 6]
        assert {token.repo for tokens, _ in pages for token in tokens} == {repo.id}

    async def test_only_the_repos_own_tokens_are_listed(self, catalog: Catalog) -> None:
        """Tokens of other repos are not listed; an unknown or deleted repo has none."""
        one = await catalog.create_repo(new_repo("one"), new_token("of-one"))
        two = await catalog.create_repo(new_repo("two"), new_token("of-two"))
        fork = await catalog.fork_repo(one.id, new_repo("fork"), new_token("of-fork"))
        assert [await _listed(catalog, repo, "all") for repo in (one, two, fork)] == [
            ["of-one"],
            ["of-two"],
            ["of-fork"],
        ]
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "two", at(1))
        assert await _listed(catalog, two, "all") == []
        assert await _listed(catalog, replace(two, id=RepoId("nobody")), "all") == []

    async def test_revoking_again_keeps_the_first_time(self, catalog: Catalog) -> None:
        """A revoked token may be revoked again and stays as it was."""
        await catalog.create_repo(new_repo("repo"), new_token("abc"))
        for time in (5, 6):
            await catalog.revoke_token(ACCOUNT, NAMESPACE, TokenId("abc"), at(time))
        assert (await catalog.find_token(digest_of("abc")))[0].revoked_at == at(5)

    async def test_a_token_is_revoked_within_its_namespace_only(self, catalog: Catalog) -> None:
        """Another account, another namespace, a deleted repo or an unknown id is NotFound and revokes nothing."""
        await catalog.create_repo(new_repo("repo"), new_token("abc"))
        await catalog.create_repo(new_repo("repo", namespace="other"), new_token("def"))
        await catalog.create_repo(new_repo("gone"), new_token("dead"))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "gone", at(1))
        for account, namespace, token in (
            (AccountId("other"), NAMESPACE, "abc"),
            (ACCOUNT, "other", "abc"),
            (ACCOUNT, "unknown", "abc"),
            (ACCOUNT, NAMESPACE, "def"),
            (ACCOUNT, NAMESPACE, "dead"),
            (ACCOUNT, NAMESPACE, "unknown"),
        ):
            with pytest.raises(NotFound):
                await catalog.revoke_token(account, namespace, TokenId(token), at(2))
        for digest in (digest_of("abc"), digest_of("def")):
            assert (await catalog.find_token(digest))[0].revoked_at is None

    async def test_a_revocation_is_seen_by_another_instance_at_once(self, catalog: Catalog, second: Catalog) -> None:
        """There is no moment at which another instance still takes a revoked token for a good one."""
        await catalog.create_repo(new_repo("repo"), new_token("abc"))
        assert (await second.find_token(digest_of("abc")))[0].revoked_at is None
        await catalog.revoke_token(ACCOUNT, NAMESPACE, TokenId("abc"), at(1))
        assert (await second.find_token(digest_of("abc")))[0].revoked_at == at(1)


class ApiTokenSuite:
    """API tokens."""

    async def test_an_api_token_is_found_and_listed(self, catalog: Catalog) -> None:
        """find answers the row, list answers all of them, oldest first with ties by id."""
        rows = [api_token("b", created=2), api_token("c", created=1, permission="read"), api_token("a", created=2)]
        for row in rows:
            await catalog.create_api_token(row, digest_of(row.id))
        assert await catalog.find_api_token(digest_of("c")) == rows[1]
        assert await catalog.list_api_tokens() == [rows[1], rows[2], rows[0]]

    async def test_an_empty_catalog_has_no_api_tokens(self, catalog: Catalog) -> None:
        """The list is empty and every digest NotFound."""
        assert await catalog.list_api_tokens() == []
        with pytest.raises(NotFound):
            await catalog.find_api_token(digest_of("a"))

    async def test_a_kept_digest_is_refused(self, catalog: Catalog) -> None:
        """The same digest twice is AlreadyExists and leaves the first as it was."""
        await catalog.create_api_token(api_token("a"), digest_of("secret"))
        with pytest.raises(AlreadyExists):
            await catalog.create_api_token(api_token("b"), digest_of("secret"))
        assert await catalog.list_api_tokens() == [api_token("a")]

    async def test_a_revoked_api_token_is_still_found(self, catalog: Catalog) -> None:
        """It is found with the time of its first revocation; an unknown one is NotFound."""
        await catalog.create_api_token(api_token("a"), digest_of("a"))
        for time in (5, 6):
            await catalog.revoke_api_token(TokenId("a"), at(time))
        revoked = replace(api_token("a"), revoked_at=at(5))
        assert await catalog.find_api_token(digest_of("a")) == revoked
        assert await catalog.list_api_tokens() == [revoked]
        with pytest.raises(NotFound):
            await catalog.revoke_api_token(TokenId("unknown"), at(7))

    async def test_api_tokens_and_repo_tokens_are_apart(self, catalog: Catalog) -> None:
        """Neither kind is found as the other, even with the same digest."""
        await catalog.create_repo(new_repo("repo"), new_token("repo-token"))
        await catalog.create_api_token(api_token("api-token"), digest_of("api-token"))
        with pytest.raises(NotFound):
            await catalog.find_api_token(digest_of("repo-token"))
        with pytest.raises(NotFound):
            await catalog.find_token(digest_of("api-token"))
        await catalog.create_api_token(api_token("same"), digest_of("repo-token"))
        assert (await catalog.find_token(digest_of("repo-token")))[0].id == "repo-token"

    async def test_an_api_token_is_kept_as_it_was_given(self, catalog: Catalog) -> None:
        """Label and expiry come back, expired or not, and so does the permission."""
        row = api_token("a", permission="read", expires=-5, label="build machine")
        await catalog.create_api_token(row, digest_of("a"))
        assert await catalog.find_api_token(digest_of("a")) == row

    async def test_api_tokens_are_listed_by_account(self, catalog: Catalog) -> None:
        """With an account only its own tokens are listed, and an unknown account has none."""
        theirs = api_token("b", account=AccountId("rival"), created=1)
        for row in (api_token("a"), theirs):
            await catalog.create_api_token(row, digest_of(row.id))
        assert await catalog.list_api_tokens() == [api_token("a"), theirs]
        assert await catalog.list_api_tokens(AccountId("rival")) == [theirs]
        assert await catalog.list_api_tokens(AccountId("nobody")) == []

    async def test_a_rotated_api_token_has_a_new_secret_alone(self, catalog: Catalog, second: Catalog) -> None:
        """The old secret is dead at once for every instance; id, label and expiry stay unless an expiry is given."""
        await catalog.create_api_token(api_token("a", label="ci", expires=9), digest_of("old"))
        rotated = await catalog.rotate_api_token(TokenId("a"), digest_of("new"), expires_at=None, now=at(5))
        assert rotated == replace(api_token("a", label="ci", expires=9), rotated_at=at(5))
        for instance in (catalog, second):
            assert await instance.find_api_token(digest_of("new")) == rotated
            with pytest.raises(NotFound):
                await instance.find_api_token(digest_of("old"))
        again = await catalog.rotate_api_token(TokenId("a"), digest_of("newer"), expires_at=at(20), now=at(6))
        assert (again.expires_at, again.rotated_at) == (at(20), at(6))

    async def test_only_a_live_api_token_is_rotated(self, catalog: Catalog) -> None:
        """A revoked or unknown token is NotFound, a kept digest AlreadyExists, and nothing changes."""
        for name in ("a", "b"):
            await catalog.create_api_token(api_token(name), digest_of(name))
        await catalog.revoke_api_token(TokenId("b"), at(1))
        for token in ("b", "unknown"):
            with pytest.raises(NotFound):
                await catalog.rotate_api_token(TokenId(token), digest_of("new"), expires_at=None, now=at(2))
        with pytest.raises(AlreadyExists):
            await catalog.rotate_api_token(TokenId("a"), digest_of("b"), expires_at=None, now=at(2))
        assert await catalog.find_api_token(digest_of("a")) == api_token("a")

    async def test_the_last_use_of_an_api_token_is_noted(self, catalog: Catalog) -> None:
        """The latest use stays, in whatever order they are noted, and an unknown token is nobody's."""
        await catalog.create_api_token(api_token("a"), digest_of("a"))
        for token, time in (("a", 7), ("a", 5), ("unknown", 9)):
            await catalog.note_api_token_use(TokenId(token), at(time))
        assert await catalog.find_api_token(digest_of("a")) == replace(api_token("a"), last_used_at=at(7))


class AccountSuite:
    """Accounts."""

    async def test_accounts_are_made_once_and_listed_by_name(self, catalog: Catalog) -> None:
        """An account comes to be by itself or with its first token, and only once by itself."""
        assert await catalog.list_accounts() == []
        made = await catalog.create_account(AccountId("rival"), at(3))
        assert made == AccountRow(AccountId("rival"), at(3))
        await catalog.create_api_token(api_token("a", created=4), digest_of("a"))
        await catalog.create_api_token(api_token("b", account=AccountId("rival"), created=5), digest_of("b"))
        assert await catalog.list_accounts() == [AccountRow(ACCOUNT, at(4)), made]
        for taken in (ACCOUNT, AccountId("rival")):
            with pytest.raises(AlreadyExists):
                await catalog.create_account(taken, at(9))


class LifeSuite:
    """Closing."""

    async def test_close_may_be_called_twice(self, catalog: Catalog) -> None:
        """A closed catalog may be closed again."""
        await catalog.close()
        await catalog.close()
