"""Any value in a few words, for errors: never the repr of a model."""

import re
from collections.abc import Iterator, Mapping
from inspect import ismethod
from typing import Any

import jax
import numpy as np
from jax.tree_util import all_leaves

from gradtx.tree._leaves import is_placeholder
from gradtx.tree._nearest import listed
from gradtx.tree._spelling import spelled

_LONGEST = 100


def outline(value: Any) -> str:
    """The kind of a value with the names in it, or a short value as it is, in at most 100 letters."""
    text = next(_outlines(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _outlines(value: Any) -> Iterator[str]:
    """Texts for a value, the best first."""
    if isinstance(value, np.ndarray | jax.Array):
        yield f"an array of {value.dtype.name} and the shape {value.shape}" if value.ndim else spelled(value)
    if isinstance(value, type):
        yield f"the class {value.__name__}"
    if ismethod(value):
        yield f"the method {type(value.__self__).__name__}.{value.__name__}"
    if hasattr(value, "__qualname__"):
        yield f"the function {spelled(value)}"
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)):
        yield f"{type(value).__name__}({listed(names, most=5)})"
    if isinstance(value, Mapping) and value:
        yield f"a dictionary with the keys {listed(map(repr, value), most=5)}"
    if isinstance(value, tuple | list) and not all_leaves(value):
        yield f"a {type(value).__name__} of {len(value)} ({listed(map(_kind, value), most=4)})"
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(value).split()))
    yield text if len(text) <= _LONGEST or isinstance(value, str) else _kind(value)


def _kind(value: Any) -> str:
    return repr(value) if is_placeholder(value) else type(value).__name__
