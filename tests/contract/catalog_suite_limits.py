"""What every catalog backend must do: repos without all of their history, and what an account keeps."""

from dataclasses import replace

from tests.contract.catalog_samples import (
    ACCOUNT,
    MAIN,
    NAMESPACE,
    at,
    drop_ref,
    make_repo,
    new_pack,
    new_repo,
    new_token,
    oid_of,
    push,
    replace_packs,
    set_ref,
    stored_pack,
)
from treehold.catalog.base import Catalog, PushCommit, RepoRow
from treehold.ids import AccountId, RepoId

SHALLOW = frozenset({oid_of("a"), oid_of("b")})


async def _shallow_repo(catalog: Catalog) -> RepoRow:
    repo = await make_repo(catalog, "shallow")
    change = set_ref(MAIN, "a")
    await catalog.commit_push(PushCommit(repo.id, 0, (change,), new_pack(), True, None, at(1), shallow=SHALLOW))
    return repo


class BoundarySuite:
    """Commits without their parents."""

    async def test_a_boundary_stays_whatever_is_pushed_later(self, catalog: Catalog, second: Catalog) -> None:
        """The commits that an import left without parents are told with every later generation, and only of it."""
        repo, whole = await _shallow_repo(catalog), await make_repo(catalog, "whole")
        for state in (await catalog.repo_state(repo.id), await second.repo_state(repo.id)):
            assert state.shallow == SHALLOW
        await push(catalog, repo, 1, set_ref(MAIN, "c", old="a"), pack=new_pack("c"))
        assert (await catalog.repo_state(repo.id)).shallow == SHALLOW
        assert (await catalog.repo_state(whole.id)).shallow == frozenset()

    async def test_forks_have_it_too(self, catalog: Catalog) -> None:
        """A fork of all refs and one of some have their parent's boundary, and keep it when the parent goes."""
        parent = await _shallow_repo(catalog)
        forks = [
            await catalog.fork_repo(parent.id, new_repo("all"), new_token("1")),
            await catalog.fork_repo(parent.id, new_repo("some"), new_token("2"), only=frozenset({MAIN})),
        ]
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "shallow", at(2))
        assert [(await catalog.repo_state(fork.id)).shallow for fork in forks] == [SHALLOW, SHALLOW]


class StoredBytesSuite:
    """What an account keeps."""

    async def test_a_pack_counts_once_however_many_forks_share_it(self, catalog: Catalog, second: Catalog) -> None:
        """Pushes add to what their account keeps; forks, and other accounts, add nothing."""
        repo = await make_repo(catalog)
        pack = stored_pack("k", size_bytes=1000)
        await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=pack)
        fork = await catalog.fork_repo(repo.id, new_repo("fork"), new_token("f"))
        assert await second.stored_bytes(ACCOUNT) == 1000
        await push(catalog, fork, 1, set_ref(MAIN, "b", old="a"), pack=new_pack("b"))
        assert await catalog.stored_bytes(ACCOUNT) == 1000 + new_pack("b").size_bytes
        other = replace(new_repo("other"), account=AccountId("other"), id=RepoId("other"))
        await push(catalog, await catalog.create_repo(other, new_token("o")), 0, set_ref(MAIN, "a"), pack=new_pack("o"))
        assert await catalog.stored_bytes(AccountId("other")) == new_pack("o").size_bytes
        assert await catalog.stored_bytes(AccountId("nobody")) == 0

    async def test_what_nobody_names_counts_no_more_once_it_is_found(self, catalog: Catalog) -> None:
        """A replaced pack and those of a deleted repo are taken off by the sweep, once, and before they are deleted."""
        repo = await make_repo(catalog)
        for generation, text in enumerate("ab"):
            old = None if text == "a" else "a"
            await push(catalog, repo, generation, set_ref(MAIN, text, old=old), pack=stored_pack(text, size_bytes=500))
        packs = (await catalog.repo_state(repo.id)).packs
        await replace_packs(catalog, repo, packs, stored_pack("both", size_bytes=900), expected=None)
        assert await catalog.stored_bytes(ACCOUNT) == 1900
        for _ in range(2):
            await catalog.doom_unreferenced(at(5))
            assert await catalog.stored_bytes(ACCOUNT) == 900
        await catalog.delete_repo(ACCOUNT, NAMESPACE, repo.name, at(6))
        await catalog.doom_unreferenced(at(7))
        await catalog.forget_packs([pack.id for pack in await catalog.doomed_packs(at(9), 10)])
        assert await catalog.stored_bytes(ACCOUNT) == 0

    async def test_a_push_without_a_pack_adds_nothing(self, catalog: Catalog) -> None:
        """To move a ref to what is there already takes no room."""
        repo = await make_repo(catalog)
        await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=stored_pack("k", size_bytes=10))
        await push(catalog, repo, 1, drop_ref(MAIN, "a"))
        assert await catalog.stored_bytes(ACCOUNT) == 10
