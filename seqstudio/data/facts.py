"""What a graph's shapes need to know about the data."""

from __future__ import annotations

from typing import Any

from seqstudio.blocks.declaration import DataFacts
from seqstudio.data.dataset import Dataset
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.document.settings import TrainingSettings


def facts_of(dataset: Dataset, training: TrainingSettings) -> DataFacts:
    """Return the facts that the check of a graph rests on."""
    window, source_window = _windows(dataset, training)
    return DataFacts(
        title=dataset.title,
        pattern=dataset.pattern,
        input=dataset.input,
        vocabulary=_size(dataset.vocabulary),
        width=dataset.vector_width,
        classes=len(dataset.classes),
        window=window,
        batch=training.batch,
        unit=dataset.unit,
        source=dataset.source,
        source_vocabulary=_size(dataset.source_vocabulary),
        source_window=source_window,
        picture=dataset.picture,
        padded=dataset.padded,
        outputs=dataset.outputs,
    )


def _windows(dataset: Dataset, training: TrainingSettings) -> tuple[int, int]:
    """Return the steps of a window, the longest where rows differ, and those of the source.

    A picture is one step in a window, and none in a source.
    """
    if not dataset.generated:
        return training.window, 0
    batch = dataset.fixed_batches(1, 1)[0]
    return _steps(batch.inputs) or 1, 0 if batch.source is None else _steps(batch.source)


def _steps(stream: Any) -> int:
    """Return the steps of a stream (B, T) or (B, T, W), 0 for pictures (B, C, H, W)."""
    return 0 if stream.ndim == 4 else int(stream.shape[1])


def _size(vocabulary: Vocabulary | None) -> int:
    return len(vocabulary) if vocabulary else 0
