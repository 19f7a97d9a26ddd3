"""AdamC against Defazio (2025), in double precision."""

from collections.abc import Iterator
from typing import Any

from gradtx import adamc
from tests.moments import B1, B2, DECAY, EPS, decayed
from tests.trajectories import DTYPES, TOLERANCE, Tree, distance, rate

SHAPES = {"kernel": (3, 4), "head": (4, 3), "bias": (4,), "scale": ()}


def defazio(t: int, u: Any, theta: Any) -> Any:
    """Defazio (2025), algorithm 1; the largest rate is the first."""
    return DECAY * rate(t) / rate(0) * theta


@DTYPES
def test_adamc(dtype):
    tx = adamc(rate, B1, B2, EPS, weight_decay=DECAY, max_learning_rate=rate(0))
    assert distance(tx, decayed(defazio), dtype) < TOLERANCE[dtype]


def test_adamc_corrects_the_decay_of_normalized_layers_alone():
    normalized = {"kernel": True, "head": False, "bias": True, "scale": False}
    decays = {"kernel": True, "head": True, "bias": False, "scale": False}

    def rule(params: Tree, gradients: list[Tree]) -> Iterator[Tree]:
        kinds = {
            "kernel": defazio,
            "head": lambda t, u, theta: DECAY * theta,
            "bias": lambda t, u, theta: 0.0,
            "scale": lambda t, u, theta: 0.0,
        }
        paths = {
            name: decayed(kind)({name: params[name]}, [{name: g[name]} for g in gradients])
            for name, kind in kinds.items()
        }
        for leaves in zip(*paths.values(), strict=True):
            yield {name: leaf[name] for name, leaf in zip(paths, leaves, strict=True)}

    tx = adamc(rate, B1, B2, EPS, weight_decay=DECAY, mask=decays, normalized=normalized)
    # The peak of the schedule is looked for, and found in single precision.
    assert distance(tx, rule, "float64", shapes=SHAPES) < 1e-7
