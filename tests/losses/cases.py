"""Calls of every loss, each with its value by the reference."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gradtx import losses
from tests.losses import reference
from tests.losses.reference import each

N, K = 6, 5


class Case(NamedTuple):
    """A loss, its arrays, its options, and the reference of both."""

    loss: Callable[..., Any]
    arrays: tuple[Any, ...]
    options: dict[str, Any]
    expected: Any


def cases() -> dict[str, Case]:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(N, K)) * 2, random.normal(size=(N, K))
    p = np.stack([reference.softmax(row) for row in y])
    p[0], p[1, 2:] = np.eye(K)[3], 0
    log_p = np.stack([np.log(reference.softmax(row)) for row in x])
    k = random.integers(0, K, N)
    one, other, binary = x[:, 0], y[:, 0], random.integers(0, 2, N)
    signs = 2 * binary - 1
    positive, negative = random.normal(size=(2, N, K))
    weights = random.uniform(size=(N, K))
    regions = random.integers(0, 2, (N, 7, K)).astype(float)
    scores = random.normal(size=(N, 7, K))
    classes = np.stack([[reference.softmax(row) for row in image] for image in scores])

    def case(loss: Any, arrays: Any, expected: Any, **options: Any) -> Case:
        return Case(loss, arrays, options, expected)

    def dice_of(p: Any, t: Any, **numbers: float) -> Any:
        return np.array(
            [
                [reference.dice(one[:, c], region[:, c], **numbers) for c in range(one.shape[1])]
                for one, region in zip(p, t, strict=True)
            ]
        )

    tversky = {"smooth": 0.5, "alpha": 0.3, "beta": 0.6}
    plain = {"smooth": 0.25, "alpha": 0.5, "beta": 0.5}
    frequency = 1 / (regions.sum((0, 1)) ** 2 + 1e-7)
    return {
        "squared_error": case(losses.squared_error, (x, y), (x - y) ** 2),
        "squared_error alone": case(losses.squared_error, (x,), x**2),
        "l2_loss": case(losses.l2_loss, (x, y), (x - y) ** 2 / 2),
        "huber_loss": case(
            losses.huber_loss, (one, other), each(reference.huber, one, other, delta=0.7), delta=0.7
        ),
        "log_cosh": case(losses.log_cosh, (x, y), np.log(np.cosh(x - y))),
        "cosine_similarity": case(losses.cosine_similarity, (x, y), each(reference.cosine, x, y)),
        "cosine_similarity epsilon": case(
            losses.cosine_similarity,
            (x, y),
            np.array([a @ b / 30 for a, b in zip(x, y, strict=True)]),
            epsilon=30.0,
        ),
        "cosine_distance": case(losses.cosine_distance, (x, y), 1 - each(reference.cosine, x, y)),
        "softmax_cross_entropy": case(
            losses.softmax_cross_entropy, (x, p), each(reference.cross_entropy, x, p)
        ),
        "softmax_cross_entropy smoothed": case(
            losses.softmax_cross_entropy,
            (x, p),
            each(reference.cross_entropy, x, p, alpha=0.2, zeta=0.1),
            label_smoothing=0.2,
            z_loss=0.1,
        ),
        "safe_softmax_cross_entropy": case(
            losses.safe_softmax_cross_entropy, (x, p), each(reference.cross_entropy, x, p)
        ),
        "softmax_cross_entropy_with_integer_labels": case(
            losses.softmax_cross_entropy_with_integer_labels,
            (x, k),
            each(reference.integer_cross_entropy, x, k),
        ),
        "softmax_cross_entropy_with_integer_labels smoothed": case(
            losses.softmax_cross_entropy_with_integer_labels,
            (x, k),
            each(reference.integer_cross_entropy, x, k, alpha=0.2, zeta=0.1),
            label_smoothing=0.2,
            z_loss=0.1,
        ),
        "poly_loss_cross_entropy": case(
            losses.poly_loss_cross_entropy, (x, p), each(reference.poly, x, p, epsilon=1.5), epsilon=1.5
        ),
        "smooth_labels": case(losses.smooth_labels, (p, 0.3), 0.7 * p + 0.3 / K),
        "chunked_cross_entropy": case(
            losses.chunked_cross_entropy,
            (x, y[:K].T @ y[:K], k),
            each(reference.integer_cross_entropy, x @ (y[:K].T @ y[:K]), k, alpha=0.2, zeta=0.1),
            label_smoothing=0.2,
            z_loss=0.1,
            chunk_size=3,
        ),
        "sigmoid_binary_cross_entropy": case(
            losses.sigmoid_binary_cross_entropy, (x, p), each(reference.binary_cross_entropy, x, p)
        ),
        "sigmoid_focal_loss": case(
            losses.sigmoid_focal_loss,
            (one, binary),
            each(reference.focal, one, binary, alpha=0.3, gamma=1.5),
            alpha=0.3,
            gamma=1.5,
        ),
        "sigmoid_focal_loss unweighted": case(
            losses.sigmoid_focal_loss,
            (one, binary),
            each(reference.focal, one, binary, alpha=None, gamma=2.0),
        ),
        "hinge_loss": case(losses.hinge_loss, (one, signs), np.maximum(0, 1 - one * signs)),
        "perceptron_loss": case(losses.perceptron_loss, (one, signs), np.maximum(0, -one * signs)),
        "sparsemax_loss": case(
            losses.sparsemax_loss, (one, binary), each(reference.sparseplus, np.where(binary, -one, one))
        ),
        "kl_divergence": case(losses.kl_divergence, (log_p, p), each(reference.kl, log_p, p)),
        "kl_divergence_with_log_targets": case(
            losses.kl_divergence_with_log_targets,
            (log_p, log_p[::-1]),
            each(reference.kl, log_p, np.exp(log_p[::-1])),
        ),
        "generalized_kl_divergence": case(
            losses.generalized_kl_divergence, (x, weights), each(reference.generalized_kl, x, weights)
        ),
        "multiclass_hinge_loss": case(
            losses.multiclass_hinge_loss, (x, k), each(reference.multiclass_hinge, x, k)
        ),
        "multiclass_perceptron_loss": case(
            losses.multiclass_perceptron_loss, (x, k), each(reference.multiclass_perceptron, x, k)
        ),
        "multiclass_sparsemax_loss": case(
            losses.multiclass_sparsemax_loss, (x, k), each(reference.multiclass_sparsemax, x, k)
        ),
        "ntxent": case(
            losses.ntxent,
            (x, np.array([0, 1, 0, 1, 1, 2])),
            reference.ntxent(x, np.array([0, 1, 0, 1, 1, 2]), 0.5),
            temperature=0.5,
        ),
        "triplet_margin_loss": case(
            losses.triplet_margin_loss,
            (x, positive, negative),
            each(reference.triplet, x, positive, negative, degree=3, margin=0.8, eps=1e-3),
            norm_degree=3,
            margin=0.8,
            eps=1e-3,
        ),
        "ranking_softmax_loss": case(
            losses.ranking_softmax_loss,
            (x, p),
            np.mean(each(reference.ranking, x, p, weights)),
            weights=weights,
        ),
        "dice_loss": case(
            losses.dice_loss,
            (scores, regions),
            (dice_of(classes, regions, **tversky) * weights[0]).sum(-1),
            class_weights=weights[0],
            reduction="sum",
            **tversky,
        ),
        "dice_loss without background": case(
            losses.dice_loss,
            (classes, regions),
            dice_of(classes, regions, **plain)[:, 1:].mean(-1),
            smooth=0.25,
            apply_softmax=False,
            ignore_background=True,
        ),
        "multiclass_generalized_dice_loss": case(
            losses.multiclass_generalized_dice_loss,
            (scores, regions),
            (dice_of(classes, regions, **plain) * frequency * K / frequency.sum()).mean(),
            smooth=0.25,
        ),
        "binary_dice_loss": case(
            losses.binary_dice_loss,
            (scores[..., 0], regions[..., 0]),
            dice_of(reference.sigmoid(scores[..., :1]), regions[..., :1], **plain)[:, 0],
            smooth=0.25,
        ),
        "ctc_loss": case(
            losses.ctc_loss,
            (scores[:, :4, :3], np.zeros((N, 4)), np.array([[1, 2]] * N), np.zeros((N, 2))),
            each(reference.ctc, scores[:, :4, :3], labels=[1, 2], blank=0),
        ),
    }


CASES = cases()
