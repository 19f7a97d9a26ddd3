"""Random bits for the numbers of a leaf, as wrappers draw them that round by chance."""

from jax import Array

from gradtx.arithmetic import AxisName, split_as, split_over
from gradtx.formats import random_bits, salt_of_shard

KEY = "a seed, or a key of `jax.random`; it is structure"
AXES = "inside `jax.shard_map`, the mesh axes over which leaves are split: each shard draws by itself"


def own_salt(salt: Array, leaf: Array, axis_name: AxisName) -> Array:
    """The salt of a leaf, another one for each shard of it."""
    return salt_of_shard(salt, split_over(leaf, axis_name))


def bits_like(x: Array, salt: Array) -> Array:
    """Random uint32 numbers in the shape and the sharding of an array."""
    return split_as(x, random_bits(x.shape, salt))
