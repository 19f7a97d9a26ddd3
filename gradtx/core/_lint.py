"""Lint: the mistakes that are visible in an optimizer before it trains."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gradtx.core._annotations import Params
from gradtx.core._chain import chain, named_chain
from gradtx.core._findings import Finding, Findings
from gradtx.core._lifting import as_transformation
from gradtx.core._transformation import GradientTransformation


def lint(tx: Any, params: Params = None) -> Findings:
    """The mistakes that are visible in an optimizer: a tuple of findings, which prints a line for each.

    | name | finding |
    |---|---|
    | `clip-after-normalization` | clipping after a rule whose updates do not grow with the gradient |
    | `two-rates` | a learning rate on updates that already have one |
    | `no-rate` | a chain whose updates point along the gradient, so that the loss rises |
    | `zero-rate` | a learning rate of 0, such as the value of a warmup at its first step |
    | `decay-after-rate` | weight decay of updates that already are steps |
    | `out-of-bounds` | a member of a stacked optimizer outside of the bounds of its field |
    | `one-group-alone` | a rule over all leaves in a group of a partition |
    | `fractional-steps`, `no-steps` | a schedule with such a number of steps |
    | `empty-mask`, `empty-group` | a mask or a group without a leaf; needs `params` |
    | `lost-updates` | parameters in bfloat16, rounded to nearest after each update; needs `params` |

    A class declares its part in this with the class keyword `role` and the method `warnings`; a schedule
    has a method `warnings` too. A transformation of another library is unknown, and gives no finding.

    Args:
      tx: the optimizer.
      params: the parameters, or their shapes and dtypes (`jax.ShapeDtypeStruct`).

    >>> from gradtx import adam, clip_by_global_norm
    >>> lint(chain(clip_by_global_norm(1.0), adam(1e-3)))
    no findings
    >>> for finding in lint(chain(adam(1e-3), clip_by_global_norm(1.0))):
    ...     print(finding.name, finding.path, finding.remedy, sep="; ")
    clip-after-normalization; [1]; Put it before scale_by_adam.
    """
    tx = as_transformation(tx)
    return Findings((*_of_order(tx), *_of_parts(tx, params, ""), *_of_precision(tx, params)))


def walk_with(
    tx: GradientTransformation, params: Params, path: str = ""
) -> Iterator[tuple[str, GradientTransformation, Params]]:
    """Every transformation in `tx`, `tx` itself first, with its path and the parameters that it sees."""
    yield path, tx, params
    for name, part, own in tx.parts_with(params):
        yield from walk_with(part, own, path + name)


def _of_parts(tx: GradientTransformation, params: Params, path: str) -> Iterator[Finding]:
    """The warnings of each transformation and of its numbers and schedules."""
    for where, part, own in walk_with(tx, params, path):
        for finding in part.warnings(own):
            yield finding._replace(path=where + finding.path)
        for name, number, bounds in part.out_of_bounds():
            text = f"{name} must be {bounds}, and a member has {number:g}."
            yield Finding("out-of-bounds", where, text, "stack() checks the bounds of every member.")
        for name in part.scheduled:
            for finding in part.hyperparameters()[name].warnings():
                yield finding._replace(path=f"{where}.{name}{finding.path}")


def _of_precision(tx: GradientTransformation, params: Params) -> Iterator[Finding]:
    """The finding on parameters whose updates are too small for their precision."""
    dtypes = {getattr(leaf, "dtype", None) for leaf in jax.tree.leaves(params)}
    if jnp.dtype(jnp.bfloat16) in dtypes and not tx.wide:
        text = "parameters are bfloat16: an update of less than 0.2% of one is lost when the sum is rounded."
        yield Finding("lost-updates", "", text, "Wrap the optimizer in split_params or round_stochastically.")


class _Updates(NamedTuple):
    """Facts about the updates at one point of an optimizer."""

    normalized: str = ""  # the rule that made their size independent of that of the gradient
    rate: str = ""  # the path of their learning rate
    sign: int = 1


def _of_order(tx: GradientTransformation) -> Iterator[Finding]:
    """Findings on the order of the transformations."""
    found: dict[tuple[str, str], Finding] = {}
    ends = _after(tx, "", {_Updates()}, found)
    yield from found.values()
    has_two = any(finding.name == "two-rates" for finding in found.values())
    if isinstance(_outermost(tx), chain | named_chain) and {end.sign for end in ends} == {1} and not has_two:
        text = "the updates point along the gradient, so that the loss rises."
        yield Finding("no-rate", "", text, "End the chain with scale_by_learning_rate(...).")


def _outermost(tx: GradientTransformation) -> GradientTransformation:
    """The outermost chain, inside of wrappers of one transformation."""
    while len(tx.nested) == 1 and not isinstance(tx, chain | named_chain):
        (tx,) = tx.nested
    return tx


def _after(
    tx: GradientTransformation, path: str, before: set[_Updates], found: dict[tuple[str, str], Finding]
) -> set[_Updates]:
    """The facts about the updates after `tx`, for each way through it; findings on the way enter `found`."""
    ways = before
    if isinstance(tx, chain | named_chain):
        for name, part, _ in tx.parts_with(None):
            ways = _after(part, path + name, ways, found)
        return ways
    if tx.nested:
        ways = {
            way for name, part, _ in tx.parts_with(None) for way in _after(part, path + name, before, found)
        }
    for finding in (finding for way in ways for finding in _clash(tx, path, way)):
        found.setdefault((finding.name, path), finding)
    return {_changed(tx, path, way) for way in ways}


def _changed(tx: GradientTransformation, path: str, way: _Updates) -> _Updates:
    return _Updates(
        normalized=type(tx).__name__ if tx.role == "normalizes" else way.normalized,
        rate=way.rate or (path or "here" if tx.role == "rate" else ""),
        sign=way.sign * tx.update_sign(),
    )


def _clash(tx: GradientTransformation, path: str, way: _Updates) -> Iterator[Finding]:
    """Findings on a transformation that follows one with which it does not go."""
    name = type(tx).__name__
    if tx.role == "clips" and way.normalized:
        text = f"{name} follows {way.normalized}, whose updates do not grow with the gradient."
        yield Finding("clip-after-normalization", path, text, f"Put it before {way.normalized}.")
    if tx.role == "rate" and way.rate:
        text = f"the updates already have the learning rate at {way.rate}."
        yield Finding("two-rates", path, text, "Remove one, or write scale(...) for a factor.")
    if tx.role == "decays" and way.sign == -1:
        text = f"{name} follows the learning rate: it adds to a step down, so that the parameters grow."
        yield Finding("decay-after-rate", path, text, "Put it before the learning rate.")
