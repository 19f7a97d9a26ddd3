"""The equations of a named optimizer: those of the transformations that it chains."""

import inspect
import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import gradtx

CARRIERS = (gradtx.add_decayed_weights, gradtx.scale_by_learning_rate, gradtx.chain, gradtx.partition)
"""What many optimizers have in them, and what holds the others together."""


def optimizer(maker: FunctionType) -> Any:
    """The optimizer at its defaults, with 0.001 for a learning rate and 1 for other numbers it asks for."""
    required = [
        parameter.name
        for parameter in inspect.signature(maker).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    return maker(**{name: 1e-3 if name == "learning_rate" else 1.0 for name in required})


def rules(tx: Any) -> Iterator[Any]:
    """The transformations that tell this optimizer from others."""
    if not isinstance(tx, CARRIERS):
        yield tx
    for part in tx.nested:
        yield from rules(part)


def equations(tx: Any) -> Iterator[str]:
    """The displayed equations of every transformation in the chain, each once, after its name."""
    for kind in dict.fromkeys(map(type, rules(tx))):
        if found := re.findall(r"\$\$.+?\$\$", inspect.getdoc(kind) or "", re.DOTALL):
            yield f"{{py:obj}}`{kind.__name__} <gradtx.{kind.__name__}>`:"
            yield from found
