"""Formats in which `quantized` stores a state."""

from gradtx.formats._dynamic import dynamic8
from gradtx.formats._eight_bits import int8, uint8
from gradtx.formats._format import Format
from gradtx.formats._random_bits import (
    mixed as mixed,
    random_bits as random_bits,
    rounded as rounded,
    salt_of_shard as salt_of_shard,
    salts as salts,
)
from gradtx.formats._stored import (
    Stored,
    decoded as decoded,
    is_stored as is_stored,
    stored_as as stored_as,
)
from gradtx.formats._wide import bfloat16, float32

__all__ = ["Format", "Stored", "bfloat16", "dynamic8", "float32", "int8", "uint8"]
