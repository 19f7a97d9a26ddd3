"""A schedule from the text of its expression, which is read and never executed."""

import ast
import inspect
import operator
from typing import Any

import gradtx
from gradtx.tree import did_you_mean

_LONGEST = 1000  # characters
_OPERATIONS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def known_schedules() -> dict[str, Any]:
    """The functions and classes that make schedules: those of `gradtx.schedules`, and the constant."""
    public = {name: getattr(gradtx, name) for name in ("constant_schedule", *gradtx.schedules.__all__)}
    return {name: value for name, value in public.items() if _makes_a_schedule(value)}


def _makes_a_schedule(value: Any) -> bool:
    if isinstance(value, type):
        return issubclass(value, gradtx.Schedule)
    return "Schedule" in str(inspect.signature(value).return_annotation)


def schedule_of(text: str) -> gradtx.Schedule:
    """The schedule of an expression such as `cosine_decay_schedule(1e-3, 1000)`.

    An expression calls the schedules of gradtx with numbers, strings, lists, tuples, dictionaries and other
    schedules, and combines them by `+`, `-`, `*` and `/`.

    Raises:
      ValueError: for anything else, and for arguments that the schedule refuses.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"has {len(text)} characters, of at most {_LONGEST}")
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise ValueError(f"cannot read {text!r}: {error.msg}") from error
    except (RecursionError, MemoryError) as error:
        raise ValueError("cannot read it: too deeply nested") from error
    except (TypeError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(str(error).replace(".__init__()", "")) from error
    if not isinstance(value, gradtx.Schedule):
        raise ValueError(f"must be a schedule such as cosine_decay_schedule(1e-3, 1000), got {text!r}")
    return value


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=int() | float() | str() | None as value):
            return value
        case ast.List(elts) | ast.Tuple(elts):
            return [_value(element) for element in elts]
        case ast.Dict(keys, values) if None not in keys:
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True) if key}
        case ast.UnaryOp(ast.USub(), operand):
            return -_operand(operand)
        case ast.BinOp(left, operation, right) if type(operation) in _OPERATIONS:
            return _OPERATIONS[type(operation)](_operand(left), _operand(right))
        case ast.Call(function, args, keywords) if all(keyword.arg for keyword in keywords):
            named = {str(keyword.arg): _value(keyword.value) for keyword in keywords}
            return _named(function)(*map(_value, args), **named)
        case _:
            raise ValueError(
                f"cannot read {ast.unparse(node)!r}: an expression has schedules and numbers alone"
            )


def _operand(node: ast.expr) -> Any:
    """A number or a schedule: texts and lists are not multiplied."""
    value = _value(node)
    if not isinstance(value, int | float | gradtx.Schedule):
        raise ValueError(f"cannot calculate with {ast.unparse(node)!r}")
    return value


def _named(node: ast.expr) -> Any:
    """The schedule with a name, which may begin with `gradtx.`."""
    name = ast.unparse(node).removeprefix("gradtx.")
    known = known_schedules()
    if name not in known:
        advice = did_you_mean(name, known) or f" There are {', '.join(known)}."
        raise ValueError(f"no schedule is named {name!r}.{advice}")
    return known[name]
