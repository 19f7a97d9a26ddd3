"""A program in plain form: without calls, and with operands of one shape."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

from gradtx.stepping._programs import shape_of

Environment = dict[Any, Any]
"""The values of variables."""


def plain(jaxpr: Jaxpr) -> ClosedJaxpr:
    """The same program, with the operations of a call in its place, and broadcasting as an operation."""

    def run(*arrays: Any) -> list[Any]:
        return evaluate(jaxpr, arrays)

    return jax.make_jaxpr(run)(*(var.aval for var in jaxpr.invars))


def evaluate(jaxpr: Jaxpr, arrays: Sequence[Any], consts: Sequence[Any] = ()) -> list[Any]:
    """The results of a program, operation by operation."""
    environment = dict(zip([*jaxpr.invars, *jaxpr.constvars], [*arrays, *consts], strict=True))
    for equation in jaxpr.eqns:
        inputs = values_of(equation.invars, environment)
        with equation.ctx.manager:
            outputs = _outputs(equation, inputs)
        environment.update(zip(equation.outvars, outputs, strict=True))
    return values_of(jaxpr.outvars, environment)


def values_of(atoms: Sequence[Var | Literal], environment: Environment) -> list[Any]:
    """The values of variables and literals."""
    return [atom.val if isinstance(atom, Literal) else environment[atom] for atom in atoms]


def bind(equation: JaxprEqn, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
    """The results of an operation, with `params` in the place of its own parameters."""
    outputs = equation.primitive.bind(*inputs, **{**equation.params, **params})
    return outputs if equation.primitive.multiple_results else [outputs]


def _outputs(equation: JaxprEqn, inputs: Sequence[Any]) -> Sequence[Any]:
    name = equation.primitive.name
    for param in _CALLED.get(name, ()):
        if param in equation.params:
            called = equation.params[param]
            return evaluate(getattr(called, "jaxpr", called), inputs, getattr(called, "consts", ()))
    if name in ELEMENTWISE:
        shape = shape_of(equation.outvars[0])
        inputs = [jnp.broadcast_to(x, shape) if jnp.ndim(x) else x for x in inputs]
    return bind(equation, inputs)


_CALLED = {
    **dict.fromkeys(
        ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2"), ("jaxpr", "call_jaxpr")
    ),
    "custom_jvp_call": ("call_jaxpr",),
    "custom_vjp_call": ("call_jaxpr", "fun_jaxpr"),
    "custom_vjp_call_jaxpr": ("fun_jaxpr",),
}
"""Primitives that run a jaxpr, with the names of its parameter."""

ELEMENTWISE = frozenset(
    """
    abs acos acosh add and asin asinh atan atan2 atanh bitcast_convert_type cbrt ceil clamp clz complex
    conj convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor
    ge gt imag integer_pow is_finite le lgamma log log1p logistic lt max min mul mul_add ne neg
    nextafter not or population_count pow real reduce_precision rem round rsqrt select_n shift_left
    shift_right_arithmetic shift_right_logical sign sin sinh sqrt square stop_gradient sub tan tanh xor
    """.split()  # noqa: SIM905 - a name a line would be a page
)
"""Primitives of which an element of the result depends on the elements at its place alone."""
