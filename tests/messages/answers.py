"""Making a mistake, and reading the answer."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from tests.messages import models
from tests.messages.mistakes import Mistake


def namespace(params: Any) -> dict[str, Any]:
    """The names that the code of a mistake finds."""
    tx = gradtx.adamw(0.1)
    return {
        "gradtx": gradtx,
        "jax": jax,
        "jnp": jnp,
        "np": np,
        "params": params,
        "gradients": jax.tree.map(lambda p: p / 2, params),
        "loss": models.loss,
        "value": models.loss(params),
        "tx": tx,
        "state": tx.init(params),
        "without_first": models.without_first,
        "renamed_first": models.renamed_first,
    }


def answer(mistake: Mistake, params: Any) -> BaseException | None:
    """The error or the warning that the code of a mistake raises, if any."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            exec(mistake.code, namespace(params))
        except Exception as error:
            return error
    return None


def parts(mistake: Mistake, params: Any) -> dict[str, str]:
    """The parts that the answer must have, for these parameters."""
    first, matrix = models.first_leaf(params), models.matrix(params)[0]
    written = {
        "got": mistake.got,
        "expected": mistake.expected,
        "where": mistake.where,
        "remedy": mistake.remedy,
    }
    return {name: text.format(first=first, matrix=matrix, mask="[") for name, text in written.items()}
