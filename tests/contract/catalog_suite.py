"""What every catalog backend must do: repos. A backend's module inherits the classes and gives the fixtures.

``catalog`` is a fresh catalog; ``second`` is another instance over the same data, as another process would hold it.
"""

from dataclasses import replace

import pytest

from tests.contract.catalog_samples import (
    ACCOUNT,
    MAIN,
    NAMESPACE,
    at,
    digest_of,
    drop_ref,
    make_repo,
    new_pack,
    new_repo,
    new_token,
    oid_of,
    push,
    set_ref,
    stored_pack,
)
from treehold.catalog.base import Catalog, Ref, RepoQuery
from treehold.errors import AlreadyExists, NotFound
from treehold.ids import AccountId, RefName, RepoId


class RepoSuite:
    """Creating, finding and deleting."""

    async def test_a_created_repo_is_empty_exact_and_as_asked(self, catalog: Catalog) -> None:
        """A new repo answers what it was created with, is at generation 0, exact and was never pushed to."""
        asked = new_repo("docs-site", description="Pages", default_branch="dev", read_only=True, source="git:x", now=5)
        row = await catalog.create_repo(asked, new_token())
        assert (row.id, row.account, row.namespace, row.name) == (asked.id, ACCOUNT, NAMESPACE, "docs-site")
        assert (row.description, row.default_branch, row.read_only, row.source) == ("Pages", "dev", True, "git:x")
        assert (row.generation, row.exact, row.size_bytes, row.object_count) == (0, True, 0, 0)
        assert (row.created_at, row.updated_at, row.last_push_at) == (at(5), at(5), None)
        state = await catalog.repo_state(row.id)
        assert (state.repo, state.refs, state.packs) == (row, {}, ())

    async def test_a_repo_is_found_by_name_and_by_id(self, catalog: Catalog) -> None:
        """Both look-ups answer the same row."""
        row = await make_repo(catalog)
        assert await catalog.find_repo(ACCOUNT, NAMESPACE, row.name) == row
        assert await catalog.repo_row(row.id) == row

    async def test_absent_repos_are_not_found(self, catalog: Catalog) -> None:
        """An unknown account, namespace, name or id is NotFound."""
        row = await make_repo(catalog)
        for where in (
            (AccountId("other"), NAMESPACE, row.name),
            (ACCOUNT, "other", row.name),
            (ACCOUNT, NAMESPACE, "other"),
        ):
            with pytest.raises(NotFound):
                await catalog.find_repo(*where)
        with pytest.raises(NotFound):
            await catalog.repo_row(RepoId("nobody"))
        with pytest.raises(NotFound):
            await catalog.repo_state(RepoId("nobody"))

    async def test_the_first_token_comes_with_the_repo(self, catalog: Catalog) -> None:
        """The token given to create_repo opens the repo."""
        row = await catalog.create_repo(new_repo("tokened"), new_token("first", scope="read"))
        token, repo = await catalog.find_token(digest_of("first"))
        assert (token.id, token.repo, token.scope, repo) == ("first", row.id, "read", row)

    async def test_a_live_name_is_taken(self, catalog: Catalog) -> None:
        """A second repo of the name is AlreadyExists and leaves neither a repo nor a token behind."""
        row = await make_repo(catalog)
        refused = new_repo(row.name)
        with pytest.raises(AlreadyExists):
            await catalog.create_repo(refused, new_token("lost"))
        with pytest.raises(NotFound):
            await catalog.repo_row(refused.id)
        with pytest.raises(NotFound):
            await catalog.find_token(digest_of("lost"))
        assert (await catalog.list_repos(RepoQuery(ACCOUNT, NAMESPACE, 10))).total == 1

    async def test_a_name_is_one_name_whatever_its_case(self, catalog: Catalog) -> None:
        """Names that differ only in case are one name, found in any spelling and kept in the first."""
        row = await make_repo(catalog, "Agent-7__Cache")
        with pytest.raises(AlreadyExists):
            await make_repo(catalog, "agent-7__cache")
        assert await catalog.find_repo(ACCOUNT, NAMESPACE.upper(), "AGENT-7__cache") == row
        assert row.name == "Agent-7__Cache"
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "agent-7__CACHE", at(1))
        assert (await make_repo(catalog, "agent-7__cache")).name == "agent-7__cache"

    async def test_names_are_free_in_other_namespaces_and_accounts(self, catalog: Catalog) -> None:
        """A name is taken within its namespace and account only."""
        row = await make_repo(catalog)
        elsewhere = await catalog.create_repo(new_repo(row.name, namespace="elsewhere"), new_token())
        other = await catalog.create_repo(new_repo(row.name, account=AccountId("other")), new_token())
        assert await catalog.find_repo(ACCOUNT, "elsewhere", row.name) == elsewhere
        assert await catalog.find_repo(AccountId("other"), NAMESPACE, row.name) == other

    async def test_a_failed_create_leaves_nothing(self, catalog: Catalog) -> None:
        """When the token cannot be kept the repo is not there either."""
        await catalog.create_repo(new_repo("one"), new_token("same"))
        with pytest.raises(AlreadyExists):
            await catalog.create_repo(new_repo("two"), new_token("same"))
        with pytest.raises(NotFound):
            await catalog.find_repo(ACCOUNT, NAMESPACE, "two")
        assert (await catalog.list_repos(RepoQuery(ACCOUNT, NAMESPACE, 10))).total == 1

    async def test_a_deleted_repo_is_gone_at_once(self, catalog: Catalog) -> None:
        """After deletion its name, id, state, list entry and tokens are gone and nothing can be pushed."""
        row = await catalog.create_repo(new_repo("short-lived"), new_token("dead"))
        await push(catalog, row, 0, set_ref(MAIN, "a"), pack=new_pack())
        assert await catalog.delete_repo(ACCOUNT, NAMESPACE, "short-lived", at(9)) == row.id
        with pytest.raises(NotFound):
            await catalog.find_repo(ACCOUNT, NAMESPACE, "short-lived")
        with pytest.raises(NotFound):
            await catalog.repo_row(row.id)
        with pytest.raises(NotFound):
            await catalog.repo_state(row.id)
        with pytest.raises(NotFound):
            await catalog.find_token(digest_of("dead"))
        with pytest.raises(NotFound):
            await push(catalog, row, 1, set_ref(MAIN, "b", old="a"))
        page = await catalog.list_repos(RepoQuery(ACCOUNT, NAMESPACE, 10))
        assert (page.rows, page.total) == ((), 0)

    async def test_deleting_again_answers_the_last_one(self, catalog: Catalog) -> None:
        """A repeated delete answers the id of the repo that bore the name last, even deleted at the same moment."""
        first = await make_repo(catalog, "again")
        assert await catalog.delete_repo(ACCOUNT, NAMESPACE, "again", at(1)) == first.id
        second = await make_repo(catalog, "again")
        assert await catalog.delete_repo(ACCOUNT, NAMESPACE, "again", at(1)) == second.id
        assert await catalog.delete_repo(ACCOUNT, NAMESPACE, "again", at(2)) == second.id

    async def test_deleting_what_never_was(self, catalog: Catalog) -> None:
        """A name that no repo ever had is NotFound, in a known namespace and in an unknown one."""
        await make_repo(catalog)
        with pytest.raises(NotFound):
            await catalog.delete_repo(ACCOUNT, NAMESPACE, "never", at(1))
        with pytest.raises(NotFound):
            await catalog.delete_repo(ACCOUNT, "never", "never", at(1))

    async def test_deleting_one_repo_leaves_the_next_of_its_name(self, catalog: Catalog) -> None:
        """Whoever means one repo only does not delete another that bears the name by now."""
        first = await make_repo(catalog, "again")
        assert await catalog.delete_repo(ACCOUNT, NAMESPACE, "again", at(1), only=first.id) == first.id
        second = await make_repo(catalog, "again")
        assert await catalog.delete_repo(ACCOUNT, NAMESPACE, "again", at(2), only=first.id) == second.id
        assert (await catalog.find_repo(ACCOUNT, NAMESPACE, "again")).id == second.id

    async def test_a_new_repo_takes_nothing_from_a_deleted_one(self, catalog: Catalog) -> None:
        """A repo that reuses a name starts empty and with its own token only."""
        old = await catalog.create_repo(new_repo("reused"), new_token("old"))
        await push(catalog, old, 0, set_ref(MAIN, "a"), pack=new_pack())
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "reused", at(5))
        new = await make_repo(catalog, "reused")
        state = await catalog.repo_state(new.id)
        assert (state.repo.generation, state.refs, state.packs) == (0, {}, ())
        with pytest.raises(NotFound):
            await catalog.find_token(digest_of("old"))

    async def test_a_second_instance_sees_what_the_first_wrote(self, catalog: Catalog, second: Catalog) -> None:
        """Every write is visible to another instance as soon as it returns, and the other way round."""
        row = await make_repo(catalog)
        assert await second.repo_row(row.id) == row
        await push(second, row, 0, set_ref(MAIN, "a"), pack=new_pack())
        assert (await catalog.repo_state(row.id)).refs == {MAIN: Ref(oid_of("a"))}
        with pytest.raises(AlreadyExists):
            await make_repo(second)
        await second.delete_repo(ACCOUNT, NAMESPACE, row.name, at(2))
        with pytest.raises(NotFound):
            await catalog.repo_row(row.id)


class ForkSuite:
    """Forking."""

    async def test_a_fork_starts_from_the_parents_refs_and_packs(self, catalog: Catalog) -> None:
        """It has its own row and token, the parent's generation, refs, packs and sizes, and an empty ref log."""
        parent = await make_repo(catalog, "parent")
        tag = RefName(b"refs/tags/v1")
        await push(catalog, parent, 0, set_ref(MAIN, "a"), set_ref(tag, "t", peeled="a"), pack=new_pack("1"))
        await push(catalog, parent, 1, set_ref(MAIN, "b", old="a"), pack=stored_pack("packs/2"), preserves=False)
        asked = new_repo("child", description="D", default_branch="dev", read_only=True, source="artifacts:p", now=7)
        child = await catalog.fork_repo(parent.id, asked, new_token("child"))
        of_parent, of_child = await catalog.repo_state(parent.id), await catalog.repo_state(child.id)
        assert of_child.refs == of_parent.refs == {MAIN: Ref(oid_of("b")), tag: Ref(oid_of("t"), oid_of("a"))}
        assert of_child.packs == of_parent.packs
        assert [pack.generation for pack in of_child.packs] == [1, 2]
        unlike = {"id", "name", "description", "default_branch", "read_only", "source"}
        expected = {name: getattr(asked, name) for name in unlike} | {"created_at": at(7), "updated_at": at(7)}
        assert child == replace(of_parent.repo, **expected, anchor=2, origin=2, last_push_at=None)
        assert of_child.repo == child
        assert await catalog.ref_log(child.id, newest=10) == []
        assert (await catalog.find_token(digest_of("child")))[1] == child

    async def test_parent_and_fork_go_their_own_ways(self, catalog: Catalog) -> None:
        """A push to either is not seen by the other."""
        parent = await make_repo(catalog, "parent")
        await push(catalog, parent, 0, set_ref(MAIN, "a"), pack=new_pack("1"))
        child = await catalog.fork_repo(parent.id, new_repo("child"), new_token())
        await push(catalog, parent, 1, set_ref(MAIN, "p", old="a"), pack=new_pack("p"))
        assert await push(catalog, child, 1, drop_ref(MAIN, "a"), set_ref(b"refs/heads/c", "c"), preserves=False) == 2
        of_parent, of_child = await catalog.repo_state(parent.id), await catalog.repo_state(child.id)
        assert of_parent.refs == {MAIN: Ref(oid_of("p"))}
        assert of_child.refs == {RefName(b"refs/heads/c"): Ref(oid_of("c"))}
        assert (len(of_parent.packs), len(of_child.packs)) == (2, 1)
        assert (of_parent.repo.exact, of_child.repo.exact) == (True, False)

    async def test_a_fork_outlives_its_parent(self, catalog: Catalog) -> None:
        """Refs, packs and bytes of a fork, and of its forks, stay when the parent is deleted."""
        parent = await make_repo(catalog, "parent")
        await push(catalog, parent, 0, set_ref(MAIN, "a"), pack=new_pack("1"))
        child = await catalog.fork_repo(parent.id, new_repo("child"), new_token())
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "parent", at(3))
        grandchild = await catalog.fork_repo(child.id, new_repo("grandchild"), new_token())
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "child", at(4))
        state = await catalog.repo_state(grandchild.id)
        assert state.refs == {MAIN: Ref(oid_of("a"))}
        assert await catalog.inline_pack(state.packs[0].id) == (b"PACK1", b"index of 1")

    async def test_an_empty_repo_can_be_forked(self, catalog: Catalog) -> None:
        """The fork of an empty repo is empty and exact, and can be pushed to."""
        parent = await make_repo(catalog, "parent")
        child = await catalog.fork_repo(parent.id, new_repo("child"), new_token())
        partial = await catalog.fork_repo(parent.id, new_repo("partial"), new_token(), only=frozenset({MAIN}))
        for row in (child, partial):
            assert (row.generation, row.exact) == (0, True)
            assert (await catalog.repo_state(row.id)).refs == {}
            assert await push(catalog, row, 0, set_ref(MAIN, "a"), pack=new_pack()) == 1

    async def test_a_partial_fork_has_the_chosen_refs_and_all_packs(self, catalog: Catalog) -> None:
        """With ``only`` it starts from those refs alone, ignores unknown ones, keeps all packs and is not exact."""
        parent = await make_repo(catalog, "parent")
        dev, tag = RefName(b"refs/heads/dev"), RefName(b"refs/tags/v1")
        changes = set_ref(MAIN, "a"), set_ref(dev, "d"), set_ref(tag, "t", peeled="a")
        await push(catalog, parent, 0, *changes, pack=new_pack("1"))
        only = frozenset({MAIN, tag, RefName(b"refs/heads/unknown")})
        child = await catalog.fork_repo(parent.id, new_repo("child"), new_token(), only=only)
        of_parent, of_child = await catalog.repo_state(parent.id), await catalog.repo_state(child.id)
        assert of_child.refs == {MAIN: Ref(oid_of("a")), tag: Ref(oid_of("t"), oid_of("a"))}
        assert of_child.packs == of_parent.packs
        assert (of_child.repo.exact, of_child.repo.generation) == (False, 1)
        assert (of_child.repo.anchor, of_child.repo.origin) == (1, 1)
        assert (of_child.repo.size_bytes, of_child.repo.object_count) == (5, 3)
        assert len(of_parent.refs) == 3

    @pytest.mark.parametrize("exact", [True, False])
    async def test_a_partial_fork_of_all_refs_is_as_exact_as_its_parent(self, catalog: Catalog, exact: bool) -> None:
        """When ``only`` names every ref, the fork is exact if the parent is."""
        parent = await make_repo(catalog, "parent")
        await push(catalog, parent, 0, set_ref(MAIN, "a"), pack=new_pack(), preserves=exact)
        child = await catalog.fork_repo(parent.id, new_repo("child"), new_token(), only=frozenset({MAIN}))
        assert child.exact is exact

    async def test_a_fork_is_refused_without_parent_or_name(self, catalog: Catalog) -> None:
        """A parent that is gone is NotFound, a live name AlreadyExists, and neither leaves anything behind."""
        parent = await make_repo(catalog, "parent")
        await push(catalog, parent, 0, set_ref(MAIN, "a"), pack=new_pack())
        with pytest.raises(AlreadyExists):
            await catalog.fork_repo(parent.id, new_repo("parent"), new_token("lost"))
        with pytest.raises(NotFound):
            await catalog.find_token(digest_of("lost"))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "parent", at(1))
        with pytest.raises(NotFound):
            await catalog.fork_repo(parent.id, new_repo("child"), new_token())
        with pytest.raises(NotFound):
            await catalog.find_repo(ACCOUNT, NAMESPACE, "child")
