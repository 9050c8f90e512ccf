"""Walks through commits."""

from collections.abc import Mapping, Sequence

import pytest

from tests.wire.raw_git import Object, blob, oid_of, tree
from treehold.engine import history
from treehold.errors import NotFound
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.commit import Commit, encode_commit
from treehold.objects.tag import Tag, encode_tag

TREE = tree({b"file": blob(b"text")})


class Held:
    """Objects in a dictionary, which remembers what was read."""

    def __init__(self, objects: Sequence[Object], *, shallow: Sequence[Object] = ()) -> None:
        self.shallow = frozenset(oid_of(item) for item in shallow)
        self.objects: Mapping[ObjectId, Object] = {oid_of(item): item for item in objects}
        self.was_read: list[ObjectId] = []

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        self.was_read.append(oid)
        if oid not in self.objects:
            raise NotFound("no object")
        return self.objects[oid]

    def kind(self, oid: ObjectId) -> ObjectKind:
        if oid not in self.objects:
            raise NotFound("no object")
        return self.objects[oid][0]


def commit_at(time: int, *parents: Object) -> Object:
    person = b"T <t@example.com> %d +0000" % time
    ids = tuple(oid_of(parent) for parent in parents)
    return ObjectKind.COMMIT, encode_commit(Commit(oid_of(TREE), ids, person, person, b"At %d\n" % time))


def line(length: int, *, start: int = 1000) -> list[Object]:
    """Commits, oldest first, a second apart."""
    commits = [commit_at(start)]
    for number in range(1, length):
        commits.append(commit_at(start + number, commits[-1]))
    return commits


def tag_of(target: Object) -> Object:
    return ObjectKind.TAG, encode_tag(Tag(oid_of(target), target[0], b"v1", None, b"Tagged\n"))


def test_peeling_goes_through_tags_of_tags() -> None:
    """A tag peels to what the last tag of its chain points at; anything else peels to itself and is not read."""
    (commit,) = line(1)
    inner = tag_of(commit)
    outer = tag_of(inner)
    file_tag = tag_of(blob(b"text"))
    held = Held([commit, inner, outer, file_tag, blob(b"text"), TREE])
    assert history.peel(held, oid_of(outer)) == oid_of(commit)
    assert history.peel_to_commit(held, oid_of(outer)) == oid_of(commit)
    assert history.peel_to_commit(held, oid_of(file_tag)) is None
    assert history.peel_to_commit(held, oid_of(TREE)) is None
    held.was_read.clear()
    assert history.peel(held, oid_of(blob(b"text"))) == oid_of(blob(b"text"))
    assert not held.was_read


def test_peeling_ends() -> None:
    """A chain of too many tags, and one that leads to nothing, are not found."""
    chain = [tag_of(blob(b"text"))]
    for _ in range(70):
        chain.append(tag_of(chain[-1]))
    with pytest.raises(NotFound, match="tags of tags"):
        history.peel(Held([*chain, blob(b"text")]), oid_of(chain[-1]))
    with pytest.raises(NotFound):
        history.peel(Held(chain[:1]), oid_of(chain[0]))


def test_parents_and_times_are_read_from_the_commit() -> None:
    """A commit tells its parents in their order, and when it was committed."""
    one, two = commit_at(1), commit_at(2)
    merge = commit_at(3, two, one)
    held = Held([one, two, merge])
    assert history.parents(held, oid_of(merge)) == (oid_of(two), oid_of(one))
    assert history.parents(held, oid_of(one)) == ()
    assert history.commit_time(held, oid_of(merge)) == 3


def test_a_goal_is_met_within_the_budget() -> None:
    """A walk finds an ancestor, and the commit itself; it gives up beyond its budget, and where there is nothing."""
    commits = line(10)
    held = Held([*commits, commit_at(5)])
    tip, goal = oid_of(commits[-1]), {oid_of(commits[0])}

    def is_met(goals: set[ObjectId], budget: int) -> bool:
        return not goals.isdisjoint(history.newest_first(held, [tip], not_before=0, budget=budget))

    assert is_met(goal, budget=10)
    assert is_met({tip}, budget=1)
    assert not is_met(goal, budget=9)
    assert not is_met(goal, budget=0)
    assert not is_met({oid_of(commit_at(5))}, budget=100)


def test_a_walk_goes_no_further_back_than_asked() -> None:
    """The parents of commits that are older than the bound are not looked at."""
    commits = line(10)
    held = Held(commits)
    walked = list(history.newest_first(held, [oid_of(commits[-1])], not_before=1005, budget=100))
    assert walked == [oid_of(commit) for commit in reversed(commits[4:])]


def test_a_walk_comes_to_each_commit_once_newest_first() -> None:
    """From several starts over merges, every commit comes once, and newer ones come before older ones."""
    base = line(3)
    left = commit_at(2000, base[-1])
    right = commit_at(1500, base[-1])
    merge = commit_at(3000, left, right)
    walked = list(
        history.newest_first(Held([*base, left, right, merge]), [oid_of(merge), oid_of(right)], not_before=0, budget=99)
    )
    assert sorted(walked) == sorted({oid_of(item) for item in (*base, left, right, merge)})
    assert walked.index(oid_of(left)) < walked.index(oid_of(base[-1]))


def test_depth_is_counted_along_the_shortest_way() -> None:
    """A commit that two ways lead to is as deep as the shorter one; the boundary is what lies at the full depth."""
    base = line(4)
    long_way = line(3, start=5000)
    long_way[0] = commit_at(5000, base[-1])
    long_way[1] = commit_at(5001, long_way[0])
    merge = commit_at(6000, long_way[1], base[-1])
    held = Held([*base, *long_way[:2], merge])
    ids = {name: oid_of(item) for name, item in (("merge", merge), ("long0", long_way[0]), ("long1", long_way[1]))}
    b3, b2 = oid_of(base[3]), oid_of(base[2])
    assert history.depths(held, [ids["merge"]], 1) == (set(), {ids["merge"]})
    assert history.depths(held, [ids["merge"]], 2) == ({ids["merge"]}, {ids["long1"], b3})
    assert history.depths(held, [ids["merge"]], 3) == ({ids["merge"], ids["long1"], b3}, {ids["long0"], b2})


def test_a_depth_beyond_the_history_has_no_boundary() -> None:
    """A history shorter than the depth lies inside; one just as long has its root on the boundary, as with git."""
    commits = line(3)
    held = Held(commits)
    every = {oid_of(commit) for commit in commits}
    assert history.depths(held, [oid_of(commits[-1])], 1_000_000) == (every, set())
    assert history.depths(held, [oid_of(commits[-1])], 3) == (every - {oid_of(commits[0])}, {oid_of(commits[0])})
    assert history.depths(held, [], 3) == (set(), set())


def test_the_repos_own_ends_have_no_parents() -> None:
    """A commit of the boundary stands without its parents for every walk, though it names them and they may be here."""
    commits = line(4)
    held = Held(commits, shallow=[commits[1]])
    ids = [oid_of(commit) for commit in commits]
    assert history.parents(held, ids[1]) == ()
    assert history.parents(held, ids[2]) == (ids[1],)
    assert list(history.newest_first(held, [ids[3]], not_before=0, budget=99)) == [ids[3], ids[2], ids[1]]


def test_a_depth_ends_where_the_repo_does() -> None:
    """Before the depth is reached the repo's ends are on the boundary, and so are the ends of who asks; a commit that
    lies beside an end is as deep as it was."""
    base = line(4)
    other = commit_at(5000, base[0])
    merge = commit_at(6000, base[-1], other)
    held = Held([*base, other, merge], shallow=[base[2]])
    b0, b1, b2, b3, side, tip = (oid_of(item) for item in (*base, other, merge))
    assert history.depths(held, [tip], 2) == ({tip}, {b3, side})
    assert history.depths(held, [tip], 3) == ({tip, b3, side}, {b2, b0})
    assert history.depths(held, [tip], 99) == ({tip, b3, side, b0}, {b2})
    assert history.depths(held, [tip], 99, ends=frozenset({b3})) == ({tip, side, b0}, {b3})
    assert history.depths(held, [b2], 99) == (set(), {b2})
    assert history.depths(held, [b1], 99) == ({b1, b0}, set())
