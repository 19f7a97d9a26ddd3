"""Pytrees and arrays: what the transformations are written with."""

from gradtx.tree.arrays import full_like, zeros_like
from gradtx.tree.frozen import Frozen
from gradtx.tree.kernels import map_kernel
from gradtx.tree.leaves import MaskedNode
from gradtx.tree.matching import TreeMismatchError
from gradtx.tree.paths import by_path
from gradtx.tree.reductions import norm
from gradtx.tree.search import NameLookupError, get, set

__all__ = [
    "Frozen",
    "MaskedNode",
    "NameLookupError",
    "TreeMismatchError",
    "by_path",
    "full_like",
    "get",
    "map_kernel",
    "norm",
    "set",
    "zeros_like",
]
