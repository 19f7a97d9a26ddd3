"""Arithmetic of arrays and numbers that several rules share, independent of trees and rules."""

from gradtx.arithmetic._axes import (
    SPLIT_LEAVES as SPLIT_LEAVES,
    AxisName as AxisName,
    as_shape as as_shape,
    axes_in as axes_in,
    hidden_axes as hidden_axes,
    over_shards as over_shards,
    split_over as split_over,
    sum_over_shards as sum_over_shards,
    varying as varying,
)
from gradtx.arithmetic._eigen import (
    eigenbasis as eigenbasis,
    inverse_root as inverse_root,
    next_eigenbasis as next_eigenbasis,
)
from gradtx.arithmetic._elementwise import (
    abs_squared as abs_squared,
    bounded as bounded,
    interpolate as interpolate,
    quotient as quotient,
    saturated as saturated,
    visible as visible,
)
from gradtx.arithmetic._factored import (
    LONG as LONG,
    clipped_direction as clipped_direction,
    factored_averages as factored_averages,
    inverse_root_factors as inverse_root_factors,
    least_average as least_average,
    over_root as over_root,
    times_factors as times_factors,
)
from gradtx.arithmetic._factored_axes import Axes as Axes, as_axes as as_axes, factored_axes as factored_axes
from gradtx.arithmetic._halves import (
    joined as joined,
    remainder as remainder,
    upper_half as upper_half,
)
from gradtx.arithmetic._kronecker import (
    LEFT as LEFT,
    RIGHT as RIGHT,
    Sides as Sides,
    as_sides as as_sides,
    from_sides as from_sides,
    gram as gram,
    in_order_of as in_order_of,
    product as product,
    rotate as rotate,
    rotate_back as rotate_back,
    with_finite_products as with_finite_products,
)
from gradtx.arithmetic._matrices import (
    LAST_TWO as LAST_TWO,
    MATRICES as MATRICES,
    MuonDimensionNumbers as MuonDimensionNumbers,
    along_side as along_side,
    axes_of as axes_of,
    check_axes as check_axes,
    fans as fans,
    from_matrices as from_matrices,
    on_matrices as on_matrices,
    to_matrices as to_matrices,
)
from gradtx.arithmetic._moments import (
    Average as Average,
    Moments as Moments,
    Weight as Weight,
    average as average,
    complement as complement,
    corrected_mu as corrected_mu,
    correction as correction,
    moments as moments,
    normalized as normalized,
    one_correction as one_correction,
)
from gradtx.arithmetic._newton_schulz import (
    as_polynomials as as_polynomials,
    in_order as in_order,
    newton_schulz as newton_schulz,
)
from gradtx.arithmetic._norms import (
    clipped as clipped,
    cube_root as cube_root,
    inner_product as inner_product,
    multiply_by as multiply_by,
    norm as norm,
    norm_over_shards as norm_over_shards,
    root as root,
    root_mean_square as root_mean_square,
    shortening as shortening,
)
from gradtx.arithmetic._ordering import after as after
from gradtx.arithmetic._rounding import rounded_within as rounded_within
from gradtx.arithmetic._sharding import (
    made_whole as made_whole,
    split_alike as split_alike,
    split_as as split_as,
)
from gradtx.arithmetic._simplex import onto_simplex as onto_simplex
from gradtx.arithmetic._trust_ratio import (
    UNBOUNDED as UNBOUNDED,
    Bounds as Bounds,
    as_bounds as as_bounds,
    trust_ratio as trust_ratio,
)
