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
from seqstudio.data.counting import witten_bell

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset

_log = logging.getLogger(__name__)

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
    and measured on the held-out part. Tasks say it themselves: a closed form, or counted.

    Args:
        dataset: A text or a task.
        cache: Folder that keeps the figures of texts; None is the user's cache folder.
    """
    if dataset.task is not None:
        name, value = dataset.task.floor(dataset.held_out())
        return Floor(name, value, dataset.unit)
    folder = cache or Path(platformdirs.user_cache_dir("SeqStudio", appauthor=False)) / "floors"
    path = folder / f"{dataset.content_hash}.json"
    return _load(path, dataset.unit) or _count_and_keep(path, dataset)


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
