"""Sequence to sequence on pairs of sentences: one is read, the other written.

Shape legend: N = pairs, B = rows, S = steps of the source, T = steps of what is written.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import resolve
from seqstudio.data.counting import witten_bell
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.pairs import Pairs, choose_pairs, read_pairs
from seqstudio.data.reading.signed import SIGNS, Signed
from seqstudio.data.reading.tables import Column, Table
from seqstudio.data.reading.tokens import BytePairs, Words
from seqstudio.data.scoring.texts import written
from seqstudio.data.tasks.base import (
    BEGIN,
    END,
    NOT_ASKED,
    PAD,
    Batch,
    KnownFloor,
    Listed,
    hash_of,
    inside,
)
from seqstudio.data.tasks.phrases import COLUMNS, written_phrases
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from seqstudio.document.settings import DataSettings

LEAST = 20
"""Fewest pairs worth learning from."""
_SHUFFLE = 0
_COMPARED = 300  # held-out sentences that the nearest ones are looked up for


@dataclass(frozen=True, eq=False)
class Side:
    """One side of all pairs.

    Attributes:
        texts: N sentences as they are learnt.
        ids: Tokens of all of them one after another, without signs.
        starts: (N + 1,) where each begins in `ids`.
        vocabulary: The tokens, behind the signs.
    """

    texts: tuple[str, ...]
    ids: NDArray[np.uint16]
    starts: NDArray[np.int64]
    vocabulary: Signed

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sentence (N,)."""
        return np.diff(self.starts)

    def row(self, place: int) -> NDArray[np.uint16]:
        """Return the tokens of one sentence."""
        return self.ids[self.starts[place] : self.starts[place + 1]]

    def filled(self, places: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        """Return some sentences (B, width), filled up with `PAD`."""
        steps = np.arange(width)
        at = np.minimum(self.starts[places][:, None] + steps, len(self.ids) - 1)
        return np.where(inside(self.lengths[places], width), self.ids[at], PAD).astype(np.int64)


@dataclass(frozen=True, eq=False)
class PairsTask(Listed):
    """Write the other sentence of a pair.

    Source (B, S): a sentence. Inputs (B, T): the sign to begin, then the sentence to be written.
    Targets (B, T): the same one step earlier, then the sign to end.

    Attributes:
        source: What is read.
        target: What is written.
        widths: S and T - 1, the most tokens of both parts.
        learnt: The training part, for the held-out one.
    """

    source: Side
    target: Side
    widths: tuple[int, int]
    learnt: PairsTask | None = field(default=None, repr=False)

    @override
    def __len__(self) -> int:
        return len(self.source.texts)

    @override
    def take(self, places: NDArray[np.int64]) -> Batch:
        rows, steps = np.arange(len(places)), self.widths[1] + 1
        lengths = self.target.lengths[places]
        wanted = self.target.filled(places, self.widths[1])
        inputs = np.full((len(places), steps), BEGIN)
        inputs[:, 1:] = wanted
        targets = np.full((len(places), steps), NOT_ASKED)
        targets[:, :-1] = np.where(inside(lengths, self.widths[1]), wanted, NOT_ASKED)
        targets[rows, lengths] = END
        source = self.source.filled(places, self.widths[0])
        return Batch(inputs, targets, lengths + 1, source, self.source.lengths[places])

    @override
    def line(self, batch: Batch, row: int) -> str:
        assert batch.source is not None
        read = self.source.vocabulary.decode(batch.source[row])
        wanted = batch.targets[row]
        return f"{read} → {self.target.vocabulary.decode(wanted[wanted > END])}"

    @override
    def right_answers(self, batch: Batch, row: int) -> tuple[str, ...]:
        """Return all translations that the file has for a source, the one of the row first."""
        assert batch.source is not None
        read, wanted = batch.source[row], batch.targets[row]
        key = _key(read[read > END], wanted[wanted > END])
        place = self._places.get(key)
        return () if place is None else self.references(place)

    def references(self, place: int) -> tuple[str, ...]:
        """Return the translation at a place, and then the others of the same source."""
        own = self.target.texts[place]
        return tuple(dict.fromkeys((own, *self._by_source[self.source.texts[place]])))

    def translations(self, text: str) -> tuple[str, ...]:
        """Return the translations that this part has for a sentence, () for one that it lacks."""
        return tuple(dict.fromkeys(self._by_source.get(self.source.vocabulary.plain(text), ())))

    @cached_property
    def once(self) -> tuple[int, ...]:
        """The place of the first pair of every different source."""
        return tuple({text: at for at, text in reversed(list(enumerate(self.source.texts)))}
                     .values())[::-1]  # fmt: skip

    @cached_property
    def _by_source(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for read, wanted in zip(self.source.texts, self.target.texts, strict=True):
            found[read].append(wanted)
        return found

    @cached_property
    def _places(self) -> dict[tuple[bytes, bytes], int]:
        places = reversed(range(len(self)))
        return {_key(self.source.row(at), self.target.row(at)): at for at in places}

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        """Count what is written, as if no source were read: the best order of n-grams."""
        valid = [batch.targets[batch.targets != NOT_ASKED] for batch in examples]
        train = _stream((self.learnt or self).target)
        losses = witten_bell(
            train, np.concatenate(valid).astype(np.uint16), len(self.target.vocabulary)
        )
        best = int(np.argmin(losses))
        return f"counting {best + 1}-grams, without reading the source", losses[best]

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        """Answer with the translation of the training sentence that shares the most words."""
        rows = ((batch, row) for batch in examples for row in range(len(batch.targets)))
        sources, right = list[NDArray[np.int64]](), list[tuple[str, ...]]()
        for batch, row in islice(rows, _COMPARED):
            assert batch.source is not None
            read, wanted = batch.source[row], batch.targets[row]
            sources.append(read[read > END])
            own = self.target.vocabulary.decode(wanted[wanted > END])
            right.append(self.right_answers(batch, row) or (own,))
        found = written(self.nearest(sources), right)
        name = "the translation of the most similar training sentence"
        return KnownFloor("chrF", name, found.chrf), KnownFloor("BLEU", name, found.bleu)

    def nearest(self, sources: Sequence[NDArray[np.int64]]) -> list[str]:
        """Return the translations of the most similar training sentences: Jaccard of tokens."""
        part = self.learnt or self
        sizes, posts = _postings(part.source)
        found = []
        for tokens in sources:
            own = np.unique(tokens)
            rows = np.concatenate([_NONE, *(posts.get(int(token), _NONE) for token in own)])
            shared = np.bincount(rows, minlength=len(sizes))
            found.append(part.target.texts[int((shared / (sizes + len(own) - shared)).argmax())])
        return found


_NONE = np.zeros(0, np.int64)


def _postings(side: Side) -> tuple[NDArray[np.int64], dict[int, NDArray[np.int64]]]:
    """Return how many different tokens each sentence has, and in which sentences each stands."""
    rows = np.repeat(np.arange(len(side.texts)), side.lengths)
    pairs = np.unique(np.stack([side.ids.astype(np.int64), rows]), axis=1)
    tokens, starts = np.unique(pairs[0], return_index=True)
    sizes = np.bincount(pairs[1], minlength=len(side.texts))
    return sizes, dict(zip(tokens.tolist(), np.split(pairs[1], starts[1:]), strict=True))


def _key(read: NDArray[np.integer], wanted: NDArray[np.integer]) -> tuple[bytes, bytes]:
    return read.astype("<u2").tobytes(), wanted.astype("<u2").tobytes()


def _stream(side: Side) -> NDArray[np.uint16]:
    """Return all sentences with the sign to end behind each."""
    return np.insert(side.ids, side.starts[1:], END)


def open_pairs(settings: DataSettings, base: Path | None) -> Dataset:
    """Open pairs of sentences, or without a path those that a small grammar writes.

    Raises:
        DataError: The files are no good, or hold too few pairs.
    """
    if settings.path:
        path = resolve(settings.path, base)
        return paired_dataset(path.name, f"Your file {path}.", read_pairs(path, settings.columns),
                              settings)  # fmt: skip
    lines = written_phrases()
    columns = [Column(name, fields) for name, fields in
               zip(COLUMNS, zip(*lines, strict=True), strict=True)]  # fmt: skip
    table = Table("The built-in sentences", tuple(columns), np.arange(1, len(lines) + 1), "\t")
    found = choose_pairs(table, settings.columns)
    title = f"{found.names[0].capitalize()} into {found.names[1].capitalize()}"
    origin = "Written by a small grammar, with the sentences of the lectures; free to use."
    return paired_dataset(title, origin, found, settings)


def paired_dataset(title: str, origin: str, found: Pairs, settings: DataSettings) -> Dataset:
    """Number both sides and hold a part out, no source sentence in both parts."""
    if len(found.sources) < LEAST:
        raise DataError(
            f"{title} has too few pairs to learn from",
            f"{len(found.sources):,}, at least {LEAST} are needed",
        )
    split = _split(found.sources, settings.held_out)
    vocabularies = [
        _vocabulary([texts[place] for place in split[0]], settings)
        for texts in (found.sources, found.targets)
    ]
    parts = [_sides(found, places, vocabularies) for places in split]
    fits = [_fitting(sides, settings.length) for sides in parts]
    _refuse_nothing(title, fits, settings.length)
    widths = tuple(max(int(part[side].lengths.max()) for part in fits) for side in (0, 1))
    train = PairsTask(*fits[0], (widths[0], widths[1]))
    held = PairsTask(*fits[1], (widths[0], widths[1]), train)
    lost = len(found.sources) - len(train) - len(held)
    return Dataset(
        title=title,
        origin=origin,
        pattern="next token",
        input="ids",
        vocabulary=vocabularies[1],
        unit=f"nats per {_token_name(vocabularies[1])}",
        token_name=_token_name(vocabularies[1]),
        chance=math.log(len(vocabularies[1])),
        content_hash=hash_of(
            f"pairs {settings.length} {len(train)}",
            *(each for part in fits for side in part for each in (side.ids, side.lengths)),
        ),
        notes=(*_notes(train, held, lost, settings.length), *found.notes),
        task=train,
        held_out_task=held,
        source="ids",
        source_vocabulary=vocabularies[0],
        padded=True,
        writes=(BEGIN, END),
    )


def _split(sources: Sequence[str], held_out: float) -> tuple[list[int], list[int]]:
    """Return the places of the training and of the held-out pairs, drawn by source sentence."""
    groups = list(dict.fromkeys(text.casefold() for text in sources))
    if len(groups) < 2:
        raise DataError("Nothing is left to hold out", "all pairs have the same source sentence")
    order = np.random.default_rng(_SHUFFLE).permutation(len(groups))
    count = min(max(1, round(len(groups) * held_out)), len(groups) - 1)
    away = {groups[at] for at in order[-count:]}
    mixed = np.random.default_rng(_SHUFFLE).permutation(len(sources)).tolist()
    held = [sources[at].casefold() in away for at in mixed]
    return ([at for at, gone in zip(mixed, held, strict=True) if not gone],
            [at for at, gone in zip(mixed, held, strict=True) if gone])  # fmt: skip


def _vocabulary(texts: list[str], settings: DataSettings) -> Signed:
    whole = "\n".join(texts)
    if settings.tokens == "pieces":
        return Signed.over(BytePairs.of_text(whole, settings.symbols))
    if settings.tokens == "characters":
        return Signed.over(Vocabulary.of(whole.replace("\n", " ")))
    return Signed.over(Words.of_text(" " + whole.replace("\n", " "), settings.symbols, lower=True))


def _sides(found: Pairs, places: list[int], vocabularies: Sequence[Signed]) -> tuple[Side, Side]:
    read, wanted = (
        _side([texts[place] for place in places], vocabulary)
        for texts, vocabulary in zip((found.sources, found.targets), vocabularies, strict=True)
    )
    return read, wanted


def _side(texts: list[str], vocabulary: Signed) -> Side:
    plain = tuple(vocabulary.plain(text) for text in texts)
    rows = [vocabulary.encode(text, skip_unknown=True) for text in plain]
    return _joined(plain, rows, vocabulary)


def _joined(texts: Sequence[str], rows: list[NDArray[np.uint16]], vocabulary: Signed) -> Side:
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    ids = np.concatenate([*rows, np.zeros(0, np.uint16)]).astype(np.uint16)
    return Side(tuple(texts), ids, starts, vocabulary)


def _fitting(sides: tuple[Side, Side], length: int) -> tuple[Side, Side]:
    """Leave pairs out of which a side is longer than `length`, or has nothing that is known."""
    good = np.ones(len(sides[0].texts), np.bool_)
    for side in sides:
        good &= (side.lengths > 0) & (side.lengths <= length)
    kept = np.flatnonzero(good).tolist()
    read, wanted = (
        _joined([side.texts[at] for at in kept], [side.row(at) for at in kept], side.vocabulary)
        for side in sides
    )
    return read, wanted


def _refuse_nothing(title: str, parts: list[tuple[Side, Side]], length: int) -> None:
    for part, name in zip(parts, ("learn from", "hold out"), strict=True):
        if not part[0].texts:
            raise DataError(
                f"{title} has nothing to {name}",
                f"no pair of that part has at most {length} tokens a side",
                "Raise Length in the data settings",
            )


def _notes(train: PairsTask, held: PairsTask, lost: int, length: int) -> list[str]:
    notes = [
        f"Pairs: {len(train):,} to learn, {len(held):,} held out, which have {len(held.once):,} "
        "different sources; no source stands in both parts"
    ]
    if lost:
        notes.append(f"{lost:,} pairs have a side of more than {length} tokens and are left out")
    for name, pick in (("read", "source"), ("written", "target")):
        side: Side = getattr(held, pick)
        if isinstance(side.vocabulary.inner, Words):
            share = float((side.ids == len(SIGNS)).mean())
            notes.append(f"Unknown among the held-out words {name}: {100 * share:.1f} %")
    return notes


def _token_name(vocabulary: Signed) -> str:
    names = {Words: "word", BytePairs: "piece"}
    return names.get(type(vocabulary.inner), "character")
