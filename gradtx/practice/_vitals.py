"""Vitals: the measures by which a sick training shows, as one recipe for `monitor`."""

import re
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import tree_leaves_with_path

from gradtx.arithmetic import interpolate
from gradtx.core import Params, Updates, checks_keywords, decay_factor
from gradtx.practice._groups import top_level
from gradtx.practice._noise_scale import noise_scale
from gradtx.practice._samples import gradient_cosine, square_ratio, update_cosine
from gradtx.practice._sharpness import sharpness
from gradtx.selection import path_name
from gradtx.tree import is_inexact, norm
from gradtx.wrappers import (
    StatefulMeasure,
    by_group,
    exceeds,
    first_not_finite,
    gradient_norm,
    measure_with_ema,
    unmoved_share,
    update_norm,
    update_ratio,
)

_SCALE = re.compile(r"(scale|gamma)s?$|norm[^/]*/(weight|w)$", re.IGNORECASE)


@checks_keywords
def vitals(
    *, sample: int = 4096, max_norm: float | None = None, loss: bool = False, every: int | None = None
) -> dict[str, Any]:
    """The measures that `diagnose` reads, for `monitor` and for the argument `monitor` of `train`.

    A group is a part of the model at its top: the first level of the tree of parameters with several names.

    | name | measure |
    |---|---|
    | `gradient_norm`, `update_norm`, `param_norm` | the norms of each group |
    | `update_ratio` | the norm of the update over that of the parameters, of each group |
    | `unmoved_share` | the share of weights in 16 bits that rounding leaves unmoved, of each group |
    | `idle_share` | the largest share of units with a gradient of exactly 0 in a matrix, of each group |
    | `scale_rms` | the root mean square of the scales of normalizations, where there are any |
    | `not_finite` | the index of the first leaf of the gradients that is not finite; -1 where all are |
    | `update_cosine`, `gradient_cosine` | the cosine with the last one, of each group, on a sample |
    | `square_ratio` | the squared gradient over the second moment in a state that has one, likewise |
    | `noise_scale` | the gradient noise scale, with an `accumulate` |
    | `clipped_share` | with `max_norm`: the running share of steps with a longer gradient |
    | `loss.mean`, `loss.variance` | with `loss`: the running mean and variance of the argument `value` |
    | `sharpness` | with `every`: the largest eigenvalue of the Hessian, by Hessian-vector products |

    The state takes at most 1 MB, whatever the model; with `every`, as much as the parameters more. The
    measures are for whole arrays, also sharded ones under `jax.jit`, and not for the shards inside of
    `jax.shard_map`.

    Args:
      sample: the largest number of elements of a group in a sample.
      max_norm: the bound of a clipping, if its share is to be recorded.
      loss: whether the loss is recorded, for a loop that does not keep it. `update` then needs `value=`.
        `train` keeps the loss itself.
      every: the number of steps from one Hessian-vector product to the next, if the sharpness is to be
        recorded. `update` then needs `grad_fn=`, the gradient as a function of the parameters; `train`
        passes it. A product costs about two gradients. Gradient descent is stable at rates below 2 over the
        sharpness.

    >>> import gradtx, jax.numpy as jnp
    >>> params = {"body": jnp.array([3.0, 4.0]), "head": jnp.array([1.0])}
    >>> tx = gradtx.monitor(vitals(), gradtx.sgd(0.1))
    >>> _, state = tx.update(params, tx.init(params), params)
    >>> found = gradtx.metrics(state)
    >>> print(found["gradient_norm"], found["not_finite"])
    {'body': Array(5., dtype=float32), 'head': Array(1., dtype=float32)} -1
    """
    by_part = {
        "gradient_norm": gradient_norm,
        "update_norm": update_norm,
        "param_norm": param_norm,
        "update_ratio": update_ratio,
    }
    measures: dict[str, Any] = {name: by_group(measure, top_level) for name, measure in by_part.items()}
    measures |= {
        "unmoved_share": unmoved_by_group,
        "idle_share": idle_share,
        "scale_rms": scale_rms,
        "not_finite": not_finite,
        "update_cosine": update_cosine(sample),
        "gradient_cosine": gradient_cosine(sample),
        "square_ratio": partial(square_ratio, sample=sample),
        "noise_scale": noise_scale(),
    }
    if max_norm is not None:
        measures["clipped_share"] = measure_with_ema(exceeds(max_norm), 0.99)
    measures |= {"loss": loss_statistics()} if loss else {}
    return measures | ({} if every is None else {"sharpness": sharpness(every)})


def param_norm(params: Params) -> Array:
    """The norm of the parameters."""
    return norm(params)


def unmoved_by_group(updates: Updates, params: Params) -> dict[str, Array]:
    """The share of weights with an update that stay where they are, of each group with leaves in 16 bits.

    >>> import jax.numpy as jnp
    >>> params = {"half": jnp.ones(2, jnp.bfloat16), "single": jnp.ones(2)}
    >>> print(unmoved_by_group({"half": jnp.array([0.001, 0.1]), "single": jnp.ones(2)}, params))
    {'half': Array(0.5, dtype=float32)}
    """
    # Alone of the measures it forms the new parameters: wider ones are spared that.
    found: dict[str, list[tuple[Any, Any]]] = {}
    for label, u, p in zip(*map(jax.tree.leaves, (top_level(params), updates, params)), strict=True):
        if is_inexact(p) and jnp.finfo(p.dtype).bits <= 16:
            found.setdefault(label, []).append((u, p))
    pairs = {label: tuple(map(list, zip(*own, strict=True))) for label, own in found.items()}
    return {label: unmoved_share(updates, params) for label, (updates, params) in pairs.items()}


def idle_share(gradients: Updates) -> dict[str, Array]:
    """The share of units whose gradient is exactly 0, by group: the largest one of its matrices.

    A unit of a matrix is a slice along its last axis.

    >>> import jax.numpy as jnp
    >>> print(idle_share({"kernel": jnp.array([[0.0, 1.0], [0.0, 0.0]]), "bias": jnp.zeros(2)})["kernel"])
    0.5
    """
    shares: dict[str, list[Array]] = {}
    for label, leaf in zip(jax.tree.leaves(top_level(gradients)), jax.tree.leaves(gradients), strict=True):
        if is_inexact(leaf) and jnp.ndim(leaf) > 1:
            idle = jnp.all(leaf == 0, axis=tuple(range(jnp.ndim(leaf) - 1)))
            shares.setdefault(label, []).append(jnp.mean(idle.astype(float)))
    return {label: jnp.max(jnp.stack(own)) for label, own in shares.items()}


def scale_rms(params: Params) -> Any:
    """The root mean square of the scales of normalizations, by their names; nothing where there are none.

    >>> import jax.numpy as jnp
    >>> print(scale_rms({"norm": {"scale": jnp.array([1.0, 7.0]), "bias": jnp.zeros(2)}}))
    5.0
    >>> scale_rms({"kernel": jnp.ones((2, 2))})
    {}
    """
    scales = [leaf for path, leaf in tree_leaves_with_path(params) if _SCALE.search(path_name(path))]
    return norm(scales) / sum(leaf.size for leaf in scales) ** 0.5 if scales else {}


def not_finite(gradients: Updates) -> Array:
    """The index of the first leaf with an element that is not finite; -1 where all are finite."""
    # A second pass for a norm that is not finite alone.
    return jax.lax.cond(
        jnp.isfinite(norm(gradients)), lambda: jnp.int32(-1), lambda: first_not_finite(gradients, None, None)
    )


class loss_statistics(StatefulMeasure):
    r"""The running mean and variance of the loss, with the decay $d$.

    $$m_t = d\,m_{t-1} + (1 - d)\,x_t, \qquad s_t^2 = d\,s_{t-1}^2 + (1 - d)\,(x_t - m_{t-1})\,(x_t - m_t)$$

    The mean begins at the first loss, and the variance at 0.
    """

    decay: float = decay_factor(default=0.95, doc="$d$")

    def init(self, *shapes: Any) -> dict[str, Array]:
        """No loss."""
        return {"mean": jnp.full((), jnp.nan), "variance": jnp.zeros(())}

    def step(self, memory: dict[str, Array], value: Any) -> tuple[dict[str, Array], dict[str, Array]]:
        """The statistics."""
        x = jnp.asarray(value).astype(float)
        old = jnp.where(jnp.isnan(memory["mean"]), x, memory["mean"])
        weight = jnp.asarray(1 - self.decay)
        mean = interpolate(old, x, weight)
        variance = interpolate(memory["variance"], (x - old) * (x - mean), weight)
        new = {"mean": mean, "variance": variance}
        return new, new
