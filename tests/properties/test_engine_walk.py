"""The walk that chooses what a fetch needs, against a model that simply computes closures."""

from dataclasses import dataclass, field
from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from treehold.catalog.base import RepoRow, RepoState
from treehold.engine.view import RepoView
from treehold.engine.walk import Budget, select_objects
from treehold.ids import AccountId, Milliseconds, ObjectId, ObjectKind, RepoId
from treehold.objects.commit import Commit, commit_links, encode_commit
from treehold.objects.hash import hash_object
from treehold.objects.links import object_links
from treehold.objects.tag import Tag, encode_tag
from treehold.objects.tree import MODE_FILE, MODE_TREE, TreeEntry, encode_tree
from treehold.packs.build import build_pack
from treehold.packs.read import OpenPack, PackSet

AMPLE = Budget(commits=10_000, objects=10_000)
Files = dict[bytes, dict[bytes, bytes]]


@dataclass
class History:
    """Objects by id, and the commits in the order they were made."""

    objects: dict[ObjectId, tuple[ObjectKind, bytes]] = field(default_factory=dict)
    commits: list[ObjectId] = field(default_factory=list)

    def add(self, kind: ObjectKind, data: bytes) -> ObjectId:
        oid = hash_object(kind, data)
        self.objects[oid] = (kind, data)
        return oid

    def tree(self, files: Files) -> ObjectId:
        folders = []
        for folder, content in files.items():
            blobs = [TreeEntry(MODE_FILE, name, self.add(ObjectKind.BLOB, data)) for name, data in content.items()]
            folders.append(TreeEntry(MODE_TREE, folder, self.add(ObjectKind.TREE, encode_tree(blobs))))
        return self.add(ObjectKind.TREE, encode_tree(folders))

    def commit(self, files: Files, parents: tuple[ObjectId, ...], when: int) -> ObjectId:
        person = b"A <a@b> %d +0000" % when
        made = Commit(self.tree(files), parents, person, person, b"%d" % len(self.commits), ())
        oid = self.add(ObjectKind.COMMIT, encode_commit(made))
        self.commits.append(oid)
        return oid

    def closure(self, starts: list[ObjectId], boundary: frozenset[ObjectId] = frozenset()) -> set[ObjectId]:
        reached: set[ObjectId] = set()
        queue = list(starts)
        while queue:
            oid = queue.pop()
            if oid not in reached:
                reached.add(oid)
                kind, data = self.objects[oid]
                links = [link for _, link in object_links(kind, data)]
                if oid in boundary:
                    links = [commit_links(data)[0]]
                queue += links
        return reached

    def view(self) -> RepoView:
        zero = Milliseconds(0)
        row = RepoRow(
            RepoId("r"), AccountId("a"), "ns", "repo", None, "main", False, None, 1, True, 0, 0, 0, 0, zero, zero, None
        )
        packs = PackSet([OpenPack(*build_pack(self.objects.values(), level=0))])
        return RepoView(state=RepoState(repo=row, refs={}, packs=()), stored=packs, visible=packs)


small_names = st.sampled_from([b"a", b"b", b"c"])
small_files = st.dictionaries(small_names, st.dictionaries(small_names, st.sampled_from([b"1", b"2", b"3"])))


@st.composite
def histories(draw: DrawFn) -> History:
    """A few commits, some merges, clocks that may be wrong."""
    history = History()
    for number in count():
        parents = draw(st.lists(st.sampled_from(history.commits), max_size=2, unique=True)) if history.commits else []
        history.commit(draw(small_files), tuple(parents), draw(st.integers(0, 20)))
        if number >= 7 or draw(st.booleans()):
            return history
    raise AssertionError


@given(histories(), st.data())
def test_the_client_has_everything_and_nothing_foreign(history: History, data: st.DataObject) -> None:
    """What is sent and what the client had make up all it wanted; nothing beyond the wants is sent."""
    wants = data.draw(st.lists(st.sampled_from(history.commits), min_size=1, unique=True))
    haves = data.draw(st.lists(st.sampled_from(history.commits), unique=True))
    found = select_objects(history.view(), wants, haves, boundary=frozenset(), budget=AMPLE)
    assert found is not None
    needed, had = history.closure(wants), history.closure(haves)
    assert needed <= set(found.chosen) | had
    assert set(found.chosen) <= needed
    assert not set(haves) & set(found.chosen)
    assert found.had <= needed | had


@given(histories(), st.data())
def test_a_boundary_cuts_history(history: History, data: st.DataObject) -> None:
    """A shallow clone gets all of the commits this side of the boundary, and no commit beyond it."""
    wants = data.draw(st.lists(st.sampled_from(history.commits), min_size=1, unique=True))
    boundary = frozenset(data.draw(st.lists(st.sampled_from(history.commits))))
    found = select_objects(history.view(), wants, [], boundary=boundary, budget=AMPLE)
    assert found is not None
    assert set(found.chosen) == history.closure(wants, boundary)


@given(histories(), st.data())
def test_the_budget_is_kept(history: History, data: st.DataObject) -> None:
    """A walk that would choose or look at more than its budget is given up."""
    want = data.draw(st.sampled_from(history.commits))
    size = len(history.closure([want]))
    view = history.view()
    ample = len(history.commits)
    for objects in (size, size - 1):
        found = select_objects(view, [want], [], boundary=frozenset(), budget=Budget(ample, objects))
        assert (found is None) == (objects < size)
    assert select_objects(view, [want], [], boundary=frozenset(), budget=Budget(0, size)) is None


def test_history_may_come_back_to_a_tree() -> None:
    """What a tree shares with the one between its two appearances comes along too."""
    history = History()
    first: Files = {b"a": {b"a": b"1"}, b"b": {b"b": b"2"}}
    between: Files = {b"a": {b"a": b"3"}, b"b": {b"b": b"2"}}
    root = history.commit(first, (), 1)
    middle = history.commit(between, (root,), 2)
    last = history.commit(first, (middle,), 3)
    found = select_objects(history.view(), [last], [], boundary=frozenset(), budget=AMPLE)
    assert found is not None
    assert set(found.chosen) == history.closure([last])


def test_tags_trees_and_blobs_are_wanted_by_themselves() -> None:
    """A wanted tag comes with what it points at; a wanted tree with its content; a wanted blob alone."""
    history = History()
    commit = history.commit({b"a": {b"b": b"1"}}, (), 1)
    tag = history.add(ObjectKind.TAG, encode_tag(Tag(commit, ObjectKind.COMMIT, b"v1", None, b"one", ())))
    nested = history.add(ObjectKind.TAG, encode_tag(Tag(tag, ObjectKind.TAG, b"v2", None, b"two", ())))
    tree = commit_links(history.objects[commit][1])[0]
    (blob,) = (oid for oid, (kind, _) in history.objects.items() if kind is ObjectKind.BLOB)
    for want in (nested, tag, tree, blob):
        found = select_objects(history.view(), [want], [], boundary=frozenset(), budget=AMPLE)
        assert found is not None
        assert set(found.chosen) == history.closure([want])
    found = select_objects(history.view(), [nested], [tag], boundary=frozenset(), budget=AMPLE)
    assert found is not None
    assert commit not in found.chosen
