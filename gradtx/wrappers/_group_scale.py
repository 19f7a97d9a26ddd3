"""Learning rates by group: a multiplier for each pattern, and one that decreases from layer to layer."""

from collections.abc import Iterable, Mapping
from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, checks_keywords
from gradtx.rules import scale
from gradtx.schedules import require
from gradtx.selection import by_path
from gradtx.wrappers._partition import partition


@checks_keywords
def scale_by_group(multipliers: Mapping[str, ScalarOrSchedule]) -> GradientTransformation:
    r"""Multiplies the update of each leaf by the number that its path gives: $u_i = s_{\ell(i)}\,g_i$.

    After an optimizer these are learning rates by group, and they scale its weight decay too. It is a
    `partition` of `scale` by path.

    Args:
      multipliers: a number or schedule for each pattern. The first pattern found in the path decides, and
        together they must cover every leaf, as with `by_path`.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_group({"embed": 0.25, ".*": 1.0})
    >>> params = {"embedding": jnp.ones(1), "kernel": jnp.ones(1)}
    >>> tx.update(params, tx.init(params))[0]
    {'embedding': Array([0.25], dtype=float32), 'kernel': Array([1.], dtype=float32)}
    """
    return partition(
        {pattern: scale(number) for pattern, number in multipliers.items()},
        by_path({pattern: pattern for pattern in multipliers}),
    )


@checks_keywords
def layerwise_decay(decay: Any, layers: Iterable[str]) -> GradientTransformation:
    r"""Learning rates that decrease from the output of a model to its input.

    $$u_i = \alpha^{L - \ell(i)}\,g_i, \qquad \ell(i) \in \{0, \dots, L\}$$

    where $\alpha$ is `decay` and $\ell(i)$ the position in `layers` of the first pattern that is found in the
    path of leaf $i$. After an optimizer the last layer keeps the full learning rate, and the layers of a
    pretrained model move less, the nearer they are to the input. It is a `scale_by_group`.

    Args:
      decay: $\alpha$, the learning rate of a layer divided by that of the next layer towards the output.
      layers: patterns from the input to the output, which together cover every leaf. End the number of a
        layer (`"blocks/1/"`), since `"blocks/1"` is found in `blocks/12` too.

    **Reference**: Howard and Ruder (2018), *Universal Language Model Fine-tuning for Text Classification*,
    arXiv:1801.06146, section 3.2 (a decay of 1/2.6); Clark et al. (2020), *ELECTRA*, arXiv:2003.10555; Bao et
    al. (2022), *BEiT*, arXiv:2106.08254. The exponents are those of BEiT's code: the embeddings are the
    layer before the first block, and the head is the layer after the last.

    >>> import jax
    >>> tx = layerwise_decay(0.5, ["embed", "blocks/0/", "blocks/1/", "head"])
    >>> params = {"embed": 1.0, "blocks": [{"w": 1.0}, {"w": 1.0}], "head": 1.0}
    >>> jax.tree.map(float, tx.update(params, tx.init(params))[0])
    {'blocks': [{'w': 0.25}, {'w': 0.5}], 'embed': 0.125, 'head': 1.0}
    """
    require("layerwise_decay", "above", 0.0, decay=decay)
    layers = tuple(layers)
    return scale_by_group({layer: decay ** (len(layers) - 1 - at) for at, layer in enumerate(layers)})
