"""Namespaces: create, find, list, delete."""

from treehold.catalog.accounts import Jurisdiction, NamespacePage, NamespaceQuery, NamespaceRow
from treehold.engine.context import Engine
from treehold.ids import AccountId


async def create_namespace(
    engine: Engine, account: AccountId, name: str, *, jurisdiction: Jurisdiction
) -> NamespaceRow:
    """Make an empty namespace; raises InvalidInput, AlreadyExists."""
    engine.names.check_namespace(name)
    return await engine.catalog.create_namespace(account, name, jurisdiction=jurisdiction, now=engine.clock())


async def get_namespace(engine: Engine, account: AccountId, name: str) -> NamespaceRow:
    """The namespace of that name; raises NotFound."""
    return await engine.catalog.find_namespace(account, name)


async def list_namespaces(engine: Engine, query: NamespaceQuery) -> NamespacePage:
    """A page of an account's namespaces; raises InvalidInput for a bad cursor."""
    return await engine.catalog.list_namespaces(query)


async def delete_namespace(engine: Engine, account: AccountId, name: str) -> None:
    """Take an empty namespace away; raises NotFound, and AlreadyExists while there are repos in it."""
    await engine.catalog.delete_namespace(account, name)
