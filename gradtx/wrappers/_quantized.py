"""A state in fewer bits."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
from jax import Array
from jax.tree_util import GetAttrKey, keystr, tree_flatten_with_path

from gradtx.arithmetic import AxisName
from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    Wrapper,
    nested,
    safe_increment,
    static,
    zero_count,
)
from gradtx.formats import (
    Format,
    Stored,
    decoded,
    int8,
    is_stored,
    salts,
    uint8,
)
from gradtx.selection import Mask, as_mask, label_at, mask_selection, names_of
from gradtx.tree import (
    Frozen,
    Key,
    Path,
    as_key,
    first_words,
    is_called,
    is_inexact,
    is_placeholder,
    listed,
    nodes,
)
from gradtx.wrappers._draws import AXES, KEY, own_salt

DEFAULT_FORMATS = {"mu": int8(), "nu": uint8(), "trace": int8()}
SIGNED = ("mu", "trace")


class QuantizedState(NamedTuple):
    """The state of `quantized`: the updates so far, the words of the key, and the inner state."""

    count: Any
    rng_key: Any
    inner_state: OptState


def as_formats(formats: Mapping[str, Format] | Frozen | None) -> Frozen | None:
    """Formats by the names of fields, in a form that can be hashed.

    Raises:
      TypeError: for anything else than a dictionary of formats.
      ValueError: for a format without negative numbers for an average that has them.
    """
    if formats is None:
        return None
    given = formats.tree if isinstance(formats, Frozen) else formats
    if not isinstance(given, Mapping) or not all(isinstance(one, Format) for one in given.values()):
        raise TypeError(f'must be a dictionary such as {{"mu": gradtx.formats.int8()}}, got {given!r}.')
    for name, one in given.items():
        if name.rpartition(".")[2] in SIGNED and not one.signed:
            raise ValueError(f"{name} has negative numbers, which {one} cannot store; take formats.int8().")
    return Frozen(dict(given))


class quantized(Wrapper, state=QuantizedState, counts=("count",), elementwise=False):
    r"""Stores arrays of the state of any transformation in fewer bits.

    $$u_t,\, s_t = T(g_t,\, \operatorname{decode}(c_{t-1})), \qquad c_t = \operatorname{encode}(s_t)$$

    AdamW keeps 2.03 bytes a parameter in place of 8. **The memory of a step is another matter**: inside one
    `jax.jit` XLA decodes whole arrays, and needs more temporaries than the state saves. `Stepper` runs each
    leaf in a loop over slices, and needs those of one slice; see `memory`.

    An array is stored if its field has a format and it has at least `min_size` numbers, and, in a format of
    blocks, a last axis of at least 16. A `Stored` stands in its place, with the shape of the array, so that
    it is split over devices as the parameter is. The other arrays stay as they are, and with them integers,
    complex numbers and arrays of 64 bits. `tree.get` reads decoded arrays; `unquantized(state)` is the state
    of the inner transformation.

    A stochastic format draws from a hash of the key, the number of this update, the array and the place in
    it. An update that `accumulate` or `guard` around this transformation leaves out stores nothing.

    `init` makes the inner state first. Under `jax.jit` it is never in memory as a whole.

    **State**: `QuantizedState(count, rng_key, inner_state)`: an int32 scalar, the words of the key, and the
    inner state with its stored arrays.

    **Raises** `ValueError` at `init` for a name in `formats` that the state does not have, and `TypeError`
    for codes that were cast.

    **Reference**: Dettmers et al. (2022), *8-bit Optimizers via Block-wise Quantization*, arXiv:2110.02861,
    for state in blocks of 8 bits and for the least size. The formats are those of `gradtx.formats`.

    >>> import jax.numpy as jnp
    >>> from gradtx import adam, tree
    >>> tx = quantized(adam(0.1))
    >>> state = tx.init(jnp.zeros((64, 256)))
    >>> state.inner_state[0].nu
    Stored(uint8[64,256], float32[64,1], format=formats.uint8(), dtype=float32)
    >>> _, state = tx.update(jnp.full((64, 256), 2.0), state)
    >>> tree.get(state, "nu")[0, :2]  # 0.001 times 4
    Array([0.004, 0.004], dtype=float32)
    """

    inner: GradientTransformation = nested(state="inner_state", doc="the transformation $T$")
    formats: Any = static(
        default=None,
        convert=as_formats,
        doc=(
            "a dictionary from the names of fields of the state, or ends of their paths as in `tree.get`, to "
            "formats. By default `mu` and `trace` are `formats.int8()` and `nu` is `formats.uint8()`, where "
            "the state has them"
        ),
    )
    min_size: int = static(default=4096, low=0, doc="the least size of an array that is stored")
    mask: Mask = static(
        default=None,
        convert=as_mask,
        doc="a mask of the parameters whose arrays are stored, as in `masked`; `None` selects all",
    )
    key: Key = static(default=0, convert=as_key, doc=KEY)
    axis_name: AxisName = static(default=None, kw_only=True, doc=AXES)

    def init(self, params: Params) -> QuantizedState:
        stored = self._first_stored(self.inner.init(params), params)
        return QuantizedState(zero_count(), first_words(self.key), stored)

    def apply(
        self, updates: Updates, state: QuantizedState, params: Params = None, **extra: Any
    ) -> tuple[Updates, QuantizedState]:
        old = state.inner_state
        updates, new = self.update_part(self.inner, updates, _decoded_at_once(old), params, **extra)
        drawn = sum(map(_draws, jax.tree.leaves(old, is_leaf=_is_whole)))
        each = salts(state.count, state.rng_key, drawn) if drawn else []
        stored = _stored_as(old, new, iter(each), self.axis_name)
        return updates, QuantizedState(safe_increment(state.count), state.rng_key, stored)

    def evaluation_params(self, state: QuantizedState, params: Params) -> Params:
        return super().evaluation_params(state._replace(inner_state=decoded(state.inner_state)), params)

    def selections(self, params: Params) -> Iterator[tuple[str, Any]]:
        if self.mask is not None:
            yield type(self).__name__, mask_selection(self.mask, params, _MASK).over(params)

    def _first_stored(self, state: OptState, params: Params) -> OptState:
        """The first state of the inner transformation, with the arrays stored that have a format."""
        formats = DEFAULT_FORMATS if self.formats is None else self.formats.tree
        selected = None if self.mask is None else _labels(mask_selection(self.mask, params, _MASK), params)
        leaves, treedef = tree_flatten_with_path(state, is_leaf=lambda x: is_placeholder(x) or is_stored(x))
        for index, (path, leaf) in enumerate(leaves):
            name, rest = _field(path, formats)
            if name and (selected is None or label_at(selected, names_of(rest)) is True):
                leaves[index] = path, self._stored(leaf, formats[name])
        if self.formats is not None:
            _refuse_unknown(formats, [path for path, _ in nodes(state)])
        return treedef.unflatten([leaf for _, leaf in leaves])

    def _stored(self, leaf: Any, form: Format) -> Any:
        """An array in this format; as it is if it is small, stored, complex, of integers or of 64 bits."""
        # No complex number has as few bits.
        real = not is_stored(leaf) and is_inexact(leaf) and leaf.dtype.itemsize <= 4
        large = real and leaf.size >= self.min_size and form.takes(leaf.shape)
        return _encoded(leaf, None, form) if large else leaf


_MASK = "quantized: mask"


def unquantized(state: OptState) -> OptState:
    """A state with every stored array decoded, and with the inner state in the place of a `QuantizedState`.

    It is the state of the optimizer without `quantized`. `carry` goes the other way.

    Args:
      state: the state of an optimizer with `quantized` anywhere in it.

    >>> import jax.numpy as jnp
    >>> from gradtx import trace
    >>> unquantized(quantized(trace(0.9), min_size=0).init(jnp.zeros(16))).trace.dtype
    dtype('float32')
    """

    def inner(node: Any) -> Any:
        return unquantized(node.inner_state) if isinstance(node, QuantizedState) else node

    return decoded(
        jax.tree.map(inner, state, is_leaf=lambda node: isinstance(node, QuantizedState) or is_stored(node))
    )


def _field(path: Path, formats: Mapping[str, Format]) -> tuple[str, Path]:
    """The name in `formats` of the outermost field on a path that has one, and the path inside of it."""
    for length, entry in enumerate(path, 1):
        if isinstance(entry, GetAttrKey):
            for name in formats:
                if is_called(path[:length], name):
                    return name, path[length:]
    return "", ()


def _refuse_unknown(formats: Mapping[str, Format], paths: list[Path]) -> None:
    for name in formats:
        if not any(is_called(path, name) for path in paths):
            fields = {path[-1].name for path in paths if path and isinstance(path[-1], GetAttrKey)}
            raise ValueError(
                f"quantized: the state has no field {name!r}. It has {listed(sorted(fields), most=8)}."
            )


def _labels(selection: Any, params: Params) -> dict[Any, Any]:
    labels = tree_flatten_with_path(selection.over(params))[0]
    return {names_of(path): label for path, label in labels}


def _draws(node: Any) -> bool:
    """Whether a node of a state is a stored array that is rounded by random bits."""
    return is_stored(node) and node.format.random


def _stored_as(old: OptState, new: OptState, salt_of: Iterator[Array], axis_name: AxisName) -> OptState:
    """`new` with each array stored that is in `old`."""

    def stored(before: Any, after: Any) -> Any:
        if not is_stored(before):
            return after
        salt = own_salt(next(salt_of), after, axis_name) if _draws(before) else None
        return _encoded(after.astype(before.dtype), salt, before.format)

    return jax.tree.map(stored, old, new, is_leaf=_is_whole)


def _is_whole(node: Any) -> bool:
    """Whether a node of a state is a stored array, or the state of a `quantized` inside this one."""
    return is_stored(node) or isinstance(node, QuantizedState)


@partial(jax.jit, static_argnums=2)
def _encoded(x: Array, salt: Array | None, form: Format) -> Stored:
    return form.encode(x, salt)


@jax.jit
def _decoded(stored: Stored) -> Array:
    return stored.decode()


def _decoded_at_once(state: OptState) -> OptState:
    """A state with every stored array decoded, in one compiled call each.

    Raises:
      TypeError: for codes that were cast, naming their place.
    """
    leaves, treedef = tree_flatten_with_path(state, is_leaf=_is_whole)
    for path, leaf in leaves:
        if is_stored(leaf):
            leaf.check(keystr(path))
    return treedef.unflatten([_decoded(leaf) if is_stored(leaf) else leaf for _, leaf in leaves])
