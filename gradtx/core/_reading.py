"""Reading an optimizer and its state: hyperparameters, parameters to evaluate, and reports."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.core._lifting import as_transformation
from gradtx.core._transformation import GradientTransformation
from gradtx.tree import nodes


def hyperparams(tx: Any, state: Any) -> dict[str, Any]:
    """The hyperparameters of the next update, by name; for a schedule, its value at the current count.

    The numbers of a schedule itself, such as `peak_value`, follow its value. A name that occurs more than
    once has its path before it, as in `"[0].eps"`.

    Args:
      tx: the optimizer.
      state: its current state.

    >>> import jax.numpy as jnp
    >>> from gradtx import chain, linear_schedule, scale_by_learning_rate, trace
    >>> tx = chain(trace(0.9), scale_by_learning_rate(linear_schedule(0.5, 0.0, 2)))
    >>> _, state = tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))
    >>> found = hyperparams(tx, state)
    >>> found["decay"], found["learning_rate"], found["transition_steps"]
    (0.9, Array(0.25, dtype=float32), 2.0)
    """
    return by_name(
        (path + inner, {name: value})
        for path, part, part_state in walk(as_transformation(tx), state)
        for inner, name, value in _numbers_of(part, part_state)
    )


def by_name(groups: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The values of all groups by name; the path of its group precedes a name that occurs more than once."""
    entries = [(path, name, value) for path, group in groups for name, value in group.items()]
    names = Counter(name for _, name, _ in entries)
    return {name if names[name] == 1 else f"{path}.{name}": value for path, name, value in entries}


def _numbers_of(tx: GradientTransformation, state: Any) -> Iterator[tuple[str, str, Any]]:
    """The path, name and value of each hyperparameter of `tx` alone and of each number in its schedules."""
    for name, value in tx.hyperparameters_at(state).items():
        yield "", name, value
        if name in tx.scheduled:
            for path, number in tree_leaves_with_path(tx.__dict__[name]):
                inner, _, own = keystr(path).rpartition(".")
                yield f".{name}{inner}", own, number


def eval_params(tx: Any, state: Any, params: Any) -> Any:
    """The parameters to evaluate and to keep as the result of training.

    Most optimizers train these parameters themselves, and the result is `params`. Others take gradients at
    one point and return another one, as `schedule_free` returns an average. The result is then this other
    point, in the structure and the dtypes of `params`, for an optimizer anywhere in a chain, a mask or a
    partition. The result may be `params` or share memory with `state`: copy it before a step that donates
    them.

    Args:
      tx: the optimizer.
      state: its current state.
      params: the current parameters.

    Raises:
      ValueError: for the state of another optimizer, as far as its structure shows.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, schedule_free_sgd
    >>> tx, params = schedule_free_sgd(1.0, b1=0.5), jnp.array(0.0)
    >>> state = tx.init(params)
    >>> for _ in range(2):  # z goes to -1 and -2, whose average is -1.5
    ...     updates, state = tx.update(jnp.array(1.0), state, params)
    ...     params = apply_updates(params, updates)
    >>> params, eval_params(tx, state, params)
    (Array(-1.75, dtype=float32), Array(-1.5, dtype=float32))
    """
    return as_transformation(tx).evaluation_params(state, params)


def report(tx: Any, state: Any, params: Any = None) -> str:
    """The reports of the transformations in an optimizer on its updates, a line for each.

    `guard`, `apply_if_finite` and searches report, wherever they are nested, also inside of objects of other
    libraries.
    Without them the result is empty. If several report, each line begins with the path of the transformation.

    Args:
      tx: the optimizer.
      state: its state after an update.
      params: the tree with the names of the leaves: the parameters of the whole model, or the gradients if
        `update` gets no parameters. Without it a leaf is named by its number.

    >>> import jax.numpy as jnp
    >>> from gradtx import chain, clip, guard, sgd
    >>> tx, params = chain(guard(sgd(0.1)), clip(1.0)), {"w": jnp.ones(2)}
    >>> _, state = tx.update({"w": jnp.array([1.0, jnp.nan])}, tx.init(params), params)
    >>> print(report(tx, state, params))
    1 of 1 updates skipped, 1 in a row; 0 clipped. Last not finite: ['w'].
    """
    found = _reporting(as_transformation(tx), state)
    lines = [(path, (part.own_state(own) if part else own).report(params)) for path, part, own in found]
    return "\n".join(words if len(lines) == 1 else f"{path}: {words}" for path, words in lines)


def has_failed(tx: Any, state: Any) -> Array:
    """Whether any transformation in an optimizer has failed, as `guard` after many bad batches in a row.

    The transformations that can fail, `guard`, `apply_if_finite` and searches, are found wherever they are
    nested. An optimizer without one never fails.

    Args:
      tx: the optimizer.
      state: its state after an update.

    Raises:
      ValueError: where such a transformation is inside of an object of another library, whose fields cannot
        be read.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_if_finite, chain, clip, sgd
    >>> tx, params = chain(clip(1.0), apply_if_finite(sgd(0.1), 0)), jnp.ones(2)
    >>> _, state = tx.update(jnp.array([1.0, jnp.nan]), tx.init(params))
    >>> print(has_failed(tx, state))
    True
    """
    failed = jnp.zeros((), bool)
    for path, part, node in _reporting(as_transformation(tx), state):
        if part is None:
            raise ValueError(
                f"has_failed: the transformation of {type(node).__name__} at {path} is in an object of "
                "another library, which hides its bound. Wrap that object in it instead."
            )
        failed = failed | part.has_failed(node)
    return failed


def _reporting(tx: GradientTransformation, state: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each state with a report, after its path and its transformation, `None` in a foreign object."""
    for path, part, part_state in walk(tx, state):
        own = part.own_state(part_state)
        if part.opaque:
            hidden = ((where, node) for where, node in nodes(own) if hasattr(node, "report"))
            yield from ((path + keystr(where), None, node) for where, node in hidden)
        elif hasattr(own, "report"):
            yield path, part, part_state


def walk(
    tx: GradientTransformation, state: Any, path: str = ""
) -> Iterator[tuple[str, GradientTransformation, Any]]:
    """Every transformation in `tx`, `tx` itself first, with its path and its part of the state."""
    yield path, tx, state
    for name, part, part_state in tx.parts(tx.own_state(state)):
        yield from walk(part, part_state, path + name)


def all_in(tx: GradientTransformation) -> Iterator[GradientTransformation]:
    """A transformation and all transformations nested in it, the outer before the inner."""
    yield tx
    for part in tx.nested:
        yield from all_in(part)
