"""How often somebody has come lately."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from treehold.engine import rates
from treehold.engine.rates import Rate, RateTable
from treehold.errors import StorageError
from treehold.ids import Milliseconds

WORKER = """
import sys
from pathlib import Path
from treehold.engine.rates import RateTable
table = RateTable.open(Path(sys.argv[1]))
print(sum(table.take("anna", now=1_000_000, most=1000, seconds=10).is_within for _ in range(600)))
"""


@pytest.fixture
def table(tmp_path: Path) -> Iterator[RateTable]:
    made = RateTable.open(tmp_path / "rates")
    yield made
    made.close()


def take(table: RateTable, caller: str, *, at: float = 0.0, most: int = 10) -> Rate:
    """One request of a caller, so many seconds after a stretch of ten began."""
    return table.take(caller, now=Milliseconds(int(1_000_000 + 1000 * at)), most=most, seconds=10)


def taken(table: RateTable, caller: str, times: int, *, at: float = 0.0, most: int = 10) -> int:
    """How many of so many requests are let in."""
    return sum(take(table, caller, at=at, most=most).is_within for _ in range(times))


def test_so_many_may_come_and_no_more(table: RateTable) -> None:
    """Each caller by itself; the answer says how many are left, and then how long to wait."""
    assert take(table, "anna") == Rate(True, 9, 0)
    assert taken(table, "anna", 20) == 9
    assert take(table, "anna") == Rate(False, 0, 11)
    assert taken(table, "berta", 20) == 10


def test_who_waits_is_let_in_again(table: RateTable) -> None:
    """Requests fall out of reach bit by bit: half of them half a stretch later, all of them a stretch later."""
    assert taken(table, "anna", 20) == 10
    assert taken(table, "anna", 20, at=10) == 0
    assert taken(table, "anna", 20, at=15) == 5
    assert take(table, "anna", at=15).retry_seconds == 1
    assert taken(table, "anna", 20, at=45) == 10


@pytest.mark.parametrize("at", [0.0, 0.25, 5.0, 9.999, 10.0, 13.3, 19.9])
@pytest.mark.parametrize("most", [1, 3, 10])
def test_who_waits_as_long_as_told_is_let_in(table: RateTable, at: float, most: int) -> None:
    """The time that a refusal names is enough, wherever in a stretch it came and whatever came in the one before."""
    taken(table, "anna", most)
    taken(table, "anna", 20, at=at, most=most)
    refused = take(table, "anna", at=at, most=most)
    assert not refused.is_within
    assert take(table, "anna", at=at + refused.retry_seconds, most=most).is_within


def test_no_bound_counts_nothing(table: RateTable) -> None:
    """0 lets everybody in."""
    assert taken(table, "anna", 100, most=0) == 100
    assert taken(table, "anna", 100) == 10


def test_callers_on_one_slot_push_each_other_out(table: RateTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither pays for the other."""
    monkeypatch.setattr(rates, "SLOTS", 1)
    assert taken(table, "anna", 20) == 10
    assert taken(table, "berta", 1) == 1
    assert taken(table, "anna", 20) == 10


def test_processes_count_together(tmp_path: Path) -> None:
    """Two that come at the same time are let in as often as one."""
    started = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path / "rates")], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [int(process.communicate()[0]) for process in started]
    assert sum(told) == 1000


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """Is a failure of the server's own."""
    with pytest.raises(StorageError, match="table of rates"):
        RateTable.open(tmp_path / "missing" / "rates")
