"""What every catalog backend must do: changes of a repo's row, and repos that are still being made."""

import pytest

from tests.contract.catalog_samples import ACCOUNT, MAIN, NAMESPACE, at, make_repo, new_repo, new_token, push, set_ref
from treehold.catalog.base import Catalog, RepoChanges
from treehold.errors import NotFound
from treehold.ids import RepoId


class ChangeSuite:
    """Changing a repo."""

    async def test_each_change_leaves_the_rest(self, catalog: Catalog, second: Catalog) -> None:
        """Description, default branch and flag change one by one, for every instance, and move the time of change."""
        asked = new_repo("docs-site", description="Pages")
        row = await catalog.create_repo(asked, new_token())
        for now, changes in enumerate(
            (
                RepoChanges(description="Words"),
                RepoChanges(default_branch="trunk"),
                RepoChanges(read_only=True),
                RepoChanges(description=None),
                RepoChanges(read_only=False, default_branch="main"),
            ),
            start=1,
        ):
            before, row = row, await catalog.update_repo(row.id, changes, at(now))
            assert row.updated_at == at(now)
            assert await second.find_repo(ACCOUNT, NAMESPACE, "docs-site") == row
            assert (row.generation, row.created_at, row.last_push_at) == (0, before.created_at, None)
            if now == 3:
                assert (row.description, row.default_branch, row.read_only) == ("Words", "trunk", True)
        assert (row.description, row.default_branch, row.read_only) == (None, "main", False)

    async def test_no_change_and_status_alone_leave_the_time(self, catalog: Catalog) -> None:
        """Nothing to change is nothing changed, and becoming ready is no change that anybody made."""
        row = await catalog.create_repo(new_repo("docs-site", status="importing", description="x"), new_token())
        assert row.status == "importing"
        assert await catalog.update_repo(row.id, RepoChanges(), at(5)) == row
        ready = await catalog.update_repo(row.id, RepoChanges(status="ready"), at(6))
        assert (ready.status, ready.updated_at, ready.description) == ("ready", at(0), "x")

    async def test_changes_and_pushes_do_not_disturb_each_other(self, catalog: Catalog) -> None:
        """A change needs no generation and makes none, so a push that looked before it is taken."""
        row = await make_repo(catalog)
        await catalog.update_repo(row.id, RepoChanges(default_branch="dev"), at(3))
        assert await push(catalog, row, 0, set_ref(MAIN, "a"), now=4) == 1
        state = await catalog.repo_state(row.id)
        assert (state.repo.default_branch, state.repo.updated_at, set(state.refs)) == ("dev", at(4), {MAIN})

    async def test_an_absent_repo_is_not_changed(self, catalog: Catalog) -> None:
        """An unknown or deleted repo is NotFound."""
        row = await make_repo(catalog)
        await catalog.delete_repo(ACCOUNT, NAMESPACE, row.name, at(1))
        for gone in (row.id, RepoId("nobody")):
            with pytest.raises(NotFound):
                await catalog.update_repo(gone, RepoChanges(read_only=True), at(2))

    async def test_imports_under_way_are_listed(self, catalog: Catalog) -> None:
        """Live repos that are importing are listed, oldest first, until they are ready or deleted."""
        assert await catalog.importing_repos() == []
        rows = [
            await catalog.create_repo(new_repo(name, status="importing"), new_token()) for name in ("one", "two", "six")
        ]
        await make_repo(catalog)
        assert await catalog.importing_repos() == rows
        await catalog.update_repo(rows[0].id, RepoChanges(status="ready"), at(1))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "six", at(1))
        assert await catalog.importing_repos() == [rows[1]]
