"""Settings: the only place that reads the environment.

Every field is ``TREEHOLD_<NAME>``; a limit is ``TREEHOLD_LIMITS__<NAME>``. docs/settings.md lists them all.
"""

import os
import shutil
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from treehold.auth.names import NameStyle
from treehold.engine.limits import Limits

_PREFIX: Final = "TREEHOLD_"


class Settings(BaseSettings):
    """How one server is set up."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    data_dir: Path = Path("data")
    workers: int = Field(default=1, ge=1, le=256)
    account_id: str = Field(default="local", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    api_token: SecretStr | None = Field(default=None, min_length=16, max_length=512)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#@]+$")
    account_domain: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")
    workspace_namespace: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9._-]{1,62}$")
    name_policy: NameStyle = "strict"
    git: Path | None = None
    drain_seconds: int = Field(default=60, ge=0)
    head_bytes_max: int = Field(default=64 << 10, ge=1024)
    head_seconds: int = Field(default=30, ge=1)
    maintenance_seconds: int = Field(default=60, ge=0)
    log_format: str = Field(default="text", pattern="^(text|json)$")
    failpoint: str = ""
    limits: Limits = Limits()

    @property
    def base_url(self) -> str:
        """Where clients reach this server, without a slash at the end."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - recognised, not bound
        scheme = "http" if self.tls_cert is None else "https"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    def git_url(self, account: str) -> str:
        """What the remotes of an account begin with, without a slash at the end."""
        if account == self.account_id:
            return f"{self.base_url}/git"
        if self.account_domain is None:
            return f"{self.base_url}/git/{account}"
        base = urlsplit(self.base_url)
        port = "" if base.port is None else f":{base.port}"
        return f"{base.scheme}://{account}.{self.account_domain}{port}{base.path}/git"

    @property
    def cache_dir(self) -> Path:
        """What can be thrown away at any time."""
        return self.data_dir / "cache"

    @property
    def metrics_dir(self) -> Path | None:
        """Where several processes count together; None while there is one."""
        return self.cache_dir / "metrics" if self.workers > 1 else None

    def find_git(self) -> Path | None:
        """The git to run for large work; None when there is none."""
        found = str(self.git) if self.git else shutil.which("git")
        return Path(found) if found else None


def hand_down(settings: Settings) -> None:
    """Put settings that came as options into the environment, for the worker processes to read.

    Without the API token: the first process has stored it already.
    """
    os.environ.pop(_PREFIX + "API_TOKEN", None)
    if settings.metrics_dir is not None:
        settings.metrics_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.metrics_dir)
    for name in ("host", "port", "data_dir", "workers", "account_id", "tls_cert", "public_url", "git"):
        value = getattr(settings, name)
        if value is not None:
            os.environ[_PREFIX + name.upper()] = str(value)
