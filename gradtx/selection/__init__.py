"""Selection: which leaves a transformation applies to, and which axes of a leaf are which."""

from gradtx.arithmetic import MuonDimensionNumbers
from gradtx.selection._labels import (
    as_labels as as_labels,
    asks_for_parameters as asks_for_parameters,
    by_mask,
)
from gradtx.selection._masks import (
    MASK_FIELD as MASK_FIELD,
    Mask as Mask,
    MaskOrFn,
    as_mask as as_mask,
    mask_at as mask_at,
    mask_selection as mask_selection,
)
from gradtx.selection._matrix_axes import (
    AXES_FIELD as AXES_FIELD,
    DimensionNumbers as DimensionNumbers,
    as_dimension_numbers as as_dimension_numbers,
    dimension_numbers as dimension_numbers,
    dimension_numbers_at as dimension_numbers_at,
)
from gradtx.selection._paths import (
    by_path,
    label_at as label_at,
    names_of as names_of,
    path_name as path_name,
)
from gradtx.selection._recipes import (
    MASK_WORDS,
    at_least_two_axes,
    except_bias_norm_embedding,
    hidden_matrices,
    hidden_two_axes,
    words_of as words_of,
)
from gradtx.selection._selection import Labels as Labels, Selection as Selection

__all__ = [
    "MASK_WORDS",
    "MaskOrFn",
    "MuonDimensionNumbers",
    "at_least_two_axes",
    "by_mask",
    "by_path",
    "except_bias_norm_embedding",
    "hidden_matrices",
    "hidden_two_axes",
]
