"""The Python binding: one namespace of a server as objects, blocking (Artifacts) or awaited (AsyncArtifacts).

It imports nothing of the server and speaks REST alone. What a verb sends, how an answer reads and when to try again
are plain values and functions (calls, rows, answers, tries, git); only transport does input and output, and only
profile reads the environment. Importing this loads nothing but the standard library.
"""

from treehold.client.asynchronous import AsyncArtifacts, AsyncRepo
from treehold.client.blocking import Artifacts, Repo
from treehold.client.errors import (
    AlreadyExists,
    ArtifactsError,
    AuthenticationError,
    InProgress,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedAnswer,
)
from treehold.client.rows import (
    KEEP,
    Commit,
    CreatedRepo,
    CreatedToken,
    ForkedRepo,
    Person,
    RepoInfo,
    RepoPage,
    TokenInfo,
    TokenPage,
    TreeEntry,
)

__all__ = [
    "KEEP",
    "AlreadyExists",
    "Artifacts",
    "ArtifactsError",
    "AsyncArtifacts",
    "AsyncRepo",
    "AuthenticationError",
    "Commit",
    "CreatedRepo",
    "CreatedToken",
    "ForkedRepo",
    "InProgress",
    "InvalidInput",
    "NotFound",
    "Person",
    "RateLimited",
    "Repo",
    "RepoInfo",
    "RepoPage",
    "TokenInfo",
    "TokenPage",
    "TreeEntry",
    "Unavailable",
    "UnexpectedAnswer",
]
