"""What can be reached without a neural network: the figure that a trained model must beat."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from seqstudio.core.errors import StorageError
from seqstudio.core.files import write_atomic
from seqstudio.data.tasks import AddingTask, HelloTask, RecallTask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.data.dataset import Dataset

_log = logging.getLogger(__name__)

ORDERS = 5
# Counting sorts every context: longer corpora are cut to this, so that a floor costs seconds.
MOST_TRAIN = 2_000_000
MOST_VALID = 500_000
_METHOD = 1  # raise it when the figures change, so that old caches are left aside


@dataclass(frozen=True)
class Floor:
    """A loss that needs no learning.

    Attributes:
        name: How it is reached, such as "counting 5 characters".
        value: The loss on the held-out part.
        unit: Unit of the loss, the same as the dataset's.
    """

    name: str
    value: float
    unit: str


def floor(dataset: Dataset, cache: Path | None = None) -> Floor:
    """Return the floor of a dataset.

    Texts: the best Witten-Bell character n-gram of orders 1 to 5, counted on the training part
    and measured on the held-out part. Tasks: the closed form of the best answer without memory.

    Args:
        dataset: A text or a task.
        cache: Folder that keeps the figures of texts; None is the user's cache folder.
    """
    match dataset.task:
        case AddingTask():
            return Floor("always guess 1", 1 / 6, dataset.unit)
        case RecallTask():
            return Floor("guess", dataset.chance, dataset.unit)
        case HelloTask():
            # h and e tell the next character; after an l it is l or o, half and half.
            return Floor("no memory", math.log(2) / 2, dataset.unit)
    folder = cache or Path(platformdirs.user_cache_dir("SeqStudio", appauthor=False)) / "floors"
    path = folder / f"{dataset.content_hash}.json"
    return _load(path, dataset.unit) or _count_and_keep(path, dataset)


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
        probability = _interpolate(grams // symbols, gram, context, probability)
        losses.append(-float(np.log(probability).mean()))
        context = np.concatenate([[len(grams)], gram[:-1]])  # nothing precedes the first symbol
    return tuple(losses)


def _interpolate(
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


def _count_and_keep(path: Path, dataset: Dataset) -> Floor:
    result = _count(dataset)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = {"method": _METHOD, "name": result.name, "value": result.value}
        write_atomic(path, json.dumps(entry).encode())
    except (OSError, StorageError):
        _log.info("the floor is not kept: %s cannot be written", path)
    return result


def _count(dataset: Dataset) -> Floor:
    train, valid = dataset.train[-MOST_TRAIN:], dataset.valid[:MOST_VALID]
    symbols = len(dataset.vocabulary or ())
    losses = witten_bell(train, valid, symbols)
    best = int(np.argmin(losses))
    of = (
        f", on {len(train):,} of {len(dataset.train):,}" if len(train) < len(dataset.train) else ""
    )
    return Floor(f"counting {best + 1}-grams{of}", losses[best], dataset.unit)


def _load(path: Path, unit: str) -> Floor | None:
    """Return a kept figure; None where there is none, or none that makes sense."""
    try:
        entry = json.loads(path.read_bytes())
        if entry["method"] != _METHOD:
            return None
        name, value = str(entry["name"]), float(entry["value"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return Floor(name, value, unit) if math.isfinite(value) and value > 0 else None
