"""The loop of a training: one scan over batches, with an evaluation after each round of steps."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import tree_leaves_with_path

from gradtx.core import GradientTransformation, OptState, Params, apply_updates, eval_params
from gradtx.practice._history import History
from gradtx.practice._task import Task
from gradtx.tree import entry_name
from gradtx.wrappers import metrics


class Trained(NamedTuple):
    """The result of `train`: the parameters, the state of the optimizer, and the history.

    With several members, each array has an axis for them before its own: `jax.tree.map(lambda x: x[i],
    result)` is the result of one.
    """

    params: Any
    state: Any
    history: Any


def started(tree: Any) -> Any:
    """Arrays that a scan can carry: no number of Python's, and none of a weak type."""
    return jax.tree.map(lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), tree)


def run(
    every: int, task: Task, tx: GradientTransformation, params: Params, state: OptState, order: Array
) -> Trained:
    """A training on the batches in this order, in rounds of `every` steps."""

    def step(carry: tuple[Params, OptState], index: Array) -> tuple[tuple[Params, OptState], dict[str, Any]]:
        batch = jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, index, keepdims=False), task.batches)
        return _step(task.loss, tx, *carry, batch)

    def one_round(carry: tuple[Params, OptState], indices: Array) -> tuple[Any, Any]:
        carry, records = jax.lax.scan(step, carry, indices)
        return carry, (records, _evaluated(task, tx, *carry))

    begin = started((params, tx.init(params) if state is None else state))
    (params, state), (records, found) = jax.lax.scan(one_round, begin, order.reshape(-1, every))
    series = {**jax.tree.map(lambda x: x.reshape(-1), records), **found}
    return Trained(params, state, History(series, every=dict.fromkeys(found, every)))


def _step(
    loss: Callable[..., Any], tx: GradientTransformation, params: Params, state: OptState, batch: Any
) -> tuple[tuple[Params, OptState], dict[str, Any]]:
    """The parameters and the state after one step, and the numbers to record."""

    def value_and_aux(params: Params) -> tuple[Array, Any]:
        result = loss(params, batch)
        value, aux = result if isinstance(result, tuple) else (result, {})
        return _one_number("loss_fn", value), aux

    def value_fn(params: Params) -> Array:
        return value_and_aux(params)[0]

    (value, aux), grad = jax.value_and_grad(value_and_aux, has_aux=True, allow_int=True)(params)
    functions = {"value_fn": value_fn, "obj_fn": value_fn, "grad_fn": jax.grad(value_fn, allow_int=True)}
    updates, state = tx.wide_update(_ascent(grad), state, params, value=value, grad=grad, **functions)
    records = _joined({"loss": value}, dict(_numbers(aux)), dict(_numbers(metrics(state))))
    return (apply_updates(params, updates), state), records


def _ascent(grad: Any) -> Any:
    """The direction of ascent: for a complex parameter the conjugate of the result of `jax.grad`."""
    return jax.tree.map(lambda g: jnp.conj(g) if jnp.iscomplexobj(g) else g, grad)


def _one_number(who: str, value: Any) -> Array:
    if jnp.shape(value):
        raise ValueError(
            f"{who} must return one number, got an array of the shape {jnp.shape(value)}: take its mean."
        )
    return jnp.asarray(value).real.astype(float)


def _numbers(tree: Any) -> Iterator[tuple[str, Array]]:
    """The numbers in a tree by the names on their paths; larger arrays are left out."""
    for path, leaf in tree_leaves_with_path(tree):
        if path and not jnp.shape(leaf) and not jnp.issubdtype(jnp.result_type(leaf), jnp.complexfloating):
            yield ".".join(map(entry_name, path)), jnp.asarray(leaf)


def _evaluated(task: Task, tx: GradientTransformation, params: Params, state: OptState) -> dict[str, Array]:
    """The numbers of the evaluation by name: of one number, `validation`."""
    if task.evaluate is None:
        return {}
    found = task.evaluate(eval_params(tx, state, params))
    if isinstance(found, dict):
        return {name: _one_number("eval_fn", value) for name, value in _numbers(found)}
    return {"validation": _one_number("eval_fn", found)}


def _joined(*groups: dict[str, Array]) -> dict[str, Array]:
    names = [name for group in groups for name in group]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"Two numbers of a step are called {twice[0]!r}: give one another name.")
    return {name: value for group in groups for name, value in group.items()}
