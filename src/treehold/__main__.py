"""The ``treehold`` command."""

import sys
from typing import Any


def main() -> None:
    """Run the verb that was asked for; the server's house is loaded only when one of its verbs is called."""
    try:
        from treehold.cli.root import Elsewhere, run  # noqa: PLC0415 - Ctrl-C may come while modules are loaded

        status = run(
            sys.argv[1:],
            Elsewhere("serve", "Serve repos over REST and Git.", lambda: _operator("serve")),
            Elsewhere(
                "admin", "Accounts, API tokens and maintenance, on the data folder itself.", lambda: _operator("admin")
            ),
        )
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _operator(verb: str) -> Any:
    from treehold.server.commands import command  # noqa: PLC0415 - the client's verbs must not load the server

    return command(verb)


if __name__ == "__main__":
    main()
