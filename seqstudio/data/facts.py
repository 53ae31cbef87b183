"""What a graph's shapes need to know about the data."""

from __future__ import annotations

from seqstudio.blocks.declaration import DataFacts
from seqstudio.data.dataset import Dataset
from seqstudio.document.settings import TrainingSettings


def facts_of(dataset: Dataset, training: TrainingSettings) -> DataFacts:
    """Return the facts that the check of a graph rests on."""
    window = training.window
    if dataset.task is not None:
        window = dataset.fixed_batches(1, 1)[0].inputs.shape[1]
    return DataFacts(
        title=dataset.title,
        pattern=dataset.pattern,
        input=dataset.input,
        vocabulary=len(dataset.vocabulary.symbols) if dataset.vocabulary else 0,
        width=dataset.vector_width,
        classes=len(dataset.classes),
        window=window,
        batch=training.batch,
        unit=dataset.unit,
    )
