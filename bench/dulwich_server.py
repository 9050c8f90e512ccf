"""Dulwich's own HTTP server over a folder of bare repositories: ``python dulwich_server.py FOLDER PORT``."""

import logging
import os
import sys
from pathlib import Path

from dulwich.repo import Repo
from dulwich.server import Backend
from dulwich.web import WSGIRequestHandlerLogger, WSGIServerLogger, make_server, make_wsgi_chain


class Folder(Backend):
    """The repositories in a folder, opened for each request."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def open_repository(self, path: str | bytes) -> Repo:
        """The repository that a URL's path names."""
        return Repo(str(self._root / os.fsdecode(path).strip("/")))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    folder, port = sys.argv[1:]
    application = make_wsgi_chain(Folder(folder))
    server = make_server(
        "127.0.0.1", int(port), application, handler_class=WSGIRequestHandlerLogger, server_class=WSGIServerLogger
    )
    server.serve_forever()
