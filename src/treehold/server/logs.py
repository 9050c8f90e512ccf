"""Structured logs on standard error. No event carries a header, a body or a token."""

import contextlib
import io
import logging
import sys
from typing import TextIO, cast

import structlog


class _Forgiving(io.TextIOBase):
    """A stream to which what cannot be written is lost: a full disk under the log must fail no request."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str, /) -> int:
        """Write it, if it can be."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, if it can be."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure_logs(style: str) -> None:
    """Set up this process's logs, as ``text`` for people or ``json`` for programs."""
    renderer = structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Forgiving(sys.stderr))),
        cache_logger_on_first_use=False,
    )
