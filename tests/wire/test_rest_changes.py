"""Changing a repo over REST: PATCH, over a real engine."""

from typing import Any

import pytest

from tests.wire.rest_server import DOCUMENTED, LAUNCH_DAY, RestServer, error
from treehold.engine import gate
from treehold.errors import PermissionDenied

START, LATER = "2026-04-16T09:30:00.000Z", "2026-04-16T09:30:05.000Z"


async def patched(rest: RestServer, body: object, *, base: str = DOCUMENTED) -> dict[str, Any]:
    answered = await rest.ask("PATCH", "/repos/starter-repo", base=base, json=body)
    assert answered.status_code == 200, answered.text
    result: dict[str, Any] = answered.json()["result"]
    return result


@pytest.mark.parametrize("base", [DOCUMENTED, LAUNCH_DAY])
@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"description": "New words"}, {"description": "New words"}),
        ({"description": ""}, {"description": ""}),
        ({"description": None}, {"description": None}),
        ({"description": "x" * 1000}, {"description": "x" * 1000}),
        ({"default_branch": "feature/not-there-yet"}, {"default_branch": "feature/not-there-yet"}),
        ({"read_only": True}, {"read_only": True}),
        (
            {"read_only": True, "default_branch": "dev", "description": None},
            {"read_only": True, "default_branch": "dev", "description": None},
        ),
    ],
)
async def test_what_is_sent_changes_and_the_rest_stays(
    rest: RestServer, body: dict[str, object], changed: dict[str, object], base: str
) -> None:
    """A change answers the repo as a get does then, with the sent fields changed and its time moved."""
    await rest.create("starter-repo", description="Words")
    before = (await rest.ask("GET", "/repos/starter-repo")).json()["result"]
    rest.clock.advance(5)
    after = await patched(rest, body, base=base)
    assert after == before | changed | {"updated_at": LATER}
    assert (await rest.ask("GET", "/repos/starter-repo")).json()["result"] == after


@pytest.mark.parametrize("body", [{}, {"default_branch": None, "read_only": None}, {"name": "other", "status": "x"}])
async def test_nothing_to_change_changes_nothing(rest: RestServer, body: dict[str, object]) -> None:
    """Absent fields, nulls and fields that cannot be changed leave the repo and its times alone."""
    await rest.create("starter-repo", description="Words")
    rest.clock.advance(5)
    after = await patched(rest, body)
    assert (after["name"], after["description"], after["updated_at"]) == ("starter-repo", "Words", START)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"description": "x" * 1001}, "/description"),
        ({"description": 1}, "/description"),
        ({"description": "a\x00"}, "/description"),
        ({"default_branch": ""}, "/default_branch"),
        ({"default_branch": "-x"}, "/default_branch"),
        ({"default_branch": "a..b"}, "/default_branch"),
        ({"default_branch": "HEAD"}, "/default_branch"),
        ({"default_branch": ["main"]}, "/default_branch"),
        ({"read_only": "true"}, "/read_only"),
    ],
)
async def test_a_bad_change_is_pointed_at(rest: RestServer, body: dict[str, object], pointer: str) -> None:
    """A bad value is 400 with its field's pointer, before the repo is looked up, and nothing changes."""
    await rest.create("starter-repo")
    before = (await rest.ask("GET", "/repos/starter-repo")).json()
    for name in ("starter-repo", "nobodys-repo"):
        answered = await rest.ask("PATCH", f"/repos/{name}", json=body | {"name": "x"})
        assert (answered.status_code, error(answered.json())) == (400, (10100, pointer))
    assert (await rest.ask("GET", "/repos/starter-repo")).json() == before


async def test_an_absent_repo_is_not_changed(rest: RestServer) -> None:
    """A repo that is not there, or not any more, is 404."""
    await rest.create("starter-repo")
    await rest.ask("DELETE", "/repos/starter-repo")
    for name in ("starter-repo", "nobodys-repo"):
        answered = await rest.ask("PATCH", f"/repos/{name}", json={"read_only": True})
        assert (answered.status_code, error(answered.json())) == (404, (10200, None))


async def test_a_read_only_repo_refuses_pushes_at_once(rest: RestServer) -> None:
    """A write token meets the refusal while the repo is read-only, and no longer."""
    made = await rest.create("starter-repo")
    shown = b"Bearer " + made["token"].encode()

    async def push() -> None:
        await gate.admit_git(
            rest.engine,
            shown,
            account=rest.engine.default_account,
            namespace="default",
            repo_name="starter-repo",
            service="git-receive-pack",
        )

    await push()
    await patched(rest, {"read_only": True})
    with pytest.raises(PermissionDenied, match="read-only"):
        await push()
    await patched(rest, {"read_only": False})
    await push()
