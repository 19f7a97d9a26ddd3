"""The pictures of the page on low precision: `python -m benchmarks.low_precision_picture`."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import gradtx
from gradtx import formats, tree

GREY, BLUE, ORANGE, RED = "#718096", "#2b6cb0", "#dd6b20", "#c53030"
OUT = Path(__file__).parent / "results" / "low-precision.png"


def second_moments(form: Any) -> np.ndarray:
    """The median of nu over its value before, while gradients are a tenth of those before."""
    x = jnp.asarray(np.random.default_rng(0).uniform(0.02, 1, (16, 256)), jnp.float32).at[:, 0].set(1.0)
    tx = gradtx.quantized(gradtx.scale_by_adam(), {"nu": form}, min_size=0)
    state = tx.init(x)
    inner = state.inner_state._replace(nu=form.encode(x**2), count=jnp.int32(100_000))
    small = jnp.where(jnp.arange(256) == 0, x, x / 10)

    def step(state: Any, _: Any) -> Any:
        _, state = tx.update(small, state)
        return state, jnp.median((tree.get(state, "nu") / x**2)[:, 1:])

    return jax.lax.scan(step, state._replace(inner_state=inner), None, length=5000)[1]


def weights(wrap: Any) -> np.ndarray:
    """The mean of parameters that begin at 1 and fall by 0.001 at each step."""
    tx = wrap(gradtx.sgd(1.0))
    params = jnp.ones(4096, jnp.bfloat16)

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        updates, state = tx.update(jnp.full(params.shape, 1e-3), state, params)
        params = gradtx.apply_updates(params, updates)
        return (params, state), params.astype(jnp.float32).mean()

    return jax.lax.scan(step, (params, tx.init(params)), None, length=1000)[1]


def largest_steps(form: Any) -> np.ndarray:
    """The largest step of Adam so far: one gradient is 1, the others are 0.001 now and then."""
    rng = np.random.default_rng(0)
    g = 1e-3 * rng.choice([-1.0, 1.0], (60, 256)) * (rng.random((60, 256)) < 0.3)
    g[:, 0] = 1.0
    tx = gradtx.quantized(gradtx.scale_by_adam(), {"nu": form}, min_size=0)

    def step(state: Any, g: Any) -> Any:
        updates, state = tx.update(g, state)
        return state, jnp.abs(updates).max()

    return np.maximum.accumulate(jax.lax.scan(step, tx.init(jnp.zeros(256)), jnp.asarray(g, jnp.float32))[1])


class Unguarded(formats.dynamic8):
    """The dynamic map with the code of zero for small positive numbers."""

    def to_codes(self, y: Any, bits: Any) -> Any:
        return jnp.where(y < 1e-6 * (0.05 + 0.225 / 2), 0, super().to_codes(y, bits)).astype(jnp.uint8)


def main() -> None:
    """Writes the picture."""
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained", dpi=120)
    for form, colour, label in (
        (formats.float32(), GREY, "float32"),
        (formats.uint8(), BLUE, "uint8()"),
        (formats.uint8(stochastic=False), ORANGE, "uint8(stochastic=False)"),
        (formats.dynamic8(signed=False), RED, "dynamic8(signed=False)"),
    ):
        left.semilogy(second_moments(form), color=colour, label=label)
    left.set(title="Stall: gradients fall tenfold", xlabel="step", ylabel="nu over its value before")
    left.legend(loc="center right")
    for form, colour, label in (
        (formats.float32(), GREY, "float32"),
        (formats.uint8(), BLUE, "uint8()"),
        (Unguarded(signed=False), RED, "dynamic map with code 0"),
    ):
        middle.semilogy(largest_steps(form), color=colour, label=label)
    middle.set(title="Explosion: one large gradient", xlabel="step", ylabel="largest direction of Adam")
    middle.legend(loc="center right")
    for wrap, colour, label in (
        (lambda tx: tx, RED, "bfloat16, to nearest"),
        (gradtx.round_stochastically, ORANGE, "round_stochastically"),
        (gradtx.split_params, BLUE, "split_params"),
    ):
        right.plot(weights(wrap), color=colour, label=label)
    right.set(title="Lost updates of 0.001", xlabel="step", ylabel="mean parameter")
    right.legend()
    figure.savefig(OUT)


if __name__ == "__main__":
    main()
