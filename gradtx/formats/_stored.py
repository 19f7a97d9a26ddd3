"""A stored array: codes and scales in the place of an array."""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import GetAttrKey, register_pytree_with_keys_class


@register_pytree_with_keys_class
class Stored:
    """The codes of an array, which stand in its place in a state.

    It is a pytree of the codes and the scales, with the shape and the dtype of the array that it stands for.
    `jax.tree.map` reaches the codes, of which arithmetic makes no sense: call `decode` first.

    Args:
      codes: the codes, in the shape of the array.
      scales: the scale of each block of codes, or `None` for a format without scales.
      format: the format.
      dtype: the dtype of the array.

    >>> import jax.numpy as jnp
    >>> stored = int8().encode(jnp.linspace(-1.0, 1.0, 5))
    >>> stored
    Stored(int8[5], float32[1], format=formats.int8(), dtype=float32)
    >>> stored.decode()[:2]  # the code of -1/2 is -85, and 85 / (254 - 85) is 0.503
    Array([-1.       , -0.5029586], dtype=float32)
    """

    def __init__(self, codes: Any, scales: Any, format: Any, dtype: Any):
        self.codes, self.scales, self.format, self.dtype = codes, scales, format, dtype
        _tell_flax()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.codes.shape

    @property
    def ndim(self) -> int:
        """The number of axes of the array."""
        return self.codes.ndim

    @property
    def nbytes(self) -> int:
        """The bytes of the codes and the scales."""
        return sum(leaf.size * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(self))

    def decode(self) -> Array:
        """The array, in its dtype.

        Raises:
          TypeError: for codes that were cast to another dtype.
        """
        self.check()
        return self.format.decode(self)

    def encode(self, x: Array, salt: Array | None = None) -> "Stored":
        """Another array in the same format.

        Args:
          x: the array.
          salt: a uint32 number, for a stochastic format.
        """
        return self.format.encode(x.astype(self.dtype), salt)

    def check(self, name: str = "") -> None:
        """Refuses codes that were cast.

        Args:
          name: the place of the array in a state.

        Raises:
          TypeError: for codes of another dtype than that of the format.
        """
        expected = self.format.code_dtype
        if self.codes.dtype != expected:
            raise TypeError(
                f"The codes{name and ' at '}{name} are {self.codes.dtype}, and those of {self.format} are "
                f"{np.dtype(expected)}.\nA cast of the whole state changes the codes: cast "
                "unquantized(state) instead, or leave the state as it is."
            )

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        children = (GetAttrKey("codes"), self.codes), (GetAttrKey("scales"), self.scales)
        return children, (self.format, self.dtype)

    def tree_flatten(self) -> tuple[Any, Any]:
        return (self.codes, self.scales), (self.format, self.dtype)

    @classmethod
    def tree_unflatten(cls, data: Any, children: Any) -> "Stored":
        return cls(*children, *data)

    def __eq__(self, other: object) -> bool:
        """Whether all parts are equal, as for a named tuple: for trees of shapes or of names."""
        if not isinstance(other, Stored):
            return NotImplemented
        own = self.format, self.dtype, self.codes, self.scales
        return own == (other.format, other.dtype, other.codes, other.scales)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        arrays = [self.codes] + [self.scales] * (self.scales is not None)
        spelled = ", ".join(map(_spelled, arrays))
        return f"{type(self).__name__}({spelled}, format={self.format}, dtype={np.dtype(self.dtype)})"


def is_stored(node: Any) -> bool:
    """Whether a node of a tree is a stored array."""
    return isinstance(node, Stored)


def decoded(tree: Any) -> Any:
    """A tree with the array in the place of each stored one.

    Args:
      tree: any tree, such as a state.
    """
    if not any(map(is_stored, jax.tree.leaves(tree, is_leaf=is_stored))):
        return tree  # itself
    return jax.tree.map(lambda node: node.decode() if is_stored(node) else node, tree, is_leaf=is_stored)


def stored_as(old: Any, new: Any) -> Any:
    """`new`, with its arrays encoded where `old` has stored ones.

    Args:
      old: any tree.
      new: the tree for its place; one of another structure stays as it is.
    """
    if not any(map(is_stored, jax.tree.leaves(old, is_leaf=is_stored))):
        return new
    places, treedef = jax.tree.flatten(old, is_leaf=is_stored)
    try:
        values = treedef.flatten_up_to(new)
    except (ValueError, TypeError, KeyError):
        return new
    pairs = zip(places, values, strict=True)
    return treedef.unflatten([p.encode(v) if is_stored(p) and not is_stored(v) else v for p, v in pairs])


def _spelled(array: Any) -> str:
    if not hasattr(array, "shape"):
        return repr(array)
    return f"{np.dtype(array.dtype)}[{','.join(map(str, jnp.shape(array)))}]"


def _tell_flax() -> None:
    """Registers the class with Flax's serialization, once Flax is imported."""
    flax = sys.modules.get("flax.serialization")
    if flax is None or _told:
        return
    _told.append(flax)

    def to_dict(stored: Stored) -> dict[str, Any]:
        return {name: getattr(stored, name) for name in ("codes", "scales")}

    def from_dict(stored: Stored, state: dict[str, Any]) -> Stored:
        return Stored(state["codes"], state["scales"], stored.format, stored.dtype)

    flax.register_serialization_state(Stored, to_dict, from_dict)


_told: list[Any] = []
