"""A user of the command line: a home folder of their own, and a terminal that tests can type on."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.live_server import API_TOKEN, LiveServer
from treehold.cli.root import run

BIN = Path(sys.executable).parent
SECONDS = 60.0
AGAIN_SECONDS = 6.0
"""When a signal is sent again: Python hears one that comes just before a blocking read only after that read."""
_AT_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class User:
    """Somebody at this machine; nothing of the machine's own configuration is seen."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        people = {
            f"GIT_{role}_{what}": "ada@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            **people,
            **self.variables,
        }

    @property
    def profile_file(self) -> Path:
        return self.home / ".config" / "treehold" / "profiles" / "default.json"

    def having(self, **variables: str) -> "User":
        """The same user with more in the environment."""
        return User(self.home, {**self.variables, **variables})

    def __call__(self, *arguments: str, stdin: str = "") -> Done:
        """Run a verb in a pipe, in this process: a new one takes half a second of the machine's time."""
        out, err = io.BytesIO(), io.BytesIO()
        with (
            self._at_home(),
            contextlib.redirect_stdout(io.TextIOWrapper(out, encoding="utf-8", write_through=True)),
            contextlib.redirect_stderr(io.TextIOWrapper(err, encoding="utf-8", write_through=True)),
        ):
            sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
            try:
                status = run(arguments)
            finally:
                sys.stdin = sys.__stdin__
            return Done(arguments, status, out.getvalue().decode(), err.getvalue().decode())

    @contextlib.contextmanager
    def _at_home(self) -> Iterator[None]:
        variables, folder, command = dict(os.environ), Path.cwd(), sys.argv[0]
        own = self.environment
        os.environ.clear()
        os.environ.update(own)
        os.chdir(self.home)
        sys.argv[0] = str(BIN / "treehold")
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(variables)
            os.chdir(folder)
            sys.argv[0] = command

    def json(self, *arguments: str) -> Any:
        """What a verb that must work prints with --json."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, *command: str, stdin: str = "", folder: Path | None = None) -> Done:
        """Run a program in a process of its own."""
        return subprocess.run(
            command,
            cwd=folder or self.home,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def git(self, folder: str, *arguments: str) -> str:
        """Run git, which must work, and answer what it printed."""
        done = self.run("git", *arguments, folder=self.home / folder)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a verb in a pipe."""
        return subprocess.Popen(
            ["treehold", *arguments],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def log_in(self, server: LiveServer, *more: str) -> Self:
        done = self("login", "--url", server.url, "--token-stdin", *more, stdin=API_TOKEN + "\n")
        assert done.returncode == 0, done.stderr
        return self

    def files(self) -> dict[str, str]:
        """All that lies in the home folder, by path."""
        found = (path for path in self.home.rglob("*") if path.is_file())
        return {str(path.relative_to(self.home)): path.read_bytes().decode(errors="replace") for path in found}


class Terminal:
    """A verb at a terminal of 100 columns; what it prints is read as it comes."""

    def __init__(self, user: User, *arguments: str) -> None:
        self._own, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.attributes = termios.tcgetattr(other)
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AT_TERMINAL, "treehold", *arguments],
            cwd=user.home,
            env=user.environment,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        self._other = other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(SECONDS)
        os.close(self._own)
        os.close(self._other)

    @property
    def text(self) -> str:
        """What was said, without what moves cursors and changes colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.said)

    def until(self, expected: str) -> None:
        """Wait until that was said."""
        deadline = time.monotonic() + SECONDS
        while expected not in self.said:
            assert time.monotonic() < deadline, self.said
            if not self._read(1.0):
                assert self.process.poll() is None, self.said

    def type(self, text: str) -> None:
        os.write(self._own, text.encode())

    def interrupt(self, *, is_typed: bool = True) -> int:
        """Type Ctrl-C, or send its signal to the command alone, until it ends; the status."""
        for _ in range(int(SECONDS / AGAIN_SECONDS)):
            if is_typed:
                self.type("\x03")
            else:
                self.process.send_signal(signal.SIGINT)
            if self._has_ended(AGAIN_SECONDS):
                break
        return self.end()

    def end(self) -> int:
        """Read to the end; the status, and negative signals as the system has them."""
        assert self._has_ended(SECONDS), self.said
        while self._read(0):
            pass
        return self.process.returncode

    def _has_ended(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.1)
        return self.process.poll() is not None

    def is_restored(self) -> bool:
        """Whether the terminal echoes as before, and its cursor is seen."""
        shown, hidden = self.said.rfind("\x1b[?25h"), self.said.rfind("\x1b[?25l")
        return termios.tcgetattr(self._other) == self.attributes and shown >= hidden

    def _read(self, seconds: float) -> bool:
        if not select.select([self._own], [], [], seconds)[0]:
            return False
        self.said += os.read(self._own, 65536).decode(errors="replace")
        return True


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a process printed that was sent SIGINT until it ended."""
    for _ in range(int(SECONDS / AGAIN_SECONDS)):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=AGAIN_SECONDS)
        except subprocess.TimeoutExpired:
            pass
    process.kill()
    raise AssertionError(f"it went on: {process.communicate()}")
