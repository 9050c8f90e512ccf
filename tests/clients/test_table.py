"""The table of docs/clients.md says what happened, the bad included."""

from tests.clients.table import DEEDS, Table


def filled(client: str, version: str | None, **others: str) -> Table:
    table = Table()
    for deed in DEEDS:
        table.put(client, version, deed, others.get(deed, "passed" if version else "not installed"))
    return table


def row(table: Table, client: str) -> list[str]:
    (line,) = (line for line in table.markdown([client], []).splitlines() if line.startswith(f"| {client} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_failure_is_a_bold_no() -> None:
    """A cell whose test failed stands out, and the others stay as they are."""
    assert row(filled("some", "1.2", push="failed"), "some") == ["some", "1.2", "yes", "**no**", *["yes"] * 6]


def test_what_a_client_cannot_do_has_its_reason_below() -> None:
    """The reason is a numbered note."""
    table = filled("some", "1.2", notes="it has none")
    assert row(table, "some")[DEEDS.index("notes") + 2] == "no (1)"
    assert "1. some: it has none" in table.markdown(["some"], [])


def test_a_missing_client_is_said_to_be_missing() -> None:
    """A client that is not installed did nothing."""
    assert row(filled("some", None), "some") == ["some", "not installed", *["-"] * len(DEEDS)]


def test_a_part_of_a_run_is_not_whole() -> None:
    """Only a run that came to every cell may be written down."""
    table = filled("some", "1.2")
    assert table.is_whole(["some"])
    assert not table.is_whole(["some", "other"])
