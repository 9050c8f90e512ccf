"""Gathers what the clients did, from all processes of a run, and writes docs/clients.md when it was all of it."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.clients.git_clients import CLIENTS
from tests.clients.installed import module_version
from tests.clients.table import Table


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write the table."""
    parser.addoption("--write-clients", type=Path, help="write what the clients did to this file")


class Gatherer:
    """Lives in the process that hears of every test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.table = Table()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, cell in report.user_properties:
            if name == "cell" and report.when == "call":
                assert isinstance(cell, tuple | list)  # a process of its own sends a list
                client, version_, deed = cell
                self.table.put(client, version_, deed, _outcome(report))

    def pytest_sessionfinish(self) -> None:
        clients = [client.name for client in CLIENTS]
        if self.table.is_whole(clients):
            self.table.write(self.path, clients, _programs())


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that has no one above it writes."""
    path = config.getoption("--write-clients")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gatherer(path))


def _outcome(report: pytest.TestReport) -> str:
    if report.skipped:
        assert isinstance(report.longrepr, tuple)
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.outcome


def _programs() -> list[tuple[str, str, str]]:
    return [
        ("wrangler", module_version("wrangler"), "its seven `artifacts` commands, `--json` and for people, and pages"),
        ("workerd", module_version("workerd"), "the binding wrapped, every verb and code"),
        ("@cloudflare/computer", module_version("@cloudflare/computer"), "its artifacts client on the adapter"),
        ("cloudflare (Python)", version("cloudflare"), "generic verbs, paginators, errors, retries"),
        ("cloudflare (TypeScript)", module_version("cloudflare"), "generic verbs, paginators, errors, retries"),
    ]
