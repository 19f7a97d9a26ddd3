"""Functions to minimize: ten problems of Moré, Garbow and Hillstrom (1981), and three of practice."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Problem(NamedTuple):
    """A function with its standard starting point, and its least values, of which a search finds one."""

    fun: Callable[[Any], Any]
    start: Any
    minima: tuple[float, ...]


def sum_of_squares(residuals: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jnp.sum(jnp.stack([jnp.ravel(part) for part in residuals(x)]) ** 2)


def rosenbrock(x: Any) -> Any:
    return 10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]


def freudenstein_and_roth(x: Any) -> Any:
    first = -13.0 + x[0] + ((5.0 - x[1]) * x[1] - 2.0) * x[1]
    return first, -29.0 + x[0] + ((x[1] + 1.0) * x[1] - 14.0) * x[1]


def powell_badly_scaled(x: Any) -> Any:
    return 1e4 * x[0] * x[1] - 1.0, jnp.exp(-x[0]) + jnp.exp(-x[1]) - 1.0001


def brown_badly_scaled(x: Any) -> Any:
    return x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2.0


def beale(x: Any) -> Any:
    return tuple(y - x[0] * (1.0 - x[1] ** (i + 1)) for i, y in enumerate((1.5, 2.25, 2.625)))


def jennrich_and_sampson(x: Any) -> Any:
    return tuple(2.0 + 2.0 * i - (jnp.exp(i * x[0]) + jnp.exp(i * x[1])) for i in range(1, 11))


def helical_valley(x: Any) -> Any:
    angle = jnp.arctan(x[1] / x[0]) / (2.0 * jnp.pi) + jnp.where(x[0] < 0, 0.5, 0.0)
    return 10.0 * (x[2] - 10.0 * angle), 10.0 * (jnp.sqrt(x[0] ** 2 + x[1] ** 2) - 1.0), x[2]


BARD = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)


def bard(x: Any) -> Any:
    rows = [(y, u, 16.0 - u, min(u, 16.0 - u)) for u, y in enumerate(BARD, 1)]
    return tuple(y - (x[0] + u / (v * x[1] + w * x[2])) for y, u, v, w in rows)


GAUSSIAN = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989)


def gaussian(x: Any) -> Any:
    rows = [((8.0 - i) / 2.0, y) for i, y in enumerate(GAUSSIAN + GAUSSIAN[-2::-1], 1)]
    return tuple(x[0] * jnp.exp(-x[1] * (t - x[2]) ** 2 / 2.0) - y for t, y in rows)


MEYER = (
    34780,
    28610,
    23650,
    19630,
    16370,
    13720,
    11540,
    9744,
    8261,
    7030,
    6005,
    5147,
    4427,
    3820,
    3307,
    2872,
)


def meyer(x: Any) -> Any:
    return tuple(x[0] * jnp.exp(x[1] / (45.0 + 5.0 * i + x[2])) - y for i, y in enumerate(MEYER, 1))


MORE_GARBOW_AND_HILLSTROM = {
    "rosenbrock": Problem(sum_of_squares(rosenbrock), [-1.2, 1.0], (0.0,)),
    "freudenstein and roth": Problem(sum_of_squares(freudenstein_and_roth), [0.5, -2.0], (0.0, 48.9842)),
    "powell badly scaled": Problem(sum_of_squares(powell_badly_scaled), [0.0, 1.0], (0.0,)),
    "brown badly scaled": Problem(sum_of_squares(brown_badly_scaled), [1.0, 1.0], (0.0,)),
    "beale": Problem(sum_of_squares(beale), [1.0, 1.0], (0.0,)),
    "jennrich and sampson": Problem(sum_of_squares(jennrich_and_sampson), [0.3, 0.4], (124.362,)),
    "helical valley": Problem(sum_of_squares(helical_valley), [-1.0, 0.0, 0.0], (0.0,)),
    "bard": Problem(sum_of_squares(bard), [1.0, 1.0, 1.0], (8.21487e-3, 17.4286)),
    "gaussian": Problem(sum_of_squares(gaussian), [0.4, 1.0, 0.0], (1.12793e-8,)),
    "meyer": Problem(sum_of_squares(meyer), [0.02, 4000.0, 250.0], (87.9458,)),
}


def gaussian_process() -> Problem:
    """The negative log likelihood of a Gaussian process by its log length, log amplitude and log noise."""
    random = np.random.default_rng(0)
    x = np.sort(random.uniform(0.0, 10.0, 30))
    y = np.sin(x) + 0.1 * random.standard_normal(30)

    def fun(theta: Any) -> Any:
        length, amplitude, noise = jnp.exp(theta)
        kernel = amplitude**2 * jnp.exp(-(((x[:, None] - x[None]) / length) ** 2) / 2.0)
        factor = jnp.linalg.cholesky(kernel + (noise**2 + 1e-8) * jnp.eye(len(x)))
        weights = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
        return jnp.sum(weights**2) / 2.0 + jnp.sum(jnp.log(jnp.diag(factor)))

    return Problem(fun, [0.0, 0.0, 0.0], ())


def logistic_regression() -> Problem:
    """A regularized classifier of 200 examples with 20 features of different scales."""
    random = np.random.default_rng(1)
    features = random.standard_normal((200, 20)) * np.geomspace(0.1, 3.0, 20)
    labels = np.sign(features @ random.standard_normal(20) + 0.5 * random.standard_normal(200))

    def fun(weights: Any) -> Any:
        return jnp.sum(jax.nn.softplus(-labels * (features @ weights))) + 0.05 * jnp.sum(weights**2)

    return Problem(fun, [0.0] * 20, ())


def chained_rosenbrock() -> Problem:
    def fun(x: Any) -> Any:
        return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return Problem(fun, [-1.2, 1.0] * 5, (0.0, 3.98658))


PRACTICE = {
    "chained rosenbrock": chained_rosenbrock(),
    "gaussian process": gaussian_process(),
    "logistic regression": logistic_regression(),
}
PROBLEMS = MORE_GARBOW_AND_HILLSTROM | PRACTICE
