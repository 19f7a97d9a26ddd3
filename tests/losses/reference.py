"""Every loss in float64 NumPy, one example at a time, from its definition."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def softmax(x: Array) -> Array:
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def cross_entropy(x: Array, y: Array, alpha: float = 0.0, zeta: float = 0.0) -> float:
    y = (1 - alpha) * y + alpha / len(x)
    z = np.log(np.exp(x - x.max()).sum()) + x.max()
    return -sum(yk * (xk - z) for xk, yk in zip(x, y, strict=True) if yk) + zeta * z**2


def integer_cross_entropy(x: Array, y: int, alpha: float = 0.0, zeta: float = 0.0) -> float:
    return cross_entropy(x, np.eye(len(x))[y], alpha, zeta)


def poly(x: Array, y: Array, epsilon: float) -> float:
    return cross_entropy(x, y) + epsilon * float(np.sum(y * (1 - softmax(x))))


def binary_cross_entropy(x: float, y: float) -> float:
    return -y * np.log(sigmoid(x)) - (1 - y) * np.log(sigmoid(-x))


def focal(x: float, y: float, alpha: float | None, gamma: float) -> float:
    p = sigmoid(x) if y else sigmoid(-x)
    weight = 1 if alpha is None else alpha if y else 1 - alpha
    return -weight * (1 - p) ** gamma * np.log(p)


def huber(x: float, y: float, delta: float) -> float:
    e = abs(x - y)
    return 0.5 * e**2 if e <= delta else delta * (e - delta / 2)


def cosine(x: Array, y: Array) -> float:
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def kl(log_p: Array, t: Array) -> float:
    return sum(tk * (np.log(tk) - lk) for lk, tk in zip(log_p, t, strict=True) if tk)


def generalized_kl(log_p: Array, t: Array) -> float:
    return kl(log_p, t) + np.exp(log_p).sum() - t.sum()


def sparseplus(x: float) -> float:
    return 0.0 if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4


def multiclass_hinge(x: Array, y: int) -> float:
    return max(x[k] + (k != y) - x[y] for k in range(len(x)))


def multiclass_perceptron(x: Array, y: int) -> float:
    return max(x) - x[y]


def simplex(x: Array) -> Array:
    """The threshold by bisection: the sum of what is above it falls with it."""
    low, high = x.min() - 1, x.max()
    for _ in range(200):
        tau = (low + high) / 2
        low, high = (tau, high) if np.maximum(x - tau, 0).sum() > 1 else (low, tau)
    return np.maximum(x - tau, 0)


def multiclass_sparsemax(x: Array, y: int) -> float:
    p = simplex(x)
    return float(p @ x - p @ p / 2 + 1 / 2 - x[y])


def ntxent(x: Array, y: Array, tau: float) -> float:
    terms = []
    for i, j in itertools.permutations(range(len(x)), 2):
        if y[i] == y[j]:
            others = sum(np.exp(cosine(x[i], x[k]) / tau) for k in range(len(x)) if y[k] != y[i])
            own = np.exp(cosine(x[i], x[j]) / tau)
            terms.append(-np.log(own / (own + others)))
    return float(np.mean(terms))


def triplet(a: Array, p: Array, n: Array, degree: float, margin: float, eps: float) -> float:
    def distance(x: Array, y: Array) -> float:
        return (eps + (np.abs(x - y) ** degree).sum()) ** (1 / degree)

    return max(0.0, distance(a, p) - distance(a, n) + margin)


def ranking(x: Array, y: Array, w: Array) -> float:
    return -float(np.sum(w * y * np.log(softmax(x))))


def dice(p: Array, t: Array, smooth: float, alpha: float, beta: float) -> float:
    both, only_p, only_t = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
    return 1 - (both + smooth) / (both + alpha * only_p + beta * only_t + smooth)


def ctc(x: Array, labels: list[int], blank: int) -> float:
    """The sum over every sequence of classes that gives the labels."""
    p = np.stack([softmax(row) for row in x])
    total = 0.0
    for path in itertools.product(range(x.shape[1]), repeat=len(x)):
        merged = [k for k, _ in itertools.groupby(path)]
        if [k for k in merged if k != blank] == labels:
            total += np.prod([p[t, k] for t, k in enumerate(path)])
    return -np.log(total) if total else np.inf


def each(function: Callable[..., Any], *arrays: Array, **options: Any) -> Array:
    """`function` of each example, along the first axis."""
    return np.array([function(*example, **options) for example in zip(*arrays, strict=True)])
