"""Twin of treehold.schema.rows."""

import json

import pytest

from treehold.schema.fields import from_milliseconds
from treehold.schema.rows import (
    AccountInfo,
    Commit,
    CreateRepoResult,
    CreateTokenResult,
    ForkRepoResult,
    Membership,
    NamespaceInfo,
    Person,
    Removed,
    RepoInfo,
    Row,
    TokenInfo,
    TreeEntry,
    VerifiedToken,
)

FIELDS: dict[type[Row], str] = {
    NamespaceInfo: "namespace jurisdiction repo_count created_at updated_at",
    AccountInfo: "id name",
    Membership: "id status account roles",
    VerifiedToken: "id status not_before expires_on",
    RepoInfo: "id name description default_branch created_at updated_at last_push_at source read_only remote status"
    " size_bytes",
    CreateRepoResult: "id name description default_branch remote token",
    ForkRepoResult: "id name description default_branch remote token objects",
    Removed: "id",
    TokenInfo: "id scope state created_at expires_at",
    CreateTokenResult: "id plaintext scope expires_at",
    Person: "name email",
    Commit: "hash treeHash message author committer parents authoredAt committedAt",
    TreeEntry: "name mode hash type",
}


@pytest.mark.parametrize("row", FIELDS)
def test_rows_have_the_contracts_fields_in_its_order(row: type[Row]) -> None:
    """Each answer has exactly the fields that the contract lists, in that order."""
    assert list(row.model_fields) == FIELDS[row].split()


def test_nulls_are_shown() -> None:
    """A repo without description, source or push says null and leaves nothing out."""
    shown = RepoInfo(
        id="0123456789abcdef",
        name="starter-repo",
        description=None,
        default_branch="main",
        created_at=from_milliseconds(1),
        updated_at=from_milliseconds(2),
        last_push_at=None,
        source=None,
        read_only=False,
        remote="https://git.example/git/default/starter-repo.git",
        status="ready",
        size_bytes=0,
    )
    assert json.loads(shown.model_dump_json()) == {
        "id": "0123456789abcdef",
        "name": "starter-repo",
        "description": None,
        "default_branch": "main",
        "created_at": "1970-01-01T00:00:00.001Z",
        "updated_at": "1970-01-01T00:00:00.002Z",
        "last_push_at": None,
        "source": None,
        "read_only": False,
        "remote": "https://git.example/git/default/starter-repo.git",
        "status": "ready",
        "size_bytes": 0,
    }
