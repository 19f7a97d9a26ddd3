"""The leaf function of a rule: a function of arrays and numbers that is the key of its compiled program."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from gradtx.arithmetic import bounded, visible

NUMBER = object()
"""Stands for a number among the options of a step: it is passed with each call."""


class Leaf(NamedTuple):
    """The leaf function of a rule with its options: hashable, as the key of its program."""

    rule: type[Any]
    options: tuple[tuple[str, type, Any], ...]
    numbers: tuple[str, ...]
    once: type[Any] | None
    once_options: tuple[Any, ...] = ()

    def at(self, names: Iterable[str], values: Sequence[Any]) -> "Leaf":
        """This function for a leaf with these values of the options `names`."""
        own = tuple((name, type(value), value) for name, value in zip(names, values, strict=False))
        return self._replace(options=self.options + own)

    def __call__(self, *args: Any) -> Any:
        numbers = len(self.numbers) + self.once_options.count(NUMBER)
        (update, *arrays), scalars = args[: len(args) - numbers], iter(args[len(args) - numbers :])
        rule = object.__new__(self.rule)
        rule.__dict__.update({name: value for name, _, value in self.options})
        rule.__dict__.update({name: next(scalars) for name in self.numbers})
        first = self._bounded(update)
        if self.once is None:
            results = rule.leaf(first, *arrays)
        else:
            entries = (next(scalars) if option is NUMBER else option for option in self.once_options)
            results = rule.leaf(self.once(*entries), first, *arrays)
        return self._with_faults(results, update) if self.rule._squares is True else results

    def _bounded(self, update: Any) -> Any:
        """The update as `leaf` gets it: its square is finite."""
        first = bounded(update) if self.rule._squares else update
        return visible(first, update) if self.rule._squares == "averaged" else first

    def _with_faults(self, results: Any, update: Any) -> Any:
        """The results of `leaf` for the bounded update, in which an infinite element is visible."""
        if not self.rule._arrays:
            return visible(results, update)
        return visible(results[0], update), *results[1:]

    @property
    def __name__(self) -> str:
        return self.rule.__name__
