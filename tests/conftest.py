"""The suite runs on 8 virtual CPU devices, under strict dtype promotion and without rank promotion."""

import gc
import os
from importlib.metadata import version
from pathlib import Path

# The suite compiles thousands of tiny programs, each of which runs a few times: hence no optimization by
# LLVM, loops emitted without MLIR (which JAX 0.11 no longer offers), and one piece of code instead of 32 for
# as many threads: a fifth of the time. What a program copies and allocates, which some tests ask, is decided
# before that.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=8"
    + " --xla_backend_optimization_level=0"
    + " --xla_llvm_disable_expensive_passes=true"
    + " --xla_cpu_parallel_codegen_split_count=1"
    + " --xla_cpu_use_fusion_emitters=false" * (tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11))
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

from tests.quick import has_quick, is_quick
from tests.sample import is_left_out
from tests.turns import is_in_turn

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


# JAX and the tests are a million objects that live to the end: no collection of garbage visits them, and it
# runs seldom. A sixth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.option.markexpr != "quick" or collection_path.is_dir():
        return None
    return not has_quick(os.path.relpath(collection_path, config.rootpath)) or None


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_left_out(item):
            item.add_marker("exhaustive")
        if is_quick(item):
            item.add_marker("quick")
    items[:] = [
        item
        for item in items
        if is_in_turn(item.nodeid)
        or item.get_closest_marker("quick")
        or not any(map(item.get_closest_marker, ("exhaustive", "notebooks")))
    ]
