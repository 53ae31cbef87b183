"""A sentence is read as the source and another one written.

Shape legend: S source tokens, T written tokens, H heads, N nodes of the beam tree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.reading.signed import shown
from seqstudio.data.scoring.texts import written
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.engine.beam_search import NORM, Grown, beams, scores
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.attention.tap import Place, places_of, tapped
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.layers import Positions
from seqstudio.records.inside.predictions import BeamTree
from seqstudio.records.inside.trying.translation import (
    MOST_TOKENS,
    Aligned,
    Translate,
    Translated,
    WrittenFor,
)
from seqstudio.records.readings import freeze


@dataclass(frozen=True)
class _Task:
    """What is read and how it is written."""

    given: Inputs
    vocabulary: Vocabulary
    signs: tuple[int, int]
    limit: int
    right: tuple[str, ...]


def translate(subject: Subject, question: Translate) -> Iterator[Translated | None]:
    """Answer `Translate`.

    Raises:
        RunError: The model writes nothing from a source of symbols.
        DataError: The model knows nothing of the text.
    """
    dataset = subject.dataset
    vocabulary, reads, signs = dataset.vocabulary, dataset.source_vocabulary, dataset.writes
    if vocabulary is None or reads is None or signs is None or dataset.source != "ids":
        raise RunError(
            "This model writes nothing from a sentence",
            f"{dataset.title} asks for: {dataset.pattern}",
            "Open a project that does, such as Translate with attention",
        )
    ids, skipped = _encoded(reads, subject.text)
    kept = ids[: _longest(subject)]
    source = torch.from_numpy(kept.astype(np.int64))[None]
    limit = min(MOST_TOKENS, subject.model.facts.window)
    task = _Task(Inputs(source, source), vocabulary, signs, limit, question.right)
    greedy, tree = _Search(signs[1]), _Search(signs[1])
    for search, width in ((greedy, 1), (tree, question.width)):
        for grown in beams(subject.model, task.given, signs, limit, width):
            search.take(grown)
            yield None
    yield Translated(
        tuple(shown(reads.symbols[int(number)]) for number in kept),
        _told(subject, task, greedy),
        _told(subject, task, tree),
        tree.told(vocabulary),
        question.width,
        skipped,
        len(ids) - len(kept),
    )


def _encoded(reads: Vocabulary, text: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint16]],
                                                    tuple[str, ...]]:  # fmt: skip
    ids = reads.encode(text.strip(), skip_unknown=True)
    if not len(ids):
        raise DataError("There is nothing to read", "nothing of it is known", "Type a sentence")
    return ids, tuple(dict.fromkeys((*reads.rare(text), *reads.unknown(text.strip()))))


def _longest(subject: Subject) -> int:
    """Return how many tokens the model can read: learned places end somewhere."""
    learned = [part.learned for part in subject.model.modules() if isinstance(part, Positions)]
    return min([MOST_TOKENS, *(each.num_embeddings for each in learned if each is not None)])


@dataclass
class _Search:
    """The nodes of a search so far, and the node that every beam ends at, the best first."""

    ending: int
    parent: list[int] = field(default_factory=list)
    token: list[int] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)
    log_p: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    steps: int = 0

    def take(self, grown: Grown) -> None:
        """Add one step of a search of a single row."""
        before, self.ends = self.ends or [-1] * grown.token.shape[1], []
        parts = (grown.parent, grown.token, grown.log_p, grown.total)
        for parent, token, log_p, total in zip(*(part[0].tolist() for part in parts), strict=True):
            node = before[parent]
            if token >= 0 and not math.isinf(total):
                self.parent.append(node)
                self.token.append(token)
                self.depth.append(self.steps)
                self.log_p.append(log_p)
                self.total.append(total)
                node = len(self.token) - 1
            self.ends.append(node)
        self.steps += 1

    def tokens(self) -> list[int]:
        """Return the symbols of the best sequence."""
        found, node = list[int](), self.ends[0]
        while node >= 0:
            found.append(self.token[node])
            node = self.parent[node]
        return found[::-1]

    def told(self, vocabulary: Vocabulary) -> BeamTree:
        """Return the tree as a record, with the symbols that stand in it alone."""
        used, token = np.unique(np.array(self.token, np.int64), return_inverse=True)
        return BeamTree(
            0, (), tuple(shown(vocabulary.symbols[int(number)]) for number in used),
            freeze(np.array(self.parent, np.int64)), freeze(np.array(self.depth, np.int64)),
            freeze(token.astype(np.int64)), freeze(np.array(self.log_p, np.float64)),
            freeze(np.array(self.total, np.float64)), tuple(dict.fromkeys(self.ends)), (),
            self.steps,
        )  # fmt: skip


def _told(subject: Subject, task: _Task, search: _Search) -> WrittenFor:
    ids, log_p = search.tokens(), search.total[search.ends[0]]
    words = ids[:-1] if ids[-1] == task.signs[1] else ids
    text = task.vocabulary.decode(np.array(words, np.int64))
    found = written([text], [task.right]) if task.right else None
    score = scores(torch.tensor(log_p), torch.tensor(len(ids)), NORM)
    return WrittenFor(
        text,
        tuple(shown(task.vocabulary.symbols[number]) for number in ids),
        log_p,
        float(score),
        math.nan if found is None else found.chrf,
        found is not None and found.exact == 1.0,
        _aligned(subject, task, torch.tensor(ids)),
    )


def _aligned(subject: Subject, task: _Task, ids: Tensor) -> tuple[Aligned, ...]:
    """Read the sentence again as it was written, and see where every place looks."""
    places = _asking(subject)
    if not places:
        return ()
    main = torch.cat([torch.tensor([task.signs[0]]), ids[:-1]])[None]
    with tapped(subject.model, places) as tap:
        subject.model(Inputs(main, task.given.source))
    return tuple(
        Aligned(place.site.name, freeze(tap.whole(place.site.key)[0].float().numpy()))
        for place in places
    )


def _asking(subject: Subject) -> list[Place]:
    """Return the places of attention that look from what is written at the source."""
    try:
        found = places_of(subject.model)
    except RunError:
        return []
    return [each for each in found if each.site.queries == "text" and each.site.keys == "source"]


ANSWERS: dict[type, Answer] = {Translate: translate}
"""What answers the questions of `seqstudio.records.inside.trying.translation`."""
