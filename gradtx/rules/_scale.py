"""Scaling by a number: a constant, a schedule, the learning rate."""

from collections.abc import Iterator

import numpy as np
from jax import Array

from gradtx.core import (
    Finding,
    Number,
    Params,
    Rule,
    ScalarOrSchedule,
    as_schedule,
    checks_keywords,
    concrete,
    hyperparameter,
    static,
)


class scale(Rule):
    r"""Multiplies the updates by a number: $u = s\,g$.

    **State**: none; with a scheduled `step_size`, its count.

    >>> import jax.numpy as jnp
    >>> tx = scale(-0.5)
    >>> tx.update(jnp.array([2.0, 4.0]), tx.init(jnp.zeros(2)))[0]
    Array([-1., -2.], dtype=float32)
    """

    step_size: Number = hyperparameter(doc="the factor $s$")

    def leaf(self, g: Array) -> Array:
        return self.step_size * g

    def update_sign(self) -> int:
        signs = {*np.sign(concrete(self.__dict__["step_size"])).flat}
        return int(*signs) if len(signs) == 1 else 0


class Rate(Rule, role="rate", abstract=True):
    """A rule that turns a direction into a step."""

    learning_rate: Number = hyperparameter(low=0.0)

    def update_sign(self) -> int:
        return -1

    def warnings(self, params: Params) -> Iterator[Finding]:
        if 0 in concrete(self.__dict__["learning_rate"]):
            text = "learning_rate is 0, so that nothing moves."
            yield Finding("zero-rate", "", text, "Pass a schedule itself, not its value at a count.")


class scale_by_learning_rate(Rate):
    r"""Turns a direction into a step: $u = -\eta\,g$, or $\eta\,g$ without `flip_sign`.

    It is usually the last of a chain, and the only one in it with a field called `learning_rate`.

    **State**: none; with a scheduled `learning_rate`, its count (`ScaleByScheduleState`).

    >>> import jax.numpy as jnp
    >>> tx = scale_by_learning_rate(0.1)
    >>> tx.update(jnp.array(2.0), tx.init(jnp.array(0.0)))[0]
    Array(-0.2, dtype=float32)
    """

    learning_rate: Number = hyperparameter(low=0.0, doc=r"the factor $\eta$ of the direction")
    flip_sign: bool = static(default=True, kw_only=True, doc="whether the step leads against the direction")

    def leaf(self, g: Array) -> Array:
        return -self.learning_rate * g if self.flip_sign else self.learning_rate * g

    def update_sign(self) -> int:
        return -1 if self.flip_sign else 1


@checks_keywords
def scale_by_schedule(step_size_fn: ScalarOrSchedule) -> scale:
    r"""Multiplies the updates by a schedule's value: $u = s(t)\,g$, with $t = 0$ at the first update.

    It is `scale` with a schedule for its `step_size`.

    Args:
      step_size_fn: the schedule, or a function of the count.

    **State**: `ScaleByScheduleState(count)`.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_schedule(lambda count: count + 1)
    >>> state = tx.init(jnp.array(0.0))
    >>> for _ in range(3):
    ...     update, state = tx.update(jnp.array(1.0), state)
    >>> update
    Array(3., dtype=float32)
    """
    return scale(as_schedule(step_size_fn))
