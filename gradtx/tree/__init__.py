"""Pytrees and arrays: the tools with which transformations are written."""

from gradtx.tree._arrays import copies as copies, full_like, sharded_as as sharded_as, zeros_like
from gradtx.tree._chunks import chunked as chunked
from gradtx.tree._frozen import Frozen
from gradtx.tree._leaves import (
    ARRAYS_AND_NUMBERS as ARRAYS_AND_NUMBERS,
    MaskedNode,
    abstract as abstract,
    arrays_of as arrays_of,
    as_storage_dtype as as_storage_dtype,
    flatten as flatten,
    is_function as is_function,
    is_inexact as is_inexact,
    is_integer as is_integer,
    is_placeholder as is_placeholder,
    widened as widened,
)
from gradtx.tree._mapping import (
    as_scalar as as_scalar,
    is_traced as is_traced,
    leaf_options as leaf_options,
    map_leaves,
)
from gradtx.tree._matching import match as match
from gradtx.tree._mismatch import TreeMismatchError
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
    first_words as first_words,
    next_words as next_words,
    normal as normal,
    rademacher as rademacher,
    random_like as random_like,
)
from gradtx.tree._reductions import norm
from gradtx.tree._search import (
    NameLookupError,
    Path as Path,
    children_of as children_of,
    entry_name as entry_name,
    get,
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
    "TreeMismatchError",
    "full_like",
    "get",
    "map_leaves",
    "norm",
    "set",
    "zeros_like",
]
