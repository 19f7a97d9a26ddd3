"""The declarations in the class line of a transformation, checked when the class is made."""

from collections.abc import Iterable
from typing import Any, ClassVar

from gradtx.core._state_table import displayed
from gradtx.core._value import Value

ROLES = ("normalizes", "clips", "decays", "rate", None)
"""The parts that a transformation may play in an optimizer."""


class Declared(Value):
    """A value whose class declares its state and its needs; see `GradientTransformation` for the keywords.

    A class inherits the keywords of its abstract base that it does not give.
    """

    _keywords: ClassVar[dict[str, Any]] = {}
    _abstract: ClassVar[bool] = True
    _own_needs: ClassVar[frozenset[str]] = frozenset()
    _check: ClassVar[str | None] = "shapes"
    _wide: ClassVar[bool] = False
    _counts: ClassVar[tuple[str, ...]] = ()
    _states: ClassVar[tuple[type[Any], ...]] = ()
    _elementwise: ClassVar[bool] = True

    role: ClassVar[str | None] = None
    """The part that the transformation plays in an optimizer: one of the class keywords, or `None`."""

    couples_leaves: ClassVar[bool] = False
    """Whether the update of a leaf depends on other leaves, as with a global norm."""

    finds_rate: ClassVar[str] = ""
    """The way in which the transformation finds the size of its steps itself; empty if a rate is chosen."""

    def __init_subclass__(cls, *, abstract: bool = False, **keywords: Any) -> None:
        super().__init_subclass__()
        if not abstract:
            cls._check_bases()
        cls._abstract = abstract
        cls._keywords = {**cls._keywords, **keywords}
        cls._declare(**cls._keywords)

    @classmethod
    def _declare(
        cls,
        *,
        state: type[Any] | tuple[type[Any], ...] = (),
        needs: Iterable[str] = (),
        check: str | None = "shapes",
        wide: bool = False,
        role: str | None = None,
        elementwise: bool = True,
        counts: tuple[str, ...] = (),
    ) -> None:
        cls._states = state if isinstance(state, tuple) else (state,)
        cls._check_keywords(needs, check, role, counts)
        for kind in cls._states:
            displayed(kind)
        cls._own_needs = frozenset(needs)
        cls._check = check
        cls._wide = wide
        cls._counts = counts
        cls.role = role
        over_axes = any(field.name == "axis_name" for field in cls._fields)
        cls._elementwise = elementwise and not over_axes and cls.couples_leaves is not True

    @classmethod
    def _check_bases(cls) -> None:
        base = cls.__mro__[1]
        if not (issubclass(base, Declared) and base._abstract):
            raise TypeError(
                f"{cls.__name__}: transformations are final. Share functions of arrays, or wrap the other "
                f"transformation in a nested() field, instead of subclassing {base.__name__}."
            )
        if "update" in cls.__dict__:
            raise TypeError(f"{cls.__name__}: define apply, which update calls after its checks.")
        if not hasattr(cls, "_nested_fields") and any(field.metadata.get("nested") for field in cls._fields):
            raise TypeError(
                f"{cls.__name__}: a transformation with nested() fields is a Wrapper: subclass that."
            )

    @classmethod
    def _check_keywords(
        cls, needs: Iterable[str], check: str | None, role: str | None, counts: tuple[str, ...]
    ) -> None:
        if isinstance(needs, str):
            raise TypeError(f"{cls.__name__}: needs must be a tuple of names, as in needs=({needs!r},).")
        if check not in ("shapes", "structure", None):
            raise ValueError(f"{cls.__name__}: check must be 'shapes', 'structure' or None, got {check!r}.")
        if role not in ROLES:
            raise ValueError(f"{cls.__name__}: role must be one of {ROLES}, got {role!r}.")
        for kind in cls._states:
            if not hasattr(kind, "_fields"):
                raise TypeError(f"{cls.__name__}: state must be a class of named tuples, got {kind!r}.")
        fields = {name for kind in cls._states for name in kind._fields}
        for name in counts:
            if name not in fields:
                raise TypeError(
                    f"{cls.__name__}: counts names {name!r}, which is no field of the state; they are "
                    f"{', '.join(sorted(fields)) or 'none'}."
                )
