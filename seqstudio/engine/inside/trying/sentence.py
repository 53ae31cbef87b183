"""A sentence read word by word by a model of labels. Shape legend: T tokens, C classes."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.reading.tokens import Words
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.records.inside.trying.sentence import MOST_TOKENS, ReadSentence, SentenceRead
from seqstudio.records.readings import freeze

_ROWS = 32  # beginnings of the sentence that are read at once


def read_sentence(subject: Subject, question: ReadSentence) -> Iterator[SentenceRead | None]:
    """Answer `ReadSentence`: every beginning of the text is a row of its own, with its length.

    Raises:
        RunError: The model does not tell the label of a text.
        DataError: The model knows nothing of the text.
    """
    del question
    vocabulary = _vocabulary(subject)
    ids, skipped = _encoded(vocabulary, subject.text)
    most = min(MOST_TOKENS, subject.project.data.length) if subject.dataset.padded else MOST_TOKENS
    kept = ids[:most]
    rows = []
    for first in range(1, len(kept) + 1, _ROWS):
        rows.append(_beginnings(subject, kept, range(first, min(first + _ROWS, len(kept) + 1))))
        yield None
    yield SentenceRead(
        tuple(vocabulary.symbols[number] for number in kept),
        subject.dataset.classes,
        freeze(torch.cat(rows).double().numpy()),
        skipped,
        len(ids) - len(kept),
    )


def _vocabulary(subject: Subject) -> Vocabulary:
    dataset = subject.dataset
    if dataset.pattern != "class" or dataset.vocabulary is None:
        raise RunError(
            "This model does not tell the label of a text",
            f"{dataset.title} asks for: {dataset.pattern}",
            "Open a project that tells labels, such as Sentiment",
        )
    return dataset.vocabulary


def _encoded(vocabulary: Vocabulary, text: str) -> tuple[list[int], tuple[str, ...]]:
    spaced = f" {text.strip()}" if isinstance(vocabulary, Words) else text.strip()
    rare = vocabulary.rare(spaced) if isinstance(vocabulary, Words) else vocabulary.unknown(spaced)
    ids = vocabulary.encode(spaced, skip_unknown=type(vocabulary) is Vocabulary)
    if not text.strip() or not len(ids):
        raise DataError("There is nothing to read", "nothing of it is known", "Type a sentence")
    return [int(number) for number in ids], rare


def _beginnings(subject: Subject, ids: list[int], lengths: range) -> torch.Tensor:
    """Return the probabilities (rows, C) after the first `lengths` tokens."""
    steps = torch.tensor(list(lengths))
    main = torch.tensor(ids[: lengths[-1]]).repeat(len(steps), 1)
    main[torch.arange(main.shape[1]) >= steps[:, None]] = 0
    given = Inputs(main, lengths=steps if subject.dataset.padded else None)
    outputs: torch.Tensor = subject.model(given)[0]
    return outputs.softmax(-1)


ANSWERS: dict[type, Answer] = {ReadSentence: read_sentence}
