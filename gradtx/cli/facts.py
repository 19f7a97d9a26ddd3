"""Facts of an optimizer, as the library states them: equations, papers, typical rate and bytes of state.

The equations and papers stand in the docstrings of the optimizer and of what it chains, the bytes are those
of its state. The command line and the page of all optimizers in the documentation show them.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax

import gradtx
from gradtx.cli.catalogue import own_learning_rate
from gradtx.core import all_in
from gradtx.practice import rates_of

MATRIX = {"kernel": jax.ShapeDtypeStruct((1024, 1024), "float32")}

_CARRIERS = (gradtx.add_decayed_weights, gradtx.scale_by_learning_rate, gradtx.chain, gradtx.partition)
"""Transformations that are in many optimizers, and those that combine the others."""


def example(factory: Callable[..., Any]) -> Any:
    """The optimizer at its defaults, with a typical learning rate and 1 for other numbers it asks for."""
    required = [
        parameter.name
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    rate = typical_rate(factory) or 1e-3
    return factory(**{name: rate if name == "learning_rate" else 1.0 for name in required})


def rules_of(tx: Any) -> Iterator[Any]:
    """The transformations that tell this optimizer from others."""
    if not isinstance(tx, _CARRIERS):
        yield tx
    for part in tx.nested:
        yield from rules_of(part)


def equations_of(tx: Any) -> dict[type, list[str]]:
    """The displayed equations, in LaTeX, of each class of transformations in it."""
    kinds = dict.fromkeys(map(type, rules_of(tx)))
    found = {kind: re.findall(r"\$\$(.+?)\$\$", inspect.getdoc(kind) or "", re.DOTALL) for kind in kinds}
    return {kind: equations for kind, equations in found.items() if equations}


def papers_of(factory: Callable[..., Any], tx: Any) -> list[str]:
    """The arXiv numbers of the papers that the docstring of the optimizer names, or those of its rules."""
    texts = [inspect.getdoc(value) or "" for value in (factory, *map(type, rules_of(tx)))]
    found = next(filter(None, (re.findall(r"arXiv:(\d{4}\.\d{4,5})", text) for text in texts)), [])
    return list(dict.fromkeys(found))


def typical_rate(factory: Callable[..., Any]) -> float | None:
    """The learning rate that the library states, or `None` for an optimizer that finds it and takes none.

    It is the default, a number or the peak of a schedule, or that of the first example with a number.
    """
    if "learning_rate" in inspect.signature(factory).parameters:
        own = own_learning_rate(factory)
        if own is not None:
            return own
    found = re.search(rf">>> .*?\b{factory.__name__}\((\d[\d.e-]*)", inspect.getdoc(factory) or "")
    if found:
        return float(found[1])
    tx = factory()
    return None if way_to_its_rate(tx) else rates_of(tx).reference


def way_to_its_rate(tx: Any) -> str:
    """The way in which an optimizer finds the size of its steps itself, in words; empty without one."""
    return next((part.finds_rate for part in all_in(tx) if part.finds_rate), "")


def bytes_of(tx: Any) -> float:
    """The bytes of state for each parameter of a float32 matrix of 1024 by 1024."""
    state = jax.tree.leaves(jax.eval_shape(tx.init, MATRIX))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in state) / MATRIX["kernel"].size


def first_paragraph(value: Any) -> str:
    """The first paragraph of the docstring."""
    return (inspect.getdoc(value) or "").split("\n\n")[0]
