"""Names of Optax that gradtx leaves out, and what takes their place."""

from types import MappingProxyType

LEFT_OUT = MappingProxyType(
    {
        "_src": "it is private in Optax: the public names are in gradtx itself.",
        "assignment": "it matches rows with columns, which is no part of an optimizer: "
        "scipy.optimize.linear_sum_assignment does it.",
        "contrib.sam": "gradtx.sam(optimizer, rho=...) is sharpness-aware minimization in one update, with "
        "grad_fn= for the gradient at the perturbed point.",
        "experimental": "its names change without notice; gradtx.accumulate and gradtx.microbatching average "
        "gradients over parts of a batch.",
        "multi_normal": "it is a probability distribution: jax.scipy.stats.norm has the density, and "
        "jax.random.normal draws.",
        "perturbations": "it smooths a function by noise, which is no part of an optimizer.",
        "second_order": "it is deprecated in Optax: jax.jvp of jax.grad(f) is the product with the Hessian, "
        "and gradtx.hutchinson_estimator_diag_hessian estimates its diagonal.",
    }
)
"""By the name, after the module in which Optax has it: the reason, and the replacement."""
