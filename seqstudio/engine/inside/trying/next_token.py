"""What may come next, after every token of a text. Shape legend: T tokens, V symbols, K told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.reading.tokens import BytePairs
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.reading import read
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.insight.choosing import next_probabilities
from seqstudio.records.inside.trying.next_token import MOST_TOKENS, NextOf, NextTokens
from seqstudio.records.readings import freeze


def next_tokens(subject: Subject, wish: NextOf) -> Iterator[NextTokens | None]:
    """Answer `NextOf`.

    Raises:
        RunError: The model does not predict tokens.
        DataError: The model knows nothing of the text.
    """
    vocabulary = vocabulary_of(subject)
    ids = vocabulary.encode(subject.text, skip_unknown=True).astype(np.int64)
    if not len(ids):
        raise DataError("There is nothing to read", "nothing of it is known", "Type a text")
    kept = torch.from_numpy(ids[-MOST_TOKENS:])
    rows = []
    whole = subject.dataset.generated
    for piece in read(subject.model, Inputs(kept[None]), whole=whole):
        rows.append(piece.outputs[0, piece.skip :].double())
        yield None
    logits = torch.cat(rows)
    raw = logits[:-1].softmax(-1).gather(1, kept[1:, None])[:, 0].numpy()
    names, p = _told(vocabulary, logits.numpy(), wish)
    yield NextTokens(
        shown_tokens(vocabulary, kept.tolist()),
        names,
        freeze(p),
        freeze(np.concatenate([[np.nan], raw])),
        vocabulary.unknown(subject.text),
        vocabulary.rare(subject.text),
        len(ids) - len(kept),
    )


def vocabulary_of(subject: Subject) -> Vocabulary:
    """Return the tokens of a model that writes on.

    Raises:
        RunError: It does not.
    """
    dataset = subject.dataset
    if subject.model.pattern != "next token" or dataset.vocabulary is None or dataset.source:
        raise RunError(
            "This model does not write on",
            f"{dataset.title} asks for: {dataset.pattern}",
            "Open a project that predicts the next token, such as Character LSTM",
        )
    return dataset.vocabulary


def shown_tokens(vocabulary: Vocabulary, ids: list[int]) -> tuple[str, ...]:
    """Return tokens as they stand in a text; pieces that are no whole character as they look."""
    if not isinstance(vocabulary, BytePairs):
        return tuple(vocabulary.symbols[number] for number in ids)
    alone = [vocabulary.decode(np.array([number])) for number in ids]
    return tuple(
        vocabulary.symbols[number] if "\ufffd" in text else text
        for number, text in zip(ids, alone, strict=True)
    )


def _told(
    vocabulary: Vocabulary, logits: np.ndarray, wish: NextOf
) -> tuple[tuple[str, ...], np.ndarray]:
    most = min(wish.most, logits.shape[1])
    names, p = list[str](), np.zeros((len(logits), most))
    for step, scores in enumerate(logits):
        chances = next_probabilities(scores, wish.temperature, wish.top_k, wish.top_p)
        best = np.argsort(-chances, kind="stable")[:most]
        names += shown_tokens(vocabulary, best.tolist())
        p[step] = chances[best]
    return tuple(names), p


ANSWERS: dict[type, Answer] = {NextOf: next_tokens}
