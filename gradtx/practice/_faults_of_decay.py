"""Faults of weight decay: a mask that decays normalizations, or leaves out matrices."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradtx.core import Finding, Schedule, all_in, fields_of, walk_with
from gradtx.practice._edits import Edit, with_usual_mask
from gradtx.practice._signs import Signs
from gradtx.rules import add_decayed_weights
from gradtx.selection import except_bias_norm_embedding, mask_at
from gradtx.tree import is_called

_MATERIAL = 0.1
"""The share of its weights that the decay took from a leaf, below which its mask does not matter."""

_SHRUNK = 0.6
"""The scales of normalizations over their first size, below which they count as decayed."""


def decay_masks(signs: Signs) -> Iterator[Finding]:
    """A decay that reaches normalizations and biases, or that leaves out some matrices."""
    scales = signs.series("scale_rms")
    scales = np.ones(2) if scales is None or not len(scales) else scales
    evidence: Any = (("scale_rms", f"{scales[0]:.3g}, then {scales[-1]:.3g}"),)
    if signs.tx is None or signs.params is None:
        if scales[-1] < _SHRUNK * scales[0]:
            yield _on_norms(evidence)
        return
    lost = _lost(signs)
    if lost < _MATERIAL:
        return
    decays, usual = _decays(signs), jax.tree.leaves(except_bias_norm_embedding(signs.params))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(signs.params)]
    spared = [path for path, yes, ought in zip(paths, decays, usual, strict=True) if ought and not yes]
    vectors = [np.ndim(leaf) < 2 for leaf in jax.tree.leaves(signs.params)]
    wrong = [path for path, yes, vector in zip(paths, decays, vectors, strict=True) if yes and vector]
    evidence = (("decay", f"takes {lost:.0%} of a weight in this training"), *evidence)
    if spared and any(decays):
        yield _wrong_mask(spared, (*evidence, ("without decay", ", ".join(spared[:3]))))
    elif wrong:
        yield _on_norms((*evidence, ("with decay", ", ".join(wrong[:3]))))


def _decays(signs: Signs) -> list[bool]:
    """Whether each leaf decays, in the order of the leaves."""
    assert signs.tx is not None
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(signs.params)]
    found = dict.fromkeys(paths, False)
    for _, part, own in walk_with(signs.tx, signs.params):
        if isinstance(part, add_decayed_weights):
            mask = mask_at(part.mask, own, own, "diagnose: mask")
            labels = jax.tree.map(lambda _: True, own) if mask is None else mask
            found |= {
                path: found[path] or bool(yes) for path, yes in jax.tree_util.tree_leaves_with_path(labels)
            }
    return [found[path] for path in paths]


def _lost(signs: Signs) -> float:
    """The share of a weight that decay takes in these steps, by the rates and the decays of the optimizer."""
    assert signs.tx is not None
    decays = [part.weight_decay for part in all_in(signs.tx) if isinstance(part, add_decayed_weights)]
    rates = [held for path, held in fields_of(signs.tx) if is_called(path, "learning_rate")]
    if not decays or not rates:
        return 0.0
    strength = [
        np.max([np.abs(_values(x, signs.end)) for x in numbers], axis=0) for numbers in (decays, rates)
    ]
    return float(1 - np.exp(-np.sum(strength[0] * strength[1])))


def _values(number: Any, steps: int) -> Any:
    """A number, or the values of a schedule, at each step."""
    if isinstance(number, Schedule):
        return np.asarray(jax.jit(jax.vmap(number))(jnp.arange(steps)), float)
    return np.full(steps, float(number))


def _on_norms(evidence: Any) -> Finding:
    return Finding(
        "decay-on-norms",
        "",
        "weight decay shrinks the scales of normalizations, or biases.",
        "Give the decay the mask except_bias_norm_embedding.",
        "the decay has no mask, or one that selects them.",
        evidence,
        Edit(with_usual_mask),
    )


def _wrong_mask(spared: list[str], evidence: Any) -> Finding:
    return Finding(
        "wrong-mask",
        spared[0],
        f"{len(spared)} matrices do not decay, and other leaves do.",
        "Give the decay the mask except_bias_norm_embedding, and look at leaf_table(tx, params).",
        "the mask is the opposite of what is meant, or its pattern misses these paths.",
        evidence,
        Edit(with_usual_mask),
    )
