"""Checkpoints: the state of an optimizer by names, for files and for a changed optimizer."""

from gradtx.checkpoints._carry import Carried, carry
from gradtx.checkpoints._names import SCHEDULE_COUNT as SCHEDULE_COUNT, Entry as Entry, entries as entries
from gradtx.checkpoints._state_dict import from_state_dict, to_state_dict

__all__ = [
    "Carried",
    "carry",
    "from_state_dict",
    "to_state_dict",
]
