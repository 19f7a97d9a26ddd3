"""What is timed: the same optimizers from either library, which share their names."""

from collections.abc import Callable
from typing import Any

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
}
