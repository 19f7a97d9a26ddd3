"""The signs of a training: the series of a history in NumPy, and numbers that several findings read."""

from functools import cached_property
from typing import Any

import numpy as np

from gradtx.core import GradientTransformation, Params
from gradtx.practice._history import History

LEAST_STEPS = 30
"""The number of steps below which only sudden faults are looked for."""

_AROUND = 10

SPIKE = 10.0
"""A gradient this many times as long as those around it is a spike; the largest healthy one measured is 6."""

Series = Any
"""An array of NumPy in float64, with an entry for each step."""


class Signs:
    """The series before the first step with a number that is not finite, and what follows from them.

    Args:
      history: the history of one training.
      validation: the losses on other data, at equal distances, or `None`.
      tx: the optimizer, or `None`.
      params: the parameters or their shapes, or `None`.
    """

    def __init__(self, history: History, validation: Any, tx: GradientTransformation | None, params: Params):
        self.tx, self.params = tx, params
        self._whole = {name: np.asarray(history[name], float) for name in history.names}
        self.length = len(self._whole["loss"])
        given = self._whole.get("validation") if validation is None else np.asarray(validation, float)
        self.validation: Series | None = given

    @cached_property
    def end(self) -> int:
        """The number of steps before the first one at which the loss or a gradient is not finite."""
        norms = [x for name, x in self._whole.items() if name.startswith("gradient_norm")]
        finite = np.logical_and.reduce([np.isfinite(x) for x in (self._whole["loss"], *norms)])
        return self.length if finite.all() else int(finite.argmin())

    @property
    def bad_leaf(self) -> int | None:
        """The index of the first leaf that is not finite at that step, where it is recorded."""
        index = self._whole.get("not_finite")
        return None if index is None or index[self.end] < 0 else int(index[self.end])

    def series(self, name: str) -> Series | None:
        """A series of this name, or `None`."""
        found = self._whole.get(name)
        return None if found is None else found[: self.end]

    def groups(self, name: str) -> dict[str, Series]:
        """The series of a measure by group."""
        begin = f"{name}."
        return {key[len(begin) :]: x[: self.end] for key, x in self._whole.items() if key.startswith(begin)}

    def total(self, name: str) -> Series | None:
        """The norm over all groups."""
        groups = self.groups(name)
        return np.sqrt(sum(x * x for x in groups.values())) if groups else self.series(name)

    @cached_property
    def loss(self) -> Series:
        """The loss of each step."""
        return self._whole["loss"][: self.end]

    @cached_property
    def ratio(self) -> Series | None:
        """The norm of the update over that of the parameters, of the whole model.

        Parameters that begin at 0 count with their norm at the least loss.
        """
        update, params = self.total("update_norm"), self.total("param_norm")
        if update is None or params is None:
            return self.series("update_ratio")
        reached = params[self.loss.argmin()] if len(params) else 0.0
        begun = len(params) and params[0] > 1e-3 * reached
        return update / np.maximum(params, 1e-30 if begun else max(reached, 1e-30))

    def cosine(self, name: str) -> Series | None:
        """The mean over the groups of a cosine."""
        groups = self.groups(name)
        return np.mean([*groups.values()], axis=0) if groups else None

    @cached_property
    def turn(self) -> Series | None:
        r"""The cosine of each update and the one before, of the whole model.

        $$\frac{\sum_g c_g \|u_{g,t}\| \|u_{g,t-1}\|}{\|u_t\| \|u_{t-1}\|}$$

        A mean over the groups would give the few weights of a head as much weight as all others.
        """
        cosines, norms = self.groups("update_cosine"), self.groups("update_norm")
        if not cosines or cosines.keys() != norms.keys():
            return self.cosine("update_cosine")
        products = {group: norm[1:] * norm[:-1] for group, norm in norms.items()}
        total = np.sqrt(sum(norm * norm for norm in norms.values()))
        inner = sum(cosines[group][1:] * product for group, product in products.items())
        return np.append(0.0, inner / np.maximum(total[1:] * total[:-1], 1e-30))

    @cached_property
    def spikes(self) -> Series:
        """The steps with a gradient far longer than those around it, and than half of all."""
        norms = self.total("gradient_norm")
        if norms is None or len(norms) < 2 * _AROUND:
            return np.zeros(0, int)
        return np.flatnonzero(norms > SPIKE * np.maximum(usual_around(norms), np.median(norms)))

    @property
    def is_long(self) -> bool:
        """Whether there are enough steps for a judgement of the whole training."""
        return self.end >= LEAST_STEPS

    @property
    def start(self) -> float:
        """The loss of the first ten steps, or of a third of a shorter training."""
        return float(np.mean(self.loss[: max(1, min(10, self.end // 3))]))

    @property
    def level(self) -> float:
        """The loss of the last tenth of the steps."""
        return float(np.mean(self.later(self.loss, 0.1)))

    @property
    def fall(self) -> float:
        """The share of the first loss by which the loss fell."""
        return 1 - self.level / self.start if self.start > 0 else 0.0

    @property
    def noise(self) -> float:
        """The standard deviation of the loss around its trend in the second half, over its level."""
        steps = np.diff(self.later(self.loss, 0.5))
        return float(np.std(steps) / np.sqrt(2) / max(abs(self.level), 1e-30)) if len(steps) else 0.0

    @property
    def last_quarters(self) -> tuple[float, float]:
        """The mean loss of the third quarter of the steps, and of the last one."""
        quarter = self.end // 4
        return float(np.mean(self.loss[-2 * quarter : -quarter])), float(np.mean(self.loss[-quarter:]))

    def uncertainty(self, steps: int) -> float:
        """Three standard errors of the difference of two means of the loss over so many steps."""
        return 3 * self.noise * abs(self.level) * float(np.sqrt(2 / max(1, steps)))

    def later(self, series: Series, share: float) -> Series:
        """The last steps of a series."""
        return series[-max(1, round(share * len(series))) :]


def usual_around(norms: Series) -> Series:
    """The larger one of the medians of the ten steps before and after each step."""
    padded = np.concatenate([norms[:_AROUND][::-1], norms, norms[-_AROUND:][::-1]])
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, _AROUND), axis=-1)
    return np.maximum(medians[: len(norms)], medians[_AROUND + 1 : _AROUND + 1 + len(norms)])


def rolling(series: Series, width: int) -> Series:
    """The median of each window of so many steps, up to each step; of fewer at the beginning."""
    padded = np.concatenate([np.full(width - 1, series[0]), series])
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=-1)
