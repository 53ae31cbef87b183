"""Every number of a few steps. Shape legend: T steps, V symbols, H hidden numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from seqstudio.core.errors import RunError
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.inside.trying.next_token import vocabulary_of
from seqstudio.records.inside.trying.hello import MOST_HIDDEN, MOST_SYMBOLS, Columns, ColumnsOf
from seqstudio.records.readings import freeze


def columns(subject: Subject, wish: ColumnsOf) -> Iterator[Columns]:
    """Answer `ColumnsOf`.

    Raises:
        RunError: The model does not predict tokens, or knows too many for columns.
    """
    vocabulary = vocabulary_of(subject)
    if len(vocabulary) > MOST_SYMBOLS:
        raise RunError(
            "There are too many symbols for columns",
            f"the model knows {len(vocabulary):,}, {MOST_SYMBOLS} can be shown",
            "Open the project Hello",
        )
    model, excerpt = subject.model, subject.excerpt(wish.columns)
    outputs, _state, values = model.trace(excerpt.inputs)
    node = next(node for node in model.nodes if node.block == model.head)
    hidden = values[node.reads[0]][0].double()
    scores = outputs[0].double()
    targets = excerpt.targets[0, : len(scores)]
    surprise = -scores.log_softmax(-1).gather(1, targets[:, None].clamp(min=0))[:, 0]
    block = subject.project.graph.blocks.get(node.reads[0][0])
    yield Columns(
        vocabulary.symbols,
        freeze(excerpt.inputs.main[0].numpy()),
        freeze(targets.numpy()),
        freeze(hidden[:, :MOST_HIDDEN].numpy()),
        hidden.shape[-1],
        freeze(scores.numpy()),
        freeze(torch.where(targets >= 0, surprise, torch.nan).numpy()),
        "" if block is None else block.title or block.kind,
    )


ANSWERS: dict[type, Answer] = {ColumnsOf: columns}
