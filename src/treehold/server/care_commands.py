"""``treehold admin maintenance``: a round of maintenance at once, and what was done lately."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from treehold.catalog.care import JobRow
from treehold.engine.care import run_round
from treehold.server import startup
from treehold.server.backends import build_engine
from treehold.server.command_line import DataDir, run_deed, settings_with, when
from treehold.server.logs import configure_logs
from treehold.server.settings import Settings

maintenance = typer.Typer(no_args_is_help=True, help="Roll-ups, repacks and sweeps; also while a server runs.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with times in milliseconds since 1970 UTC.")]
_COLUMNS = ("JOB", "REPO", "STARTED", "TOOK", "OUTCOME", "DETAIL")


@maintenance.command("run")
def run(
    *,
    data_dir: DataDir = None,
    grace_seconds: Annotated[
        int | None, typer.Option(min=0, help="Take away packs unneeded for so long; 0 may break off running clones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Do all that is to be done now, and print it. Ends with status 1 if any of it failed."""
    settings = settings_with(data_dir=data_dir)
    configure_logs(settings.log_format)
    done = run_deed(_round(settings, grace_seconds))
    typer.echo(_as_json(done) if as_json else _as_table(done))
    if any(job.outcome == "failed" for job in done):
        raise typer.Exit(1)


@maintenance.command("status")
def status(
    *,
    data_dir: DataDir = None,
    limit: Annotated[int, typer.Option(min=1, help="How many jobs to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the jobs begun last, newest first."""
    settings = settings_with(data_dir=data_dir)

    async def recent() -> Sequence[JobRow]:
        async with startup.opened_catalog(settings) as catalog:
            return await catalog.recent_jobs(limit)

    jobs = run_deed(recent())
    typer.echo(_as_json(jobs) if as_json else _as_table(jobs))


async def _round(settings: Settings, grace_seconds: int | None) -> Sequence[JobRow]:
    engine = build_engine(settings, git=startup.require_git(settings))
    try:
        return await run_round(engine, patient=False, grace_seconds=grace_seconds)
    finally:
        await engine.catalog.close()


def _as_json(jobs: Sequence[JobRow]) -> str:
    return json.dumps([asdict(job) for job in jobs], indent=2)


def _as_table(jobs: Sequence[JobRow]) -> str:
    rows = [_COLUMNS, *map(_cells, jobs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _cells(job: JobRow) -> tuple[str, ...]:
    took = "" if job.finished_at is None else f"{(job.finished_at - job.started_at) / 1000:.1f} s"
    return job.kind, job.repo or "", when(job.started_at), took, job.outcome, job.detail
