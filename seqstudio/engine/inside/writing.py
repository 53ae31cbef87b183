"""Writing with recorded weights: the answer to `WriteOf`."""

from __future__ import annotations

from collections.abc import Iterator

from seqstudio.core.errors import RunError
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.sampling import write
from seqstudio.records.inside.writing import WriteOf, Written
from seqstudio.records.messages import Write

TOLD_EVERY = 64  # tokens


def written(subject: Subject, wish: WriteOf) -> Iterator[Written | None]:
    """Answer `WriteOf`; the text as far as it is comes every 64 tokens.

    Raises:
        RunError: The model does not predict tokens of a vocabulary.
        DataError: The prompt has characters that the model never saw.
    """
    vocabulary = subject.dataset.vocabulary
    if vocabulary is None:
        raise RunError("This model cannot write", "its data have no symbols", "Choose a text")
    request = Write(0, wish.prompt, wish.length, wish.temperature, wish.top_k, wish.top_p,
                    wish.seed, wish.constraints)  # fmt: skip
    kind = subject.project.data.kind
    writings = write(subject.model, vocabulary, request, subject.step, kind=kind)
    for number, writing in enumerate(writings, 1):
        told = writing.done or number % TOLD_EVERY == 0
        yield Written(writing.sample()) if told else None


ANSWERS: dict[type, Answer] = {WriteOf: written}
