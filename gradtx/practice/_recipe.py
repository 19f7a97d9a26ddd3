"""Recipes by name: an optimizer for a task."""

from typing import Any

from gradtx.core import GradientTransformation, Table
from gradtx.practice._plan import planned
from gradtx.practice._recipes import RECIPES
from gradtx.tree import did_you_mean


def recipe(
    name: str,
    params: Any,
    *,
    steps: int,
    batch_size: float | None = None,
    batch_tokens: float | None = None,
    learning_rate: float | None = None,
    new: str | None = None,
) -> GradientTransformation:
    r"""The optimizer that practice has settled on for a task: an ordinary one, which prints what it chains.

    `recipes()` lists the tasks, `explain(tx)` gives the reason and the source of each part. Everything in it
    can be replaced: `replace(tx, weight_decay=0.05)`. Decay goes to matrices and kernels alone, by the names
    of the leaves (`except_bias_norm_embedding`).

    The numbers are those of the sources, for their model and their length. Two rules carry a rate to others:
    for transformers $\eta (N_0 / N)^{1/3}$ at $N$ parameters, as the rates of GPT-3 fall, and elsewhere
    $\eta \sqrt{T_0 / T}$ for a training that has fewer steps $T$ than that of the source. Both are bounded.
    The rate is where to begin; `lr_range_test` finds that of a task.

    Args:
      name: the name of the recipe.
      params: the parameters, or their shapes (`jax.ShapeDtypeStruct`).
      steps: the number of updates of the whole training.
      batch_size: the number of examples in a batch; `"vision"` has a rate in proportion to it, for 256 by
        default.
      batch_tokens: the number of tokens in a batch, by default half a million; with fewer of them, the
        pretraining recipes average squares over more steps.
      learning_rate: the peak rate, in place of that of the recipe.
      new: a pattern of the paths of leaves that were not pretrained, such as `"head"`, for `"fine-tuning"`:
        their rate is ten times that of the others, as is common.

    Raises:
      ValueError: for an unknown name, with the nearest ones; for an argument that the recipe does not use;
        for a number that is not above 0; for parameters without an array of floats, or without a new leaf.

    >>> import jax
    >>> shapes = {"embed": jax.ShapeDtypeStruct((50257, 768), "float32"),
    ...           "blocks": {"kernel": jax.ShapeDtypeStruct((12, 768, 9216), "float32")}}
    >>> recipe("llm-pretraining", shapes, steps=100_000, batch_tokens=500_000)
    chain(clip_by_global_norm(max_norm=1.0),
          scale_by_adam(b1=0.9, b2=0.95, eps=1e-08, eps_root=0.0),
          add_decayed_weights(weight_decay=0.1, mask=except_bias_norm_embedding),
          scale_by_learning_rate(learning_rate=warmup_cosine_floor_schedule(
              peak_value=0.000602, warmup_steps=2000.0, decay_steps=100000.0, floor=0.1,
              init_value=0.0)))
    """
    if name not in RECIPES:
        advice = did_you_mean(str(name), RECIPES) or f" There are {', '.join(RECIPES)}."
        raise ValueError(f"recipe: no recipe is named {name!r}.{advice}")
    chosen = RECIPES[name]
    numbers = {"batch_size": batch_size, "batch_tokens": batch_tokens}
    for argument, given in {**numbers, "new": new}.items():
        if given is not None and argument not in chosen.uses:
            users = [other for other, own in RECIPES.items() if argument in own.uses]
            raise ValueError(
                f"recipe: {name!r} does not depend on {argument}, which is for {', '.join(users)}. Leave it "
                "out."
            )
    return chosen.make(planned(params, steps, numbers | {"learning_rate": learning_rate}, new))


def recipes() -> Table:
    """The table of all recipes: name, task, optimizer and sources.

    >>> recipes().rows[3][:3]
    ('vision', 'a convolutional network from scratch', 'SGD with Nesterov momentum')
    """
    rows = [(name, own.task, own.optimizer, own.sources) for name, own in RECIPES.items()]
    return Table(("recipe", "task", "optimizer", "sources"), rows)
