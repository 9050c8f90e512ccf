"""JSON objects from strangers, read without charity.

Python's reader takes more than RFC 8259 does (``NaN``), leaves open what the RFC leaves open (a key that comes twice)
and may break in ways of its own (nesting beyond the recursion limit, integers of more than 4,300 digits). All of
these are the sender's mistakes, so all of them end as one error. Lone surrogates do pass here: the models refuse them
in the fields that they keep, and nobody looks at the others.
"""

import json
from collections import Counter
from typing import Never

from treehold.errors import InvalidInput

KEY_SHOWN_MAX = 80
"""Characters of a bad key that a message repeats."""


def parse_json_object(body: bytes) -> dict[str, object]:
    """Read one JSON object in UTF-8; raises InvalidInput, without pointer, for anything else."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidInput("the body is nested too deeply") from None
    except ValueError:  # not UTF-8, not JSON, or an integer too long for Python
        raise InvalidInput("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidInput("the body must be a JSON object")
    return value


def _unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Two readers of one body must not see two different requests, so a doubled key has no meaning at all.
    fields = dict(pairs)
    if len(fields) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise InvalidInput(f"the body has the key {twice[:KEY_SHOWN_MAX]!r} more than once")
    return fields


def _refuse_constant(word: str) -> Never:
    raise InvalidInput(f"the body is not valid JSON: {word} is not a number there")
