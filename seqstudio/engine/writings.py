"""What a model writes, whatever it predicts: tokens, or frames of keys."""

from __future__ import annotations

from collections.abc import Iterator

from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.engine.frames_writing import FramesWriting, write_frames
from seqstudio.engine.model import GraphModel
from seqstudio.engine.sampling import Writing, write
from seqstudio.engine.steered import Wishes
from seqstudio.music.codings.frames import PER_BEAT
from seqstudio.records.messages import Write


def writings(
    model: GraphModel,
    dataset: Dataset,
    request: Write,
    step: int,
    *,
    kind: str = "",
    wishes: Wishes | None = None,
) -> Iterator[Writing | FramesWriting]:
    """Write what `request` asks for, token by token or frame by frame.

    Args:
        model: The model.
        dataset: What it was trained on.
        request: What is asked for.
        step: Optimizer steps behind the weights.
        kind: Kind of the data.
        wishes: Where the writing can be steered.

    Raises:
        RunError: The model predicts neither tokens nor keys.
        DataError: The prompt has symbols that the model never saw.
    """
    if model.pattern == "notes":
        per_beat = int(getattr(dataset.task, "per_beat", PER_BEAT))
        yield from write_frames(model, request, step, per_beat=per_beat, wishes=wishes)
        return
    if dataset.vocabulary is None:
        raise RunError("This model cannot write", "it reads no tokens", "Use one that does")
    yield from write(model, dataset.vocabulary, request, step, kind=kind, wishes=wishes)
