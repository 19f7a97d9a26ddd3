"""Running the same steps through PyTorch, whose weights have the axes (outputs, inputs)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tests.trajectories import Tree

torch = pytest.importorskip("torch")


def transposed(array: np.ndarray) -> np.ndarray:
    return (np.swapaxes(array, -1, -2) if array.ndim > 1 else array).copy()


def as_model(params: Mapping[str, np.ndarray]) -> Any:
    """The parameters as a module of PyTorch."""
    tensors = {name: torch.nn.Parameter(torch.tensor(transposed(leaf))) for name, leaf in params.items()}
    return torch.nn.ParameterDict(tensors)


def values_of(model: Any) -> Tree:
    return {name: transposed(param.detach().numpy()) for name, param in model.items()}


def updates_of(model: Any, steps: list[Tree], step: Callable[[int], Any]) -> Tree:
    """What `step`, called with its number after the gradients are set, adds to the parameters, stacked."""
    path = [values_of(model)]
    for t, gradient in enumerate(steps):
        for name, param in model.items():
            param.grad = torch.tensor(transposed(gradient[name]))
        step(t)
        path.append(values_of(model))
    return {name: np.diff(np.stack([point[name] for point in path]), axis=0) for name in path[0]}
