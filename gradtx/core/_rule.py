"""Rules: transformations that work leaf by leaf."""

from collections.abc import Callable, Iterable
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gradtx.core._annotations import OptState, Params, Updates
from gradtx.core._compiling import OPTION, call
from gradtx.core._counts import safe_increment, zero_count
from gradtx.core._fields import is_static
from gradtx.core._leaf import NUMBER, Leaf
from gradtx.core._transformation import GradientTransformation
from gradtx.tree import leaf_options, map_leaves, state_like


class Rule(GradientTransformation, abstract=True):
    r"""A transformation that works leaf by leaf: one function of one leaf, and numbers made once a step.

    A subclass declares its fields, names its state in the class line, and defines `leaf`:

        class first_moment(Rule, state=FirstMomentState):
            decay: Number = decay_factor(default=0.9)

            class Once(NamedTuple):
                c: Array

            def once(self):
                return self.Once(complement(self.decay))

            def leaf(self, once, g, mu):
                mu = interpolate(mu, g, once.c)
                return mu, mu

    `leaf(self, once, g, *arrays, p)` returns the new update, followed by the new value of each state array.
    Its arguments are in the arithmetic dtype, which is the widest among the arrays and at least float32:

    - `self` is the rule, with its numbers as scalars in this dtype and its options as Python values. An
      option that differs between leaves, such as a mask, has the value for this leaf.
    - `once` is the result of the method `once`, with its numbers in this dtype. A rule without this method
      has no such argument.
    - `g` is the update; a rule may give it another name.
    - The arrays of the state follow under their field names.
    - `p`, the parameter, follows in a rule with `needs=("params",)`.

    `once(self, ...)` returns a named tuple of numbers that are the same for every leaf. It takes any of these
    by name: the numbers of the state, of which the count already includes this update; the whole trees
    `updates` and `params`; and the extra arguments in `needs`. A concrete number of `self` is a Python number
    in this method. The new value of a number of the state, except the count, is the entry of its name in the
    result. A Python boolean in the result is an option of `leaf`, and must depend on the fields alone.

    The state begins with counts of 0 and with zeros shaped as the parameters, in float32 or wider, or in the
    dtype of a field declared by `storage_dtype(of=...)`. A class whose state begins otherwise defines `init`.

    All leaves of one shape share one trace of `leaf`. Outside of `jax.jit` the numbers take one compiled
    call, and each leaf takes one.

    Class keywords, besides those of `GradientTransformation`:
      numbers: the fields of the state that are numbers, the count first; by default `count`, if there is one.
      counts: the counts among them, if there are more than the first, or none.
      same_shape: whether each array of the state has the shape of its parameter.
      real: the arrays of the state that are real for a complex parameter, as averages of squares are.
      optional: the arrays of the state that a leaf may lack. A `MaskedNode` stands in the place of such an
        array and stays there; `leaf` gets `None`.
      squares: whether `leaf` squares the update. A finite element of it then counts as at most 2^63 in
        float32, in everything that `leaf` computes: its square is finite, and a quotient of moments is as
        without this bound. An infinite one is NaN in the result. With `"averaged"` it is NaN for `leaf`
        already, and stays in the state: so a result that is computed from averages alone need not read the
        update for this.
    """

    _arrays: ClassVar[tuple[str, ...]] = ()
    _array_names: ClassVar[tuple[str, ...]] = ()
    _count: ClassVar[str | None] = None
    _state_numbers: ClassVar[tuple[str, ...]] = ()
    _once_takes: ClassVar[tuple[str, ...] | None] = None
    _same_shape: ClassVar[bool] = True
    _optional: ClassVar[tuple[int, ...]] = ()
    _real: ClassVar[tuple[str, ...]] = ()
    _dtypes: ClassVar[dict[str, str]] = {}
    _field_numbers: ClassVar[tuple[str, ...]] = ()
    _squares: ClassVar[bool | Literal["averaged"]] = False

    if TYPE_CHECKING:

        def once(self, *args: Any, **kwargs: Any) -> Any: ...
        def leaf(self, *args: Any, **kwargs: Any) -> Any: ...

    @classmethod
    def _declare(
        cls,
        *,
        numbers: tuple[str, ...] = ("count",),
        same_shape: bool = True,
        real: tuple[str, ...] = (),
        optional: tuple[str, ...] = (),
        squares: bool | Literal["averaged"] = False,
        counts: tuple[str, ...] | None = None,
        **keywords: Any,
    ) -> None:
        if "once" in cls.__dict__:
            cls._once_takes = tuple(signature(cls.once).parameters)[1:]
            cls.couples_leaves = cls.couples_leaves or "updates" in cls._once_takes
        super()._declare(counts=counts or (), **keywords)
        fields = max((kind._fields for kind in cls._states), key=len, default=())
        cls._state_numbers = tuple(name for name in numbers if name in fields)
        cls._counts = cls._state_numbers[:1] if counts is None else counts
        cls._count = next(iter(cls._counts), None)
        cls._arrays = tuple(name for name in fields if name not in numbers)
        cls._same_shape, cls._squares = same_shape, squares
        cls._array_names = tuple(f"{name} of {cls.__name__}" for name in cls._arrays)
        cls._field_numbers = tuple(field.name for field in cls._fields if not is_static(field))
        stored = {field.metadata.get("stores"): field.name for field in cls._fields}
        cls._dtypes = {array: name for array, name in stored.items() if array}
        if not cls._abstract:
            cls._check_declarations(numbers)
            cls._check_arrays(optional=optional, real=real, storage_dtype=cls._dtypes)
        cls._real, cls._optional = real, tuple(map(cls._arrays.index, optional))

    @classmethod
    def _check_arrays(cls, **declared: Iterable[str]) -> None:
        """Checks that what is declared of arrays names arrays of the state."""
        for keyword, names in declared.items():
            if unknown := [name for name in names if name not in cls._arrays]:
                raise TypeError(
                    f"{cls.__name__}: {keyword} names {unknown[0]!r}, which is no array of the state; they "
                    f"are {', '.join(cls._arrays) or 'none'}."
                )

    @classmethod
    def _check_declarations(cls, numbers: tuple[str, ...]) -> None:
        """Checks that `leaf` and `once` agree with the declared state and needs."""
        for kind in cls._states:
            if tuple(name for name in kind._fields if name not in numbers) != cls._arrays:
                raise TypeError(f"{cls.__name__}: {kind.__name__} must have the arrays {cls._arrays}.")
        others = [name for name in cls._state_numbers if name not in cls._counts]
        if others and cls.init is GradientTransformation.init:
            raise TypeError(f"{cls.__name__}: define init, with the first value of {others[0]!r}.")
        known = {*cls._state_numbers, "updates", "params", *cls._own_needs}
        if unknown := [name for name in cls._once_takes or () if name not in known]:
            raise TypeError(
                f"{cls.__name__}.once takes {unknown[0]!r}, which is neither a number of the state nor in "
                f"needs. It can take {', '.join(sorted(known))}."
            )
        first = ("self", "once") if cls._once_takes is not None else ("self",)
        last = (*cls._arrays, *(("p",) if "params" in cls._own_needs else ()))
        got = tuple(signature(cls.leaf).parameters) if hasattr(cls, "leaf") else ()
        if got[: len(first)] != first or got[len(first) + 1 :] != last:
            expected = ", ".join((*first, "g", *last))
            raise TypeError(f"{cls.__name__}: define leaf({expected}), got leaf({', '.join(got)}).")

    def _first_state(self, params: Params) -> OptState:
        if not self._states:
            return super()._first_state(params)
        counts = {name: zero_count() for name in self._counts}
        arrays = {
            name: state_like(params, self._storage_dtype(name), real=name in self._real)
            for name in self._arrays
        }
        return self._states[0](**counts, **arrays)

    def _storage_dtype(self, array: str) -> Any:
        return self.__dict__[self._dtypes[array]] if array in self._dtypes else None

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        once, numbers = self._made_once(updates, state, params, extra)
        function, scalars = self._leaf_function(once)
        if self._varying:
            function, options = self._at_each_leaf(function, updates, params)
        else:
            options = None
        results = map_leaves(
            function,
            updates,
            state=[getattr(state, name) for name in self._arrays],
            numbers=scalars,
            options=options,
            same_shape=self._same_shape,
            optional=self._optional,
            state_names=self._array_names,
            **({"params": params} if "params" in self._own_needs else {}),
        )
        if not self._states:
            return results, state
        updates, *arrays = results if self._arrays else (results,)
        return updates, state._replace(**numbers, **dict(zip(self._arrays, arrays, strict=True)))

    def _leaf_function(self, once: Any) -> tuple[Leaf, list[Any]]:
        """The leaf function, and the numbers that it takes: those of the fields and those of `once`."""
        scalars = [self.__dict__[name] for name in self._field_numbers]
        if once is None:
            return Leaf(type(self), self._options, self._field_numbers, None), scalars
        kept = tuple([entry if isinstance(entry, OPTION) else NUMBER for entry in once])
        scalars += [entry for entry, option in zip(once, kept, strict=True) if option is NUMBER]
        return Leaf(type(self), self._options, self._field_numbers, type(once), kept), scalars

    def _at_each_leaf(
        self, function: Leaf, updates: Updates, params: Params
    ) -> tuple[Callable[..., Any], list[Any] | None]:
        """The leaf function for the options of each leaf, and these options."""
        found = {
            name: find(self.__dict__[name], updates, params, f"{type(self).__name__}: {name}")
            for name, find in self._varying.items()
        }
        trees = {name: tree for name, tree in found.items() if tree is not None}
        common = function.at([name for name in found if name not in trees], [True] * len(found))
        if not trees:
            return common, None
        return lambda own: common.at(trees, own), leaf_options(updates, *trees.values())

    def _made_once(
        self, updates: Updates, state: OptState, params: Params, extra: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """The result of `once`, and the new numbers of the state."""
        takes = self._once_takes
        if not (takes or self._state_numbers):
            return None if takes is None else self.once(), {}
        numbers = {name: getattr(state, name) for name in self._state_numbers if name in state._fields}
        whole = {"updates": updates, "params": params, **extra}
        given = {name: whole[name] for name in takes or () if name in whole}
        return call(_make_once, self, numbers, given)

    @cached_property
    def _options(self) -> tuple[tuple[str, type, Any], ...]:
        """The options that are the same for every leaf, with their types, which distinguish `True` from 1."""
        held = [(field.name, self.__dict__[field.name]) for field in self._fields if is_static(field)]
        return tuple((name, type(value), value) for name, value in held if name not in self._varying)

    @cached_property
    def _varying(self) -> dict[str, Any]:
        """For each option that differs between leaves, the function that returns its values."""
        return {field.name: field.metadata["at"] for field in self._fields if "at" in field.metadata}


def _make_once(rule: Rule, numbers: dict[str, Any], given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The result of `rule.once`, and the numbers of the next state."""
    numbers = dict(numbers)
    if rule._count in numbers:
        numbers[rule._count] = safe_increment(numbers[rule._count])
    if rule._once_takes is None:
        return None, numbers
    once = rule.once(**{name: (numbers | given).get(name) for name in rule._once_takes})
    return once, {name: old if name == rule._count else getattr(once, name) for name, old in numbers.items()}
