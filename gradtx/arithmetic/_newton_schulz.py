"""The polar factor of a matrix by Newton-Schulz iteration: odd polynomials made of matrix products alone."""

from itertools import chain, islice, repeat
from typing import Any

import jax
import jax.numpy as jnp

from gradtx.arithmetic._elementwise import quotient
from gradtx.arithmetic._norms import norm

Polynomials = tuple[tuple[float, float, float], ...]
"""The coefficients (a, b, c) of odd polynomials a x + b x³ + c x⁵, in the order in which they are applied."""


def _with_margin(polynomials: Polynomials, margin: float) -> Polynomials:
    """Each polynomial but the last, and the norm before the first, with room for values up to `margin`.

    Rounding may leave a singular value above 1, and a steep polynomial would move such a value far from 1.
    """

    def of_fraction(x: tuple[float, float, float], by: float) -> tuple[float, float, float]:
        return x[0] / by, x[1] / by**3, x[2] / by**5

    first, *middle, last = polynomials
    shrunk = [of_fraction(of_fraction(first, margin), margin), *(of_fraction(x, margin) for x in middle)]
    return (*shrunk, last)


QUINTIC: Polynomials = ((3.4445, -4.7750, 2.0315),)

POLAR_EXPRESS: Polynomials = _with_margin(
    (
        (8.28721201814563, -23.595886519098837, 17.300387312530933),
        (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
        (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
        (3.3184196573706015, -2.488488024314874, 0.51004894012372),
        (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
        (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
        (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
        (1.875, -1.25, 0.375),
    ),
    margin=1.01,
)

YOU: Polynomials = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)

CANS: Polynomials = (
    (8.4703, -25.1081, 18.6293),
    (4.1828, -3.1087, 0.5806),
    (3.9619, -2.9541, 0.5630),
    (3.2866, -2.4647, 0.5074),
    (2.2737, -1.6447, 0.4162),
)

TABLES: dict[str, Polynomials] = {
    "quintic": QUINTIC,
    "polar_express": POLAR_EXPRESS,
    "you": YOU,
    "cans": CANS,
    "standard": QUINTIC,  # Optax's names of the first and the third
    "dion": YOU,
}


def as_polynomials(ns_coeffs: Any) -> Any:
    """The name of a table, or coefficients as a tuple of triples; one triple alone is a table of one.

    Raises:
      ValueError: for an unknown name, and for anything but a sequence of triples of numbers.
    """
    if isinstance(ns_coeffs, str):
        if ns_coeffs not in TABLES:
            raise ValueError(f"ns_coeffs must be a table's name ({', '.join(TABLES)}), got {ns_coeffs!r}.")
        return ns_coeffs
    try:
        rows = [ns_coeffs] if isinstance(ns_coeffs[0], int | float) else ns_coeffs
        polynomials = tuple((float(a), float(b), float(c)) for a, b, c in rows)
    except (TypeError, ValueError, IndexError, KeyError):
        polynomials = ()
    if not polynomials:
        raise ValueError(
            f"ns_coeffs must be a table's name, three numbers (a, b, c), or a tuple of such triples, "
            f"got {ns_coeffs!r}."
        )
    return polynomials


def in_order(ns_coeffs: Any, ns_steps: int) -> Polynomials:
    """The first `ns_steps` polynomials of a table; past its end the last one repeats.

    A table is a sequence: its first polynomials lift small singular values, and each later one is made for
    the values that those before it leave. A short iteration is therefore the head of the table, never its
    tail, and a long one does not begin again.

    >>> in_order(((3.0, -3.0, 1.0), (1.875, -1.25, 0.375)), 3)
    ((3.0, -3.0, 1.0), (1.875, -1.25, 0.375), (1.875, -1.25, 0.375))
    """
    table = TABLES[ns_coeffs] if isinstance(ns_coeffs, str) else ns_coeffs
    return tuple(islice(chain(table, repeat(table[-1])), ns_steps))


def newton_schulz(x: jax.Array, polynomials: Polynomials, eps: Any = 0.0, dtype: Any = None) -> jax.Array:
    r"""Each matrix of a batch with its singular values brought to about 1: the polar factor $U V^\top$.

    $$X_0 = \frac{G}{\|G\|_F + \epsilon}, \qquad X_{k+1} = a_k X_k + (b_k A_k + c_k A_k^2)\,X_k,
      \qquad A_k = X_k X_k^\top$$

    Each step applies its polynomial to the singular values and keeps the singular vectors. With more rows
    than columns, $A_k = X_k^\top X_k$ multiplies from the right: the smaller product. A matrix of zeros stays
    zero.

    Args:
      x: matrices along the last two axes.
      polynomials: the coefficients of every step.
      eps: added to the norm.
      dtype: the dtype to which the factors of the products are rounded; the sums stay in that of `x`. `None`
        multiplies in the dtype of `x`, on every device at its full precision.

    >>> import jax.numpy as jnp
    >>> newton_schulz(jnp.diag(jnp.array([3.0, 0.04])), in_order("polar_express", 9)).round(3)
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    tall = x.shape[-2] > x.shape[-1]
    factor_dtype = x.dtype if dtype is None or jnp.iscomplexobj(x) else dtype

    def product(left: jax.Array, right: jax.Array) -> jax.Array:
        return jnp.matmul(
            left.astype(factor_dtype),
            right.astype(factor_dtype),
            precision=jax.lax.Precision.HIGHEST,
            preferred_element_type=x.dtype,
        )

    def step(x: jax.Array, abc: jax.Array) -> tuple[jax.Array, None]:
        a, b, c = abc
        gram = product(x.mT.conj(), x) if tall else product(x, x.mT.conj())
        even = b * gram + c * product(gram, gram)
        return a * x + (product(x, even) if tall else product(even, x)), None

    size = norm(x, (-2, -1), keepdims=True)
    # A loop rather than its steps one after another: the steps of many matrices take long to compile.
    return jax.lax.scan(step, quotient(x, size + eps), jnp.asarray(polynomials, size.dtype))[0]
