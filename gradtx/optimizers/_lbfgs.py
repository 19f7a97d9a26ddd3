"""L-BFGS."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords, identity
from gradtx.rules import scale, scale_by_lbfgs, scale_by_learning_rate
from gradtx.searches import scale_by_zoom_linesearch


@checks_keywords
def lbfgs(
    learning_rate: ScalarOrSchedule | None = None,
    memory_size: int = 10,
    scale_init_precond: bool = True,
    linesearch: GradientTransformation | None = scale_by_zoom_linesearch(  # noqa: B008 - a value, never changed
        20, initial_guess_strategy="one"
    ),
    *,
    history_dtype: Any = None,
) -> GradientTransformation:
    r"""L-BFGS: the direction of `scale_by_lbfgs`, downhill, and a search for the length of the step.

    It is for functions without noise, such as a loss over all data. `minimize` runs it to a tolerance.
    `update` needs `value=`, `grad=` and `value_fn=`, as `scale_by_zoom_linesearch`; pass the gradient as the
    updates and as `grad`. For complex parameters the updates are the conjugate of `grad`.

    Args:
      learning_rate: the multiple of the direction with which the search begins; `None` is 1.
      linesearch: the search, a transformation; `None` for none. The step is then the learning rate times the
        direction, and `update` needs the parameters alone.

    **Reference**: Liu and Nocedal (1989), *On the limited memory BFGS method for large scale optimization*;
    Nocedal and Wright (2006), *Numerical Optimization*, algorithm 7.5.

    >>> lbfgs()
    chain(scale_by_lbfgs(),
          scale(step_size=-1.0),
          scale_by_zoom_linesearch(max_linesearch_steps=20, max_learning_rate=None, tol=0.0,
                                   increase_factor=2.0, slope_rtol=0.0001, curv_rtol=0.9,
                                   approx_dec_rtol=1e-06, stepsize_precision=1e-05,
                                   initial_guess_strategy='one'))
    """
    return chain(
        scale_by_lbfgs(memory_size, scale_init_precond, history_dtype=history_dtype),
        scale(-1.0) if learning_rate is None else scale_by_learning_rate(learning_rate),
        identity() if linesearch is None else linesearch,
    )
