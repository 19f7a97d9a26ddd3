"""The loop over the steps of a training, and the record that it keeps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

import gradtx
from gradtx.cli.language_model import Params
from gradtx.cli.progress import Progress
from gradtx.cli.step import training_step
from gradtx.cli.task import Task
from gradtx.practice import History

_VALIDATIONS = 5  # in a run, after the one before the first step
_WORSE = 1.1  # times the first validation loss: then the last one is no result of a training


class DivergedError(ArithmeticError):
    """A training whose loss is no longer finite, or clearly higher at its end than at its beginning."""


@dataclass
class Record:
    """The values of a run at each step; a validation loss has the number of steps before it."""

    steps: int  # of the whole run
    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)

    @property
    def interval(self) -> int:
        """The number of steps from one validation to the next."""
        return max(1, self.steps // _VALIDATIONS)

    def history(self) -> History:
        """The record as a value: without the validations before the first step and between two intervals."""
        series = {
            "loss": self.loss,
            "learning_rate": self.learning_rate,
            "gradient_norm": self.gradient_norm,
        }
        validation = [value for step, value in self.validation if step and step % self.interval == 0]
        if validation:
            series["validation"] = validation
        every = {"validation": self.interval} if validation else {}
        return History({name: jnp.asarray(values) for name, values in series.items()}, every)


def fit(tx: gradtx.GradientTransformation, rates: Sequence[float], task: Task, record: Record) -> Params:
    """The parameters to evaluate after all steps.

    Args:
      tx: the optimizer.
      rates: the learning rate of each step, for the record.
      task: the initial parameters, the batches and the validation.
      record: the record, which has the values of each step also after an error.

    Raises:
      DivergedError: for a loss that is not finite, and for final losses above the first ones.
    """
    # Copies: a step donates its arrays, those of the task are kept, and a state may contain the parameters.
    params, state = jax.tree.map(jnp.copy, (task.params, tx.init(task.params)))
    validation_loss = task.validation()

    def validate(step: int, params: Params) -> None:
        record.validation.append((step, float(validation_loss(params))))
        _require_finite(record.validation[-1][1], step)

    validate(0, params)
    with Progress(record.steps) as progress:
        for step, (rate, batch) in enumerate(zip(rates, task.batches(), strict=False), start=1):
            params, state, value, norm = training_step(task.architecture, tx, params, state, batch)
            record.loss.append(float(value))
            record.learning_rate.append(rate)
            record.gradient_norm.append(float(norm))
            _require_finite(record.loss[-1], step)
            progress.show(step, record.loss[-1], rate, record.gradient_norm[-1])
            if step % record.interval == 0 or step == record.steps:
                validate(step, gradtx.eval_params(tx, state, params))
    _require_progress(record)
    return gradtx.eval_params(tx, state, params)


def _require_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise DivergedError(f"the loss is {loss} at step {step}")


def _require_progress(record: Record) -> None:
    """Raises where the losses rose. A validation loss that rises while the other falls is another problem."""
    (_, before), *_, (_, after) = record.validation
    last = record.loss[-max(1, record.steps // 20) :]
    if after > _WORSE * before and sum(last) / len(last) > record.loss[0]:
        raise DivergedError(f"the validation loss rose from {before:.3f} to {after:.3f}")
