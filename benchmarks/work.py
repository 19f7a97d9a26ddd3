"""The optimizers of the benchmarks, the same from each library."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

import gradtx


def muon(library: Any) -> Any:
    """Muon for the matrices except embeddings, Adam for all other leaves."""
    if library is gradtx:
        return library.muon(1e-3)
    whole = library.contrib.MuonDimensionNumbers()

    def matrices(params: Any) -> Any:
        hidden = gradtx.except_bias_norm_embedding(params)
        return jax.tree.map(lambda routed: whole if routed else None, hidden)

    return library.contrib.muon(1e-3, muon_weight_dimension_numbers=matrices)


WORK: dict[str, Callable[[Any], Any]] = {
    "SGD with momentum": lambda library: library.sgd(1e-2, momentum=0.9),
    "RMSprop": lambda library: library.rmsprop(1e-3),
    "Adam": lambda library: library.adam(1e-3),
    "AdamW": lambda library: library.adamw(1e-3, weight_decay=0.1),
    "clip + AdamW + schedule": lambda library: library.chain(
        library.clip_by_global_norm(1.0),
        library.adamw(
            library.warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=100, decay_steps=1000),
            weight_decay=0.1,
        ),
    ),
    "Lion": lambda library: library.lion(1e-4, weight_decay=0.1),
    "LAMB": lambda library: library.lamb(1e-3, weight_decay=0.1),
    "Adafactor": lambda library: library.adafactor(1e-3),
    "Muon": muon,
}
"""By name, a function from gradtx or Optax, which share their names, to the optimizer."""


# On the deep trees Optax takes minutes to compile these, and the flat tree has no matrix.
NOT_ON = {
    "Muon": ("2 leaves", "resnet", "flat", "500 leaves", "2000 leaves"),
    "LAMB": ("2000 leaves",),
    "Adafactor": ("2000 leaves",),
}


def works(tree: str) -> list[str]:
    """The names of the optimizers for this tree."""
    return [name for name in WORK if tree not in NOT_ON.get(name, ())]


def torch_works(torch: Any) -> dict[str, Callable[..., Any]]:
    """By name, a function from parameters and an implementation (`fused` or `foreach`) to the optimizer."""
    adamw = partial(torch.optim.AdamW, lr=1e-3, weight_decay=0.1)
    return {
        "SGD with momentum": partial(torch.optim.SGD, lr=1e-2, momentum=0.9),
        "Adam": partial(torch.optim.Adam, lr=1e-3),
        "AdamW": adamw,
        "clip + AdamW + schedule": adamw,
    }
