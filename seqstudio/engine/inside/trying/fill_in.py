"""What a masked model fills in. Shape legend: T tokens, M masks, K candidates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.tasks.masked import MaskedTask
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.inside.trying.next_token import shown_tokens
from seqstudio.records.inside.trying.fill_in import FilledIn, FillIn
from seqstudio.records.readings import freeze


def fill_in(subject: Subject, wish: FillIn) -> Iterator[FilledIn]:
    """Answer `FillIn`: all masks at once, as the model was trained.

    Raises:
        RunError: The model does not fill in.
        DataError: The model knows nothing of the text.
    """
    task, vocabulary = subject.dataset.task, subject.dataset.vocabulary
    if not isinstance(task, MaskedTask) or vocabulary is None:
        raise RunError(
            "This model does not fill in what is masked",
            f"{subject.dataset.title} asks for: {subject.dataset.pattern}",
            "Open a project with masked text, such as Small BERT",
        )
    ids = vocabulary.encode(subject.text, skip_unknown=True).astype(np.int64)
    if not len(ids):
        raise DataError("There is nothing to read", "nothing of it is known", "Type a text")
    kept = torch.from_numpy(ids[: task.length])
    places = [place for place in wish.masked if 0 <= place < len(kept)]
    given = kept.clone()
    given[places] = task.mask
    outputs, _state = subject.model(Inputs(given[None]))
    p = outputs[0, places].double().softmax(-1)
    best = p.topk(min(wish.most, p.shape[-1]))
    names = shown_tokens(vocabulary, best.indices.flatten().tolist())
    typed = kept[places].clamp(max=p.shape[-1] - 1)  # a typed mask is no candidate
    yield FilledIn(
        shown_tokens(vocabulary, kept.tolist()),
        tuple(places),
        names,
        freeze(best.values.numpy()),
        freeze(p.gather(1, typed[:, None])[:, 0].numpy()),
        vocabulary.unknown(subject.text),
        vocabulary.rare(subject.text),
        len(ids) - len(kept),
    )


ANSWERS: dict[type, Answer] = {FillIn: fill_in}
