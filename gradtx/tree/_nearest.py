"""Names for errors: those that a wrong name may stand for, and those that there are."""

from collections.abc import Iterable

OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate",),
    "rate": ("learning_rate",),
    "eta": ("learning_rate",),
    "stepsize": ("learning_rate",),
    "betas": ("b1", "b2"),
    "beta1": ("b1",),
    "beta2": ("b2",),
    "beta3": ("b3",),
    "beta": ("b1", "decay", "momentum"),
    "epsilon": ("eps",),
    "momentum": ("momentum", "decay", "b1"),
    "rho": ("rho", "decay"),
    "alpha": ("decay", "learning_rate"),
    "wd": ("weight_decay", "add_decayed_weights"),
    "l2": ("weight_decay", "add_decayed_weights"),
    "weightdecay": ("weight_decay", "add_decayed_weights"),
    "decoupledweightdecay": ("weight_decay", "add_decayed_weights"),
    "clipnorm": ("clip_by_global_norm",),
    "globalclipnorm": ("clip_by_global_norm",),
    "maxgradnorm": ("clip_by_global_norm",),
    "gradclip": ("clip_by_global_norm",),
    "clipvalue": ("clip",),
    "amsgrad": ("amsgrad",),
    "useema": ("average_params",),
    "gradientaccumulationsteps": ("accumulate",),
    "accumulationsteps": ("accumulate",),
    "maximize": ("scale",),
    "schedule": ("learning_rate",),
    "scheduler": ("learning_rate",),
    "tmax": ("decay_steps",),
    "totalsteps": ("decay_steps", "transition_steps"),
    "numsteps": ("decay_steps", "transition_steps"),
    "numwarmupsteps": ("warmup_steps",),
    "initiallearningrate": ("init_value",),
    "maxlr": ("peak_value",),
    "baselr": ("init_value",),
    "gamma": ("decay_rate",),
    "loss": ("value",),
    "model": ("params",),
    "parameters": ("params",),
    "grads": ("gradients",),
    "updates": ("gradients",),
    "bf16": ("bfloat16",),
    "half": ("float16",),
    "fp16": ("float16",),
    "f16": ("float16",),
    "fp32": ("float32",),
    "f32": ("float32",),
    "float": ("float32",),
    "single": ("float32",),
    "fp64": ("float64",),
    "f64": ("float64",),
    "double": ("float64",),
}
"""Words of other libraries, without underscores and capitals, with the names that they have here."""


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names among `known` for which `name` may stand, the likeliest first.

    The first of these that exist: names of the same letters, without regard to capitals, underscores and
    order; names for another library's word; names with all words of `name`; names that are spelled alike.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - for an error alone

    there = sorted(set(known))
    letters = sorted(folded(name))
    same = [one for one in there if sorted(folded(one)) == letters]
    meant = [one for one in OTHER_WORDS.get(folded(name), ()) if one in there]
    words = set(name.lower().split("_"))
    longer = [one for one in sorted(there, key=len) if len(words) > 1 and words < set(one.split("_"))]
    return (same or meant or longer or get_close_matches(name.lower(), there, most))[:most]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The question ` Did you mean 'x'?` with the names nearest to `name`, or nothing where none is near."""
    *others, last = [repr(one) for one in nearest(name, known)] or [""]
    return f" Did you mean {', '.join(others)}{' or ' * bool(others)}{last}?" if last else ""


def listed(names: Iterable[str], most: int = 8) -> str:
    """The first names, and the number of the others."""
    names = list(names)
    rest = len(names) - most
    return ", ".join(names) if rest <= 1 else f"{', '.join(names[:most])} and {rest} others"


def folded(name: str) -> str:
    """A name without underscores and capitals."""
    return name.lower().replace("_", "")
