"""Connectionist temporal classification: the likelihood of a sequence of labels over all alignments."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.losses._arrays import as_floats
from gradtx.losses._log_softmax import log_softmax


def ctc_loss(
    logits: ArrayLike,
    logit_paddings: ArrayLike,
    labels: ArrayLike,
    label_paddings: ArrayLike,
    *,
    blank_id: int = 0,
    log_epsilon: ArrayLike = -jnp.inf,
) -> Array:
    r"""The negative logarithm of the probability of each sequence of labels, summed over its alignments.

    $$\ell = -\log \sum_{\pi:\, B(\pi) = y} \prod_t p_t(\pi_t)$$

    An alignment $\pi$ names a class for each frame; $B$ drops repetitions, then blanks. The probabilities
    are added as logarithms, so that logits of any size are right, and the time is that of one pass over the
    frames.

    Args:
      logits: the scores of the classes, of shape (batch, frames, classes).
      logit_paddings: 1 for each frame that is padding and 0 for the others, of shape (batch, frames). The
        padding is on the right.
      labels: the numbers of the classes, of shape (batch, labels). A label that is no class, or is the blank,
        makes the loss of its sequence NaN; the padding may have any.
      label_paddings: 1 for each label that is padding and 0 for the others, of the shape of the labels.
      blank_id: the number of the class that stands for no label.
      log_epsilon: the logarithm that stands for that of the probability 0. Optax has -1e5, which long inputs
        and large logits reach.

    Returns:
      The losses, in float32 or wider, of shape (batch,). A sequence that needs more frames than there are
      has the loss $\infty$, and no derivative.

    Raises:
      TypeError: for logits that are not floating-point.
      ValueError: for shapes that do not fit.

    **Reference**: Graves et al. (2006), *Connectionist Temporal Classification*, equations 6 to 8.

    >>> logits = jnp.zeros((1, 2, 2))  # of the 4 alignments in 2 frames, 3 give the label 1
    >>> print(jnp.exp(-ctc_loss(logits, jnp.zeros((1, 2)), jnp.array([[1]]), jnp.zeros((1, 1)))))
    [0.75]
    """
    loss, _, _ = ctc_loss_with_forward_probs(
        logits, logit_paddings, labels, label_paddings, blank_id=blank_id, log_epsilon=log_epsilon
    )
    return loss


def ctc_loss_with_forward_probs(
    logits: ArrayLike,
    logit_paddings: ArrayLike,
    labels: ArrayLike,
    label_paddings: ArrayLike,
    *,
    blank_id: int = 0,
    log_epsilon: ArrayLike = -jnp.inf,
) -> tuple[Array, Array, Array]:
    r"""`ctc_loss`, with the logarithms of the forward probabilities.

    $$\alpha^\phi_t(n) = p_t(\phi)\,\bigl(\alpha^\phi_{t-1}(n) + \alpha^y_{t-1}(n)\bigr), \qquad
      \alpha^y_t(n) = p_t(y_n)\,\bigl(\alpha^y_{t-1}(n) + \alpha^\phi_{t-1}(n - 1)
        + [y_n \ne y_{n-1}]\,\alpha^y_{t-1}(n - 1)\bigr)$$

    $\alpha^\phi_t(n)$ is the probability that the frames up to $t$ give the first $n$ labels and end in a
    blank, and $\alpha^y_t(n)$ that they end in the label $n$.

    Args:
      logits: as in `ctc_loss`.
      logit_paddings: as in `ctc_loss`.
      labels: as in `ctc_loss`.
      label_paddings: as in `ctc_loss`.
      blank_id: as in `ctc_loss`.
      log_epsilon: as in `ctc_loss`.

    Returns:
      The losses; $\log\alpha^\phi$, of shape (frames, batch, labels + 1), whose last frame also has the
      alignments that end in a label; $\log\alpha^y$, of shape (frames, batch, labels).

    Raises:
      TypeError: for logits that are not floating-point.
      ValueError: for shapes that do not fit.

    **Reference**: Graves et al. (2006), *Connectionist Temporal Classification*, equations 6 to 8.

    >>> logits, none = jnp.zeros((1, 2, 2)), jnp.zeros((1, 2))
    >>> _, blanks, emitted = ctc_loss_with_forward_probs(logits, none, jnp.array([[1]]), none[:, :1])
    >>> print(jnp.exp(emitted[:, 0, 0]))
    [0.5 0.5]
    """
    (x,), labels = as_floats("ctc_loss", logits=logits), jnp.asarray(labels)
    frame_is_padding, label_is_padding = jnp.asarray(logit_paddings) != 0, jnp.asarray(label_paddings) != 0
    _check_shapes(x, frame_is_padding, labels, label_is_padding)
    count = labels.shape[1]
    log_p = log_softmax(x, (2,), jnp.ones(x.shape, bool)).values
    valid = (labels >= 0) & (labels < x.shape[2]) & (labels != blank_id)
    numbers = jnp.where(label_is_padding | ~valid, 0, labels).astype(jnp.int32)[:, None]
    of_labels = jnp.take_along_axis(log_p, jnp.broadcast_to(numbers, (*x.shape[:2], count)), axis=2)
    repeats = jnp.pad(labels[:, 1:] == labels[:, :-1], ((0, 0), (1, 0)))
    frames = (log_p[:, :, blank_id].T, jnp.moveaxis(of_labels, 1, 0), frame_is_padding.T)
    last, (blanks, emitted) = _forward(frames, repeats, jnp.asarray(log_epsilon, x.dtype))
    either = _with_label(*last)
    length = jnp.sum(~label_is_padding, axis=1, keepdims=True)
    loss = -jnp.take_along_axis(either, length, axis=1)[:, 0]
    loss = jnp.where(jnp.all(label_is_padding | valid, axis=1), loss, jnp.nan)
    return loss, blanks.at[-1:].set(either[None]), emitted


def _forward(
    frames: tuple[Array, Array, Array], repeats: Array, zero: Array
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The forward probabilities after the last frame, and after each."""

    def frame(
        state: tuple[Array, Array], now: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        blank, label = state
        p_blank, p_label, is_padding = now
        before = jnp.pad(label[:, :-1], ((0, 0), (1, 0)), constant_values=-jnp.inf)
        entering = _log_add(blank[:, :-1], jnp.where(repeats, zero, before))
        with_blank = _with_label(blank, label) + p_blank[:, None]
        with_label = _log_add(label, entering) + p_label
        still = is_padding[:, None]
        new = jnp.where(still, blank, with_blank), jnp.where(still, label, with_label)
        return new, new

    batch, count = repeats.shape
    blank = jnp.where(jnp.arange(count + 1) == 0, 0, jnp.broadcast_to(zero, (batch, count + 1)))
    return jax.lax.scan(frame, (blank, jnp.broadcast_to(zero, (batch, count))), frames)


def _with_label(blank: Array, label: Array) -> Array:
    """The probabilities after n labels, whether a blank is last or the label n."""
    return jnp.concatenate([blank[:, :1], _log_add(blank[:, 1:], label)], axis=1)


def _log_add(x: Array, y: Array) -> Array:
    """The logarithm of the sum of two numbers given by theirs; for two zeros it has the derivative 0."""
    none = jnp.isneginf(x) & jnp.isneginf(y)
    x, y = jnp.where(none, 0, x), jnp.where(none, 0, y)
    return jnp.where(none, -jnp.inf, jnp.logaddexp(x, y))


def _check_shapes(x: Array, frame_is_padding: Array, labels: Array, label_is_padding: Array) -> None:
    if x.ndim != 3 or labels.ndim != 2 or x.shape[0] != labels.shape[0]:
        raise ValueError(
            "ctc_loss: logits must have the shape (batch, frames, classes) and labels (batch, labels), got "
            f"{x.shape} and {labels.shape}."
        )
    if frame_is_padding.shape != x.shape[:2] or label_is_padding.shape != labels.shape:
        raise ValueError(
            f"ctc_loss: logit_paddings must have the shape {x.shape[:2]} of the frames and label_paddings "
            f"that of the labels {labels.shape}, got {frame_is_padding.shape} and {label_is_padding.shape}."
        )
