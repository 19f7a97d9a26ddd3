"""gradtx: composable gradient transformations for JAX.

An optimizer is a value: a chain of transformations, each one concept of optimization. It prints as the
expression that makes it, compares, hashes, pickles, and is a pytree of its hyperparameters.

>>> import gradtx, jax, jax.numpy as jnp
>>> tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.scale_by_adam(), gradtx.scale(-0.1))
>>> params = {"w": jnp.array([1.0, -2.0])}
>>> state = tx.init(params)
>>> gradients = jax.grad(lambda p: jnp.sum(p["w"] ** 2))(params)
>>> updates, state = tx.update(gradients, state, params)
>>> gradtx.apply_updates(params, updates)
{'w': Array([ 0.9, -1.9], dtype=float32)}
"""

import inspect
from typing import TYPE_CHECKING, Any

# ruff: noqa: F403 - each floor names in its __all__ what it makes public
from gradtx import (
    checkpoints,
    contrib,
    core,
    formats,
    interop,
    losses,
    microbatching,
    numerics,
    optimizers,
    projections,
    rules,
    schedules,
    searches,
    selection,
    stepping,
    transforms,
    tree,
    tree_utils,
    wrappers,
)
from gradtx.checkpoints import *
from gradtx.core import *
from gradtx.core import document
from gradtx.losses import (
    convex_kl_divergence,
    cosine_distance,
    cosine_similarity,
    ctc_loss,
    ctc_loss_with_forward_probs,
    generalized_kl_divergence,
    hinge_loss,
    huber_loss,
    kl_divergence,
    l2_loss,
    log_cosh,
    ntxent,
    safe_softmax_cross_entropy,
    sigmoid_binary_cross_entropy,
    sigmoid_focal_loss,
    smooth_labels,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
    squared_error,
)
from gradtx.microbatching import microbatch, microbatched_value_and_grad
from gradtx.numerics import *
from gradtx.optimizers import *
from gradtx.rules import *
from gradtx.schedules import *
from gradtx.searches import *
from gradtx.selection import *
from gradtx.stepping import *
from gradtx.tree import (
    MaskedNode,
    bias_correction,
    map_params as tree_map_params,
    norm as global_norm,
    update_infinity_moment,
    update_moment,
    update_moment_per_elem_norm,
)
from gradtx.wrappers import *

__all__ = ["contrib", "formats", "interop", "losses", "microbatching", "numerics", "projections", "selection"]
__all__ += ["transforms", "tree", "tree_utils"]
__all__ += ["MaskedNode", "bias_correction", "global_norm", "update_infinity_moment", "update_moment"]
__all__ += ["tree_map_params", "update_moment_per_elem_norm"]
__all__ += [
    "convex_kl_divergence",
    "cosine_distance",
    "cosine_similarity",
    "ctc_loss",
    "ctc_loss_with_forward_probs",
    "generalized_kl_divergence",
    "hinge_loss",
    "huber_loss",
    "kl_divergence",
    "l2_loss",
    "log_cosh",
    "ntxent",
    "safe_softmax_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "smooth_labels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "squared_error",
]
__all__ += checkpoints.__all__
__all__ += core.__all__
__all__ += ["microbatch", "microbatched_value_and_grad"]
__all__ += numerics.__all__
__all__ += optimizers.__all__
__all__ += schedules.__all__
__all__ += searches.__all__
__all__ += selection.__all__
__all__ += stepping.__all__
__all__ += rules.__all__
__all__ += wrappers.__all__

for _name in __all__:
    _public = globals()[_name]
    if inspect.isfunction(_public):
        document(_public)
    elif inspect.isclass(_public) and _public.__module__.startswith(__name__):  # `Params` is `typing.Any`
        _public.__module__ = __name__  # pickles, errors and documentation name no file

for _room in (formats, tree):
    for _name in _room.__all__:
        _public = getattr(_room, _name)
        if inspect.isclass(_public) and _public.__module__.startswith(_room.__name__):
            _public.__module__ = _room.__name__


__version__: str

if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 - a file is read only when asked for

            return version(__name__)
        raise interop.absent(__name__, name, __all__)
