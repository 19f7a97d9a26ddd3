"""Pytrees and arrays: the tools with which transformations are written."""

from gradtx.tree._arithmetic import (
    add,
    add_scale,
    clip,
    conj,
    div,
    mul,
    real,
    scale,
    sub,
    where,
)
from gradtx.tree._arrays import (
    copies as copies,
    moments_like as moments_like,
    number as number,
    state_like,
)
from gradtx.tree._chunks import chunked as chunked
from gradtx.tree._frozen import Frozen
from gradtx.tree._leaves import (
    ARRAYS_AND_NUMBERS as ARRAYS_AND_NUMBERS,
    MaskedNode,
    abstract as abstract,
    arithmetic_dtype as arithmetic_dtype,
    arrays_of as arrays_of,
    as_storage_dtype as as_storage_dtype,
    flatten as flatten,
    is_function as is_function,
    is_inexact as is_inexact,
    is_integer as is_integer,
    is_placeholder as is_placeholder,
    widened as widened,
)
from gradtx.tree._like import (
    batch_shape,
    cast,
    cast_like,
    dtype,
    full_like,
    ones_like,
    random_like,
    split_key_like,
    unwrap_random_key_data,
    zeros_like,
)
from gradtx.tree._map_params import map_params
from gradtx.tree._mapping import (
    as_scalar as as_scalar,
    is_traced as is_traced,
    leaf_options as leaf_options,
    map_leaves,
)
from gradtx.tree._matching import match as match
from gradtx.tree._mismatch import TreeMismatchError
from gradtx.tree._moments import (
    bias_correction,
    update_infinity_moment,
    update_moment,
    update_moment_per_elem_norm,
)
from gradtx.tree._nearest import (
    OTHER_WORDS as OTHER_WORDS,
    did_you_mean as did_you_mean,
    folded as folded,
    listed as listed,
    nearest as nearest,
)
from gradtx.tree._outline import outline as outline
from gradtx.tree._precision import narrowed as narrowed
from gradtx.tree._random import (
    Key as Key,
    as_key as as_key,
    draws_like as draws_like,
    first_words as first_words,
    next_words as next_words,
    normal as normal,
    rademacher as rademacher,
)
from gradtx.tree._reductions import allclose, max, min, norm, size, sum, totals as totals, vdot
from gradtx.tree._search import (
    NamedTupleKey,
    NameLookupError,
    Path as Path,
    children_of as children_of,
    entry_name as entry_name,
    get,
    get_all_with_path,
    is_called as is_called,
    nodes as nodes,
    only as only,
    set,
)
from gradtx.tree._spelling import laid_out as laid_out, members as members, spelled as spelled

__all__ = [
    "Frozen",
    "MaskedNode",
    "NameLookupError",
    "NamedTupleKey",
    "TreeMismatchError",
    "add",
    "add_scale",
    "allclose",
    "batch_shape",
    "bias_correction",
    "cast",
    "cast_like",
    "clip",
    "conj",
    "div",
    "dtype",
    "full_like",
    "get",
    "get_all_with_path",
    "map_leaves",
    "map_params",
    "max",
    "min",
    "mul",
    "norm",
    "ones_like",
    "random_like",
    "real",
    "scale",
    "set",
    "size",
    "split_key_like",
    "state_like",
    "sub",
    "sum",
    "unwrap_random_key_data",
    "update_infinity_moment",
    "update_moment",
    "update_moment_per_elem_norm",
    "vdot",
    "where",
    "zeros_like",
]
