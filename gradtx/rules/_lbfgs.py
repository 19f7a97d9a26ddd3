"""The direction of L-BFGS: the gradient times an inverse Hessian that the last steps have shown."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import split_as
from gradtx.core import GradientTransformation, Params, Updates, safe_increment, static, zero_count
from gradtx.tree import as_storage_dtype, is_inexact, is_traced, match, norm, state_like, widened

Vector = list[Array]
"""The leaves of a tree that are floating-point, in float32 or wider, as one vector."""


class ScaleByLBFGSState(NamedTuple):
    """The state of `scale_by_lbfgs`: the last point, the gradient there, and the pairs of differences."""

    count: Any
    params: Any
    updates: Any
    diff_params_memory: Any
    diff_updates_memory: Any
    weights_memory: Any


class scale_by_lbfgs(
    GradientTransformation,
    state=ScaleByLBFGSState,
    needs=("params",),
    role="normalizes",
    counts=("count",),
):
    r"""The direction of L-BFGS, $u_t = H_t g_t$, with an inverse Hessian from the last $m$ steps.

    With the differences $s_k = \theta_{k+1} - \theta_k$ and $y_k = g_{k+1} - g_k$, and
    $\rho_k = 1 / s_k^\top y_k$,

    $$H_{k+1} = (I - \rho_k s_k y_k^\top)\,H_k\,(I - \rho_k y_k s_k^\top) + \rho_k s_k s_k^\top$$

    from the oldest pair in memory to the newest, beginning with $\gamma I$, where
    $\gamma = s^\top y / y^\top y$ of the newest pair. $H$ is never formed: the two-loop recursion takes
    $4 m n$ multiplications for $n$ parameters. Before there is a pair, $\gamma = \min(1, 1 / \|g\|)$, so that
    the first step is no longer than 1.

    A pair enters if $s^\top y > \epsilon\,\|s\| \|y\|$, with the machine precision $\epsilon$: $H$ is then
    positive definite, and $-u$ a direction of descent. A pair that does not enter has the weight 0 and is
    stored as zeros.

    The incoming updates are the gradients of one function at all steps. The parameters may move by any
    multiple of the direction: the next update sees by how much. Follow it by `scale(-1.0)` and a search, as
    `lbfgs` does.

    **State**: `ScaleByLBFGSState(count, params, updates, diff_params_memory, diff_updates_memory,
    weights_memory)`: an int32 scalar; the last parameters and updates, in float32 or wider; for each of them
    the last `memory_size` differences along a new first axis, in `history_dtype` if given; and $\rho$, a
    vector. That is $2 m + 2$ copies of the parameters; with a history in bfloat16, of float32 ones, $m + 2$.

    **Reference**: Nocedal and Wright (2006), *Numerical Optimization*, algorithms 7.4 and 7.5, equations 7.19
    and 7.20; Liu and Nocedal (1989), *On the limited memory BFGS method for large scale optimization*. Both
    leave the first $\gamma$ open, which is Optax's. Optax takes pairs of negative curvature too, with which
    $-u$ may point uphill.

    >>> import jax.numpy as jnp
    >>> tx, x = scale_by_lbfgs(), jnp.array([2.0, 0.0])
    >>> _, state = tx.update(jnp.array([8.0, 0.0]), tx.init(x), x)  # of a function with the curvature 4
    >>> x = jnp.array([1.0, 0.0])
    >>> tx.update(jnp.array([4.0, 0.0]), state, x)[0]  # the step of Newton's method, 4 / 4
    Array([1., 0.], dtype=float32)
    """

    memory_size: int = static(default=10, low=1, doc="$m$, the number of pairs in memory")
    scale_init_precond: bool = static(default=True, doc=r"whether $\gamma$ is as above; otherwise it is 1")
    history_dtype: Any = static(
        default=None,
        convert=as_storage_dtype,
        kw_only=True,
        doc="the dtype of the stored differences; `None` is that of the parameters, at least float32",
    )

    couples_leaves = True

    def init(self, params: Params) -> ScaleByLBFGSState:
        return ScaleByLBFGSState(
            count=zero_count(),
            params=state_like(params),
            updates=state_like(params),
            diff_params_memory=self._history(params),
            diff_updates_memory=self._history(params),
            weights_memory=jnp.zeros(self.memory_size, float),
        )

    def _history(self, params: Params) -> Any:
        one = state_like(params, self.history_dtype)
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (self.memory_size, *leaf.shape)), one)

    def apply(
        self, updates: Updates, state: ScaleByLBFGSState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ScaleByLBFGSState]:
        held = {f"{name} of scale_by_lbfgs": getattr(state, name) for name in _MIRRORS}
        leaves, columns, treedef = match(updates, same_shape=False, params=params, **held)
        places = [place for place, leaf in enumerate(leaves) if is_inexact(leaf)]
        vectors = [[column[place] for place in places] for column in (leaves, *columns)]
        step = _step if is_traced(vectors, state.count) else _compiled_step
        moved, weights = step(self.scale_init_precond, vectors, state.count, state.weights_memory)
        results = [list(column) for column in (leaves, *columns[1:])]
        for column, vector in zip(results, moved, strict=True):
            for place, leaf in zip(places, vector, strict=True):
                column[place] = leaf
        updates, *mirrors = map(treedef.unflatten, results)
        new = dict(zip(_MIRRORS, mirrors, strict=True))
        return updates, state._replace(count=safe_increment(state.count), weights_memory=weights, **new)


_MIRRORS = ("params", "updates", "diff_params_memory", "diff_updates_memory")


class Pairs(NamedTuple):
    """The differences of the last steps, along a first axis, and their weights; 0 for a place without one."""

    s: Vector
    y: Vector
    rho: Array


def _step(scaled: bool, vectors: list[Vector], count: Array, weights: Array) -> tuple[list[Vector], Array]:
    """The direction and the state after a step, from the update, the parameters, and the state before it."""
    gradient, point = _beside(vectors[3], vectors[0]), _beside(vectors[2], vectors[1])
    size = weights.shape[0]
    s, y = _difference(point, vectors[2]), _difference(gradient, vectors[3])
    pairs = _with_pair(Pairs(vectors[4], vectors[5], weights), s, y, (count - 1) % size, count > 0)
    newest_first = (count - 1 - jnp.arange(size, dtype=jnp.int32)) % size
    direction = list(map(split_as, vectors[0], _direction(gradient, pairs, newest_first, scaled)))
    return [direction, point, gradient, pairs.s, pairs.y], pairs.rho


_compiled_step = jax.jit(_step, static_argnums=0)


def _with_pair(pairs: Pairs, s: Vector, y: Vector, slot: Array, exists: Array) -> Pairs:
    """The pairs with a new one, as it is rounded in storage, in the place of the oldest."""
    s, y = _wide(_like(s, pairs.s)), _wide(_like(y, pairs.y))
    curvature = _dot(s, y)
    rho = 1.0 / jnp.where(curvature > 0, curvature, 1.0)
    positive = curvature > float(jnp.finfo(float).eps) * _length(s) * _length(y)
    enters = exists & positive & (rho > 0) & jnp.isfinite(rho)

    def stored(memory: Array, new: Array) -> Array:
        new = jnp.where(enters, new, 0).astype(memory.dtype)
        return memory.at[slot].set(new)

    return Pairs(list(map(stored, pairs.s, s)), list(map(stored, pairs.y, y)), stored(pairs.rho, rho))


def _direction(gradient: Vector, pairs: Pairs, newest_first: Array, scaled: bool) -> Vector:
    """The two-loop recursion (Nocedal and Wright, algorithm 7.4)."""

    def backward(q: Vector, place: Array) -> tuple[Vector, Array]:
        alpha = pairs.rho[place] * _dot(_entry(pairs.s, place), q)
        return _plus(q, -alpha, _entry(pairs.y, place)), alpha

    def forward(r: Vector, step: tuple[Array, Array]) -> tuple[Vector, None]:
        place, alpha = step
        beta = pairs.rho[place] * _dot(_entry(pairs.y, place), r)
        return _plus(r, alpha - beta, _entry(pairs.s, place)), None

    q, alphas = jax.lax.scan(backward, gradient, newest_first)
    if scaled:
        q = _times(_first_scale(gradient, pairs, newest_first), q)
    return jax.lax.scan(forward, q, (newest_first, alphas), reverse=True)[0]


def _first_scale(gradient: Vector, pairs: Pairs, newest_first: Array) -> Array:
    """The multiple of the identity with which the recursion begins."""
    enters = pairs.rho[newest_first] > 0
    newest = newest_first[jnp.argmax(enters)]
    length = _length(_entry(pairs.y, newest))
    any_enters = jnp.any(enters)
    # Two quotients: the square of the length may overflow.
    of_pair = 1.0 / jnp.where(any_enters, pairs.rho[newest] * length, 1.0)
    return jnp.where(
        any_enters, of_pair / jnp.where(any_enters, length, 1.0), 1.0 / jnp.maximum(_length(gradient), 1.0)
    )


def _dot(x: Vector, y: Vector) -> Array:
    """The inner product of two vectors over the real numbers."""
    with jax.numpy_dtype_promotion("standard"):
        terms = [jnp.sum((jnp.conj(a) * b).real).astype(float) for a, b in zip(x, y, strict=True)]
    return sum(terms, jnp.zeros((), float))


def _length(x: Vector) -> Array:
    return norm(x).astype(float)


def _plus(x: Vector, factor: Array, y: Vector) -> Vector:
    with jax.numpy_dtype_promotion("standard"):
        return [(a + factor * b).astype(a.dtype) for a, b in zip(x, y, strict=True)]


def _times(factor: Array, x: Vector) -> Vector:
    with jax.numpy_dtype_promotion("standard"):
        return [(factor * a).astype(a.dtype) for a in x]


def _difference(x: Vector, y: Vector) -> Vector:
    return [a - b for a, b in zip(x, y, strict=True)]


def _entry(memory: Vector, place: Array) -> Vector:
    return _wide([leaf[place] for leaf in memory])


def _wide(x: Vector) -> Vector:
    return [leaf.astype(widened(leaf.dtype)) for leaf in x]


def _beside(stored: Vector, x: Vector) -> Vector:
    """`x` in the dtypes of the state, and split as the state is."""
    return list(map(split_as, stored, _like(x, stored)))


def _like(x: Vector, stored: Vector) -> Vector:
    return [jnp.asarray(leaf).astype(other.dtype) for leaf, other in zip(x, stored, strict=True)]
