"""A tag for every token of a text. Shape legend: T tokens, C tags."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import DataError, RunError
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.inside.trying.next_token import shown_tokens
from seqstudio.records.inside.trying.tagging import MOST_TOKENS, TagText, TextTagged
from seqstudio.records.readings import freeze

_ROWS = 32  # beginnings of the text that are read at once


def tag_text(subject: Subject, question: TagText) -> Iterator[TextTagged | None]:
    """Answer `TagText`: the text, and every beginning of it as if it ended there.

    Raises:
        RunError: The model gives no tag to every token.
        DataError: The model knows nothing of the text.
    """
    del question
    dataset, vocabulary = subject.dataset, subject.dataset.vocabulary
    if dataset.pattern != "class per step" or vocabulary is None or dataset.source:
        raise RunError(
            "This model does not tag a text",
            f"{dataset.title} asks for: {dataset.pattern}",
            "Open a project that tags, such as Parts of speech",
        )
    ids = vocabulary.encode(subject.text, skip_unknown=True).astype(np.int64)
    if not len(ids):
        raise DataError("There is nothing to read", "nothing of it is known", "Type a text")
    kept = torch.from_numpy(ids[: min(MOST_TOKENS, subject.project.data.length)])
    outputs, _state = subject.model(_given(subject, kept[None], torch.tensor([len(kept)])))
    rows = list[Tensor]()
    for first in range(1, len(kept) + 1, _ROWS):
        rows.append(_so_far(subject, kept, range(first, min(first + _ROWS, len(kept) + 1))))
        yield None
    yield TextTagged(
        shown_tokens(vocabulary, kept.tolist()),
        dataset.classes,
        freeze(outputs[0].double().softmax(-1).numpy()),
        freeze(torch.cat(rows).numpy()),
        vocabulary.unknown(subject.text),
        vocabulary.rare(subject.text),
        len(ids) - len(kept),
    )


def _given(subject: Subject, main: Tensor, lengths: Tensor) -> Inputs:
    return Inputs(main, lengths=lengths if subject.dataset.padded else None)


def _so_far(subject: Subject, ids: Tensor, lengths: range) -> Tensor:
    """Return the probabilities (rows, C) of the last token of the first `lengths` tokens."""
    if not subject.dataset.padded:  # rows of one length only: one after the other
        alone = [subject.model(Inputs(ids[None, :count]))[0][0, -1] for count in lengths]
        return torch.stack(alone).double().softmax(-1)
    steps = torch.tensor(list(lengths))
    main = ids[: lengths[-1]].repeat(len(steps), 1)
    main[torch.arange(main.shape[1]) >= steps[:, None]] = 0
    outputs, _state = subject.model(_given(subject, main, steps))
    last: Tensor = outputs[torch.arange(len(steps)), steps - 1]
    return last.double().softmax(-1)


ANSWERS: dict[type, Answer] = {TagText: tag_text}
