"""Names of Optax that gradtx leaves out, and what takes their place."""

from collections.abc import Iterable
from types import MappingProxyType

from gradtx.tree import did_you_mean

LEFT_OUT = MappingProxyType(
    {
        "LookaheadParams": "lookahead takes plain parameters, in the structure of their gradients, keeps the "
        "slow weights in its state, and eval_params(tx, state, params) returns them.",
        "_src": "it is private in Optax: the public names are in gradtx itself.",
        "assignment": "it matches rows with columns, which is no part of an optimizer: "
        "scipy.optimize.linear_sum_assignment does it.",
        "experimental": "its names change without notice; gradtx.accumulate and gradtx.microbatching average "
        "gradients over parts of a batch, and noise_scale of gradtx.practice.vitals measures their noise.",
        "multi_normal": "it is a distribution for estimators of gradients that Optax had up to 0.1.8: "
        "loc + jnp.exp(log_scale) * jax.random.normal(key, shape) draws from it, and "
        "jax.scipy.stats.norm.logpdf is its density.",
        "perturbations": "it smooths a function by noise, which is no part of an optimizer.",
        "second_order": "it is deprecated in Optax: jax.jvp of jax.grad(f) is the product with the Hessian, "
        "and gradtx.hutchinson_estimator_diag_hessian estimates its diagonal.",
    }
)
"""By the name, after the module in which Optax has it: the reason, and the replacement."""


def absent(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for a name that a module does not have: why, or the names that may be meant.

    Args:
      module: the full name of the module.
      name: the name that was asked for.
      known: the names of the module.
    """
    full = f"{module}.{name}".partition(".")[2]
    if reason := LEFT_OUT.get(full):
        text = f"{module} leaves {name!r} out: {reason}"
    else:
        question = "" if name.startswith("_") else did_you_mean(name, known)
        text = f"module {module!r} has no attribute {name!r}{'.' * bool(question)}{question}"
    return AttributeError(text, name=name)  # with its name Python adds no question of its own
