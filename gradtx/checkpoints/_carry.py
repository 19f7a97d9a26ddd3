"""The state of a changed optimizer, with everything that the state of the old one has for it."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gradtx.checkpoints._names import SCHEDULE_COUNT, Entry, entries
from gradtx.core import OptState, Params, Rule, Table, as_transformation
from gradtx.formats import decoded, is_stored


@dataclasses.dataclass(frozen=True, repr=False)
class Carried:
    """The arrays of a new state that `carry` took from the old one, those that are new, and those left over.

    It prints as a table, with a row for each field of a transformation.

    Args:
      carried: the name of each array in the new state that was carried, with its name in the old one.
      new: the names in the new state of arrays as `init` makes them, and of schedule counts.
      dropped: the names in the old state of arrays without a place in the new one.
    """

    carried: Mapping[str, str]
    new: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def table(self) -> Table:
        """The arrays by what became of them, transformation and field."""
        rows: dict[tuple[str, ...], int] = defaultdict(int)
        for name, old in self.carried.items():
            field, old_field = _field(name), _field(old)
            rows["carried", field, old_field if old_field != field else ""] += 1
        for fate, names in (("new", self.new), ("dropped", self.dropped)):
            for name in names:
                rows[fate, _field(name), ""] += 1
        cells = [(fate, field, str(arrays), old) for (fate, field, old), arrays in rows.items()]
        return Table(("state", "field", "arrays", "from"), cells, right=("arrays",))

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def carry(
    old_state: OptState, old_tx: Any, new_tx: Any, params: Params, count: Any = None
) -> tuple[OptState, Carried]:
    """The state of a changed optimizer, with all that the old one has by transformation and field.

    Clipping before the optimizer, a guard around it, a schedule for a number, another partition: the moments
    stay. Transformations correspond by class: of several of one class, first those with the same
    hyperparameters, then the others in their order. A leaf that moves to another group keeps its arrays. An
    array of another shape is not carried. Each array has the dtype of the new state.

    Args:
      old_state: the state of `old_tx`.
      old_tx: the optimizer that made `old_state`.
      new_tx: the changed optimizer.
      params: the current parameters.
      count: the number of updates so far, for a schedule that the old optimizer does not have. By default it
        is the count of the first rule of the old optimizer that counts.

    Returns:
      The state of `new_tx`, and a value that says, when printed, what was carried, new and dropped.

    Raises:
      ValueError: for a new schedule without a `count` where the old optimizer does not count.

    >>> import jax.numpy as jnp
    >>> from gradtx import adam, chain, clip_by_global_norm, linear_schedule
    >>> params = {"w": jnp.zeros(2), "b": jnp.zeros(())}
    >>> old = adam(0.1)
    >>> _, state = old.update(params, old.init(params))
    >>> new = chain(clip_by_global_norm(1.0), adam(linear_schedule(0.1, 0.0, 100)))
    >>> state, carried = carry(state, old, new, params)
    >>> carried
    state    field                                  arrays  from
    carried  scale_by_adam/count                         1
    carried  scale_by_adam/mu                            2
    carried  scale_by_adam/nu                            2
    new      scale_by_learning_rate/schedule_count       1
    >>> state[1][1].count
    Array(1, dtype=int32)
    """
    old_tx, new_tx = as_transformation(old_tx), as_transformation(new_tx)
    made = new_tx.init(params)
    old, new = entries(old_tx, old_state), entries(new_tx, made)
    partners = _partners(old, new)
    leaves, added = [], []
    for place, entry in enumerate(new):
        partner = partners.get(place)
        if partner is None:
            added.append(entry.name)
        leaves.append(_begun(entry, old, count) if partner is None else _as(partner.leaf, entry.leaf))
    used = {partner.name for partner in partners.values()}
    carried = {new[place].name: partner.name for place, partner in sorted(partners.items())}
    dropped = tuple(entry.name for entry in old if entry.name not in used)
    state = jax.tree.unflatten(jax.tree.structure(made, is_leaf=is_stored), leaves)
    return state, Carried(carried, tuple(added), dropped)


def _partners(old: list[Entry], new: list[Entry]) -> dict[int, Entry]:
    """The entry of the old state for each place of the new state that has one."""
    kinds = _by_kind(old)
    owners = {
        name: other
        for kind, names in _by_kind(new).items()
        for name, other in _paired(names, kinds[kind]).items()
    }
    there = {(entry.owner, entry.path): entry for entry in old}
    partners = {
        place: partner
        for place, entry in enumerate(new)
        if (partner := there.get((owners.get(entry.owner, ""), entry.path))) and _fits(partner, entry)
    }
    used = {partner.name for partner in partners.values()}
    moved: dict[tuple[str, tuple[str, ...]], Entry] = {
        (entry.kind, entry.path): entry for entry in old if entry.name not in used and len(entry.path) > 1
    }
    for place, entry in enumerate(new):
        partner = moved.get((entry.kind, entry.path))
        if place not in partners and partner is not None and _fits(partner, entry):
            partners[place] = moved.pop((entry.kind, entry.path))
    return partners


def _by_kind(named: list[Entry]) -> dict[str, dict[str, str]]:
    """For each class of transformations, their names and their expressions."""
    kinds: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in named:
        kinds[entry.kind][entry.owner] = entry.maker.own_expression()
    return kinds


def _paired(new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
    """The old name for each new one: that with the same expression, else the next in order."""
    found: dict[str, str] = {}
    left = dict(old)
    for name, text in new.items():
        if same := next((one for one, other in left.items() if other == text), None):
            found[name] = same
            del left[same]
    return found | dict(zip([name for name in new if name not in found], left, strict=False))


def _fits(old: Entry, new: Entry) -> bool:
    return jnp.shape(old.leaf) == jnp.shape(new.leaf)


def _as(leaf: Any, like: Any) -> Any:
    if type(leaf) is type(like) and is_stored(leaf) and leaf.format == like.format:
        return leaf
    leaf = decoded(leaf)
    if is_stored(like):
        return like.encode(leaf)
    return leaf if leaf.dtype == like.dtype else leaf.astype(like.dtype)


def _begun(entry: Entry, old: list[Entry], count: Any) -> Any:
    """The array at which an entry without a partner begins."""
    if entry.path != SCHEDULE_COUNT:
        return entry.leaf
    if count is None:
        count = next(
            (one.leaf for one in old if isinstance(one.maker, Rule) and _counts(one)),
            next((one.leaf for one in old if _counts(one)), None),
        )
    if count is None:
        raise ValueError(
            f"carry: {entry.owner} has a schedule, and the old optimizer does not count its updates. "
            "Pass their number: carry(..., count=1000)."
        )
    return jnp.broadcast_to(jnp.asarray(count, entry.leaf.dtype), entry.leaf.shape)


def _counts(entry: Entry) -> bool:
    return entry.path == SCHEDULE_COUNT or (
        entry.path[-1:] == entry.path and entry.path[0] in entry.maker.counts
    )


def _field(name: str) -> str:
    return "/".join(name.split("/")[:2])
