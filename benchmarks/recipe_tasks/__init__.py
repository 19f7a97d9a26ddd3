"""Small tasks for the recipes, two for each: the numbers of a recipe may be chosen on the first alone."""

from collections.abc import Callable
from functools import partial

from benchmarks.recipe_tasks.generators import blobs, curve, denoiser, gan
from benchmarks.recipe_tasks.images import patterns, textures
from benchmarks.recipe_tasks.language import ARCHITECTURE as ARCHITECTURE, markov, other_text, topics
from benchmarks.recipe_tasks.points import other_classes
from benchmarks.recipe_tasks.policies import bandit, controller
from benchmarks.recipe_tasks.small_data import oscillator, regression
from benchmarks.recipe_tasks.task import Task as Task

TASKS: dict[str, tuple[Callable[[], Task], Callable[[], Task]]] = {
    "llm-pretraining": (topics, markov),
    "llm-pretraining-muon": (topics, markov),
    "fine-tuning": (other_text, other_classes),
    "vision": (patterns, textures),
    "large-batch": (partial(topics, 64), partial(markov, 64)),
    "large-batch-vision": (partial(patterns, 256), partial(textures, 256)),
    "low-memory": (partial(topics, 8, 64), partial(markov, 8, 64)),
    "lowest-memory": (partial(topics, 4, 128), partial(markov, 4, 128, 2)),
    "reinforcement-learning": (bandit, controller),
    "gan": (partial(gan, curve, 2), partial(gan, blobs, 4)),
    "diffusion": (partial(denoiser, curve, 2), partial(denoiser, blobs, 4)),
    "small-data": (regression, oscillator),
}
"""For each recipe the task on which its numbers may be chosen, and one that no choice saw."""
