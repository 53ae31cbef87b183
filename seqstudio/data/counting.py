"""Predicting by counting: n-grams with Witten-Bell smoothing, the floor of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDERS = 5


def witten_bell(
    train: NDArray[np.unsignedinteger],
    valid: NDArray[np.unsignedinteger],
    symbols: int,
    orders: int = ORDERS,
) -> tuple[float, ...]:
    """Measure interpolated n-gram models with Witten-Bell smoothing (Witten and Bell, 1991).

    The probability of w after the context h of n-1 symbols, h' being h without its oldest, is
    (c(hw) + d(h) p(w | h')) / (c(h) + d(h)), with c counting in `train` and d(h) the number of
    different symbols seen after h; an unseen h leaves p(w | h'). Below order 1 stands 1 / V.
    The contexts of the first held-out symbols reach back into the training part.

    Args:
        train: Numbers of symbols (N,), each below `symbols`.
        valid: The held-out continuation (M,), M > 0.
        symbols: V, the size of the vocabulary.
        orders: Longest n.

    Returns:
        Mean negative log-probability of the held-out symbols, in nats, for n = 1 ... orders.
    """
    ids = np.concatenate([train, valid]).astype(np.int64)
    context = np.zeros_like(ids)
    probability = np.full(len(valid), 1 / symbols)
    losses = []
    for _order in range(orders):
        # An n-gram is the number of its context with its last symbol, so that the pair fits into
        # 64 bits at any order; its own number is the context of the next symbol, one order up.
        grams, gram = np.unique(context * symbols + ids, return_inverse=True)
        probability = interpolate(grams // symbols, gram, context, probability)
        losses.append(-float(np.log(probability).mean()))
        context = np.concatenate([[len(grams)], gram[:-1]])  # nothing precedes the first symbol
    return tuple(losses)


def interpolate(
    owner: NDArray[np.int64],
    gram: NDArray[np.int64],
    context: NDArray[np.int64],
    lower: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the probabilities of the held-out symbols, one order above `lower`.

    Args:
        owner: Number of the context of each different n-gram (G,).
        gram: Number of the n-gram that ends at each place of both parts (N + M,).
        context: Number of the context of each place (N + M,).
        lower: Probabilities one order below (M,).
    """
    n_train, size = len(gram) - len(lower), int(context.max()) + 1
    seen = np.bincount(gram[:n_train], minlength=len(owner))
    count = np.bincount(context[:n_train], minlength=size)
    different = np.bincount(owner[seen > 0], minlength=size)
    h = context[n_train:]
    total = count[h] + different[h]
    share = (seen[gram[n_train:]] + different[h] * lower) / np.maximum(total, 1)
    return np.where(total > 0, share, lower)
