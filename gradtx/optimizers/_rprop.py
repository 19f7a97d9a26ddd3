"""Rprop."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale, scale_by_rprop


@checks_keywords
def rprop(
    learning_rate: float,
    eta_minus: ScalarOrSchedule = 0.5,
    eta_plus: ScalarOrSchedule = 1.2,
    min_step_size: ScalarOrSchedule = 1e-6,
    max_step_size: ScalarOrSchedule = 50.0,
    *,
    backtracking: bool = False,
) -> GradientTransformation:
    """Rprop: `scale_by_rprop`, with the sign of a descent.

    **Reference**: Igel and Hüsken (2003), *Empirical evaluation of the improved Rprop learning algorithms*,
    Neurocomputing 50, iRprop-.

    >>> rprop(0.01)
    chain(scale_by_rprop(learning_rate=0.01, eta_minus=0.5, eta_plus=1.2, min_step_size=1e-06,
                         max_step_size=50.0),
          scale(step_size=-1.0))
    """
    return chain(
        scale_by_rprop(
            learning_rate, eta_minus, eta_plus, min_step_size, max_step_size, backtracking=backtracking
        ),
        scale(-1.0),
    )
