"""What the deeds are given to work with. Made once by the composition root; nothing here is chosen below it."""

from collections.abc import Callable
from dataclasses import dataclass

from treehold.auth.names import NamePolicy
from treehold.catalog.base import Catalog
from treehold.engine.limits import Limits
from treehold.engine.node import Node
from treehold.ids import AccountId, Clock, Entropy
from treehold.store.base import Store


@dataclass(frozen=True, slots=True)
class Engine:
    """Backends, clock, randomness and limits, and this process's own caches (``node``)."""

    catalog: Catalog
    store: Store
    node: Node
    clock: Clock
    entropy: Entropy
    limits: Limits
    names: NamePolicy
    default_account: AccountId
    failpoint: Callable[[str], None]
    """Called with the name of each step whose order is safety; does nothing but in tests that crash there."""
