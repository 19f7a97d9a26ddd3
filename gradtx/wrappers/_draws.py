"""The fields of the wrappers that round by chance, and the salt of a leaf."""

from jax import Array

from gradtx.arithmetic import AxisName, split_over
from gradtx.formats import salt_of_shard

KEY = "a seed, or a key of `jax.random`; it is structure"
AXES = "inside `jax.shard_map`, the mesh axes over which leaves are split: each shard draws by itself"


def own_salt(salt: Array, leaf: Array, axis_name: AxisName) -> Array:
    """The salt of a leaf, another one for each shard of it."""
    return salt_of_shard(salt, split_over(leaf, axis_name))
