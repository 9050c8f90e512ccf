"""The ``treehold`` command."""


def main() -> None:
    """Run the verb that was asked for; each house is loaded only when called."""
    from treehold.server.commands import app  # noqa: PLC0415 - the client's verbs must not load the server

    app(prog_name="treehold")


if __name__ == "__main__":
    main()
