"""What happens once before a server serves: checks, a clean scratch folder, the first API token, the greeting."""

import contextlib
import fcntl
import os
import resource
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from treehold.catalog.sqlite import SqliteCatalog
from treehold.engine import accounts
from treehold.engine.accounts import ApiTokenWish
from treehold.engine.native import check_severities, git_version
from treehold.errors import AlreadyExists, StorageError, TreeholdError
from treehold.ids import AccountId
from treehold.server.backends import clear_scratch, clock, open_catalog
from treehold.server.settings import Settings

GIT_OLDEST: Final = (2, 39)
_OPEN_FILES: Final = 65_536
"""Each connection, mapped pack and run of git takes some; the usual 1,024 are used up by a few hundred clients."""


def require_git(settings: Settings) -> Path:
    """The git to run; raises StorageError when there is none, or it is too old or does not know the fsck settings."""
    git = settings.find_git()
    if git is None:
        raise StorageError("git is not on the PATH; install git 2.39 or newer, or set TREEHOLD_GIT")
    version = git_version(git)
    if version < GIT_OLDEST:
        raise StorageError(f"{git} is version {'.'.join(map(str, version))}; 2.39 or newer is needed")
    check_severities(git, settings.limits.fsck)
    return git


def require_tls(settings: Settings) -> None:
    """Raises StorageError when the certificate and its key are not both there and good, or neither is asked for."""
    if settings.tls_cert is None and settings.tls_key is None:
        return
    if settings.tls_cert is None or settings.tls_key is None:
        raise StorageError("a certificate and its key are needed both: give --tls-cert and --tls-key")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = f"{settings.tls_cert} with the key {settings.tls_key}"
        raise StorageError(f"cannot serve with the certificate {files}: {error}") from None


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """Hold the data folder for one server, whatever its number of processes; raises StorageError if it is held."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(settings.data_dir / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StorageError(f"another server is serving {settings.data_dir}") from None
        clear_scratch(settings)
        _allow_many_files()
        yield
    finally:
        os.close(descriptor)


def _allow_many_files() -> None:
    """Raise the bound on open files for this process and its workers as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.asynccontextmanager
async def opened_catalog(settings: Settings) -> AsyncIterator[SqliteCatalog]:
    """The catalog for a short while."""
    catalog = open_catalog(settings)
    try:
        yield catalog
    finally:
        await catalog.close()


async def first_token(settings: Settings) -> str | None:
    """Make sure that there is an API token: the one from the settings, else a fresh one, which is answered once."""
    wish = ApiTokenWish(AccountId(settings.account_id), "edit")
    async with opened_catalog(settings) as catalog:
        if settings.api_token is not None:
            secret = settings.api_token.get_secret_value()
            with contextlib.suppress(AlreadyExists):
                await accounts.keep_api_token(catalog, wish, secret, entropy=os.urandom, now=clock())
            return None
        if await catalog.list_api_tokens():
            return None
        return (await accounts.create_api_token(catalog, wish, entropy=os.urandom, now=clock())).secret


def greeting(settings: Settings, token: str | None) -> str:
    """What a person sees at the start: where it serves, and five lines that create, push and clone."""
    base = f"{settings.base_url}/client/v4/accounts/{settings.account_id}/artifacts"
    shown = token or ("$TREEHOLD_API_TOKEN" if settings.api_token else "<your API token>")
    lines = [
        f"Treehold serves {settings.data_dir} on {settings.base_url}",
        f"  REST base   {base}",
        f"  account id  {settings.account_id}",
    ]
    if token:
        lines.append(f"  API token   {token}   (edit permission; shown this once)")
    push = 'git -C hello -c http.extraHeader="Authorization: Bearer $(field token)" push "$(field remote)" main'
    lines += [
        "",
        "Try it:",
        f"  API={base}/namespaces/default TOKEN={shown}",
        '  R=$(curl -s "$API/repos" -H "Authorization: Bearer $TOKEN" -d \'{"name":"hello-world"}\')',
        "  field() { printf %s \"$R\" | python3 -c \"import json,sys; print(json.load(sys.stdin)['result']['$1'])\"; }",
        f"  git init -qb main hello && git -C hello commit -q --allow-empty -m Hello && {push}",
        '  git -c http.extraHeader="Authorization: Bearer $(field token)" clone "$(field remote)" hello-clone',
        "",
    ]
    return "\n".join(lines)


def explain(error: TreeholdError) -> str:
    """An error as the command line says it."""
    return f"treehold: {error}"
