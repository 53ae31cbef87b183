"""Music as tokens to learn: pieces of any source, split, transposed, and numbered.

The tokens of a piece are those of its coding (`seqstudio.music.codings`); the vocabulary is what
the training part has. Everything here takes time linear in the tokens.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError, MusicError
from seqstudio.data.dataset import Dataset
from seqstudio.data.pieces import MusicSource, all_pieces, is_small, music_source
from seqstudio.data.tasks.base import hash_of
from seqstudio.data.transposing import KEYS, moved_score, moved_token, other_tempo
from seqstudio.data.vocabulary import TokenVocabulary
from seqstudio.music.abc import transpose
from seqstudio.music.codings import CODINGS
from seqstudio.music.codings.musical import plain_abc
from seqstudio.music.harmonise import harmonise, is_melody

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.data.vocabulary import Vocabulary
    from seqstudio.document.settings import DataSettings
    from seqstudio.music.collection import Named
    from seqstudio.music.score import Score

    Ids = NDArray[np.int64]

SHORTEST = 1_000
"""Fewest training tokens worth learning from."""


@dataclass(frozen=True)
class _Coded:
    """A piece in its own key, with what is needed to move it."""

    piece: Named
    text: str
    tokens: tuple[str, ...]


def open_music(settings: DataSettings, base: Path | None) -> Dataset:
    """Open pieces of music as the tokens of the coding that `settings.kind` names.

    Raises:
        DataError: Nothing there can be read, or it is too little to learn from.
    """
    kind, source = settings.kind, music_source(settings, base)
    notes = list(source.notes)
    train = _coded(kind, source.train, notes)
    valid = _coded(kind, source.valid, notes)
    shifts = KEYS if _transposes(settings, source) else (0,)
    table: dict[str, int] = {}
    copies = _copies(kind, train, shifts, table)
    _check_enough(source.title, copies)
    if len(shifts) > 1:
        tempo = " and at three tempos" if kind == "events" else ""
        notes.insert(0, f"Training pieces written in all twelve keys{tempo}")
    counts = f"Pieces: {len(train):,} to learn, {len(valid):,} held out"
    ids = np.concatenate(copies)
    symbols = sorted(table)
    places = np.empty(len(table), np.uint16)
    places[[table[symbol] for symbol in symbols]] = np.arange(len(symbols), dtype=np.uint16)
    held = [table.get(token, -1) for each in valid for token in each.tokens]
    known = np.array([number for number in held if number >= 0], np.int64)
    notes += _unknown_words(valid, table, len(held) - len(known))
    vocabulary = TokenVocabulary(tuple(symbols))
    return _dataset(kind, source, vocabulary, places[ids], places[known], (counts, *notes))


def _dataset(
    kind: str, source: MusicSource, vocabulary: TokenVocabulary, train: NDArray[np.uint16],
    valid: NDArray[np.uint16], notes: tuple[str, ...],
) -> Dataset:  # fmt: skip
    coding = CODINGS[kind]
    made = kind == "voices" and any(is_melody(each.score) for each in source.train)
    return Dataset(
        title=source.title,
        origin=f"{source.origin} Alto, tenor and bass are made by rule."
        if made
        else source.origin,
        pattern="next token",
        input="ids",
        vocabulary=vocabulary,
        unit=coding.unit,
        token_name=coding.token_name,
        chance=math.log(len(vocabulary)),
        content_hash=hash_of(f"{kind} {vocabulary.symbols}", train, valid),
        train=train,
        valid=valid,
        notes=notes,
    )


def numbers_in(
    settings: DataSettings, base: Path | None, vocabulary: Vocabulary
) -> tuple[NDArray[np.uint16], list[str]]:
    """Return music of any source in the numbers of a vocabulary, and the tokens that it lacks.

    Args:
        settings: Kind of data and where the music is.
        base: The project's folder.
        vocabulary: Of the model that is to read it.

    Raises:
        DataError: Nothing there can be read.
    """
    table = {symbol: number for number, symbol in enumerate(vocabulary.symbols)}
    pieces = _coded(settings.kind, all_pieces(settings, base), [])
    tokens = [token for each in pieces for token in each.tokens]
    ids = np.array([table[token] for token in tokens if token in table], np.uint16)
    return ids, [token for token in tokens if token not in table]


def piece_text(kind: str, piece: Named) -> str:
    """Return a piece in its own key, with its closing sign.

    Raises:
        MusicError: The coding cannot hold it.
    """
    if kind == "abc" and piece.text:
        return piece.text.strip() + "\n\n"
    if kind == "abc-tokens" and piece.text:
        return plain_abc(piece.text)
    return CODINGS[kind].write(sounding(kind, piece))


def sounding(kind: str, piece: Named) -> Score:
    """Return a piece as a model of this kind of data gets it: melodies in four voices for it."""
    melody = kind == "voices" and is_melody(piece.score)
    return _harmonised(piece.score) if melody else piece.score


_harmonised = lru_cache(maxsize=256)(harmonise)


def _coded(kind: str, pieces: Sequence[Named], notes: list[str]) -> list[_Coded]:
    """Write pieces as tokens; what a coding cannot hold is left out with a note."""
    coding, found, refused = CODINGS[kind], list[_Coded](), Counter[str]()
    for piece in pieces:
        try:
            text = piece_text(kind, piece)
        except MusicError as error:
            refused[error.what] += 1
            continue
        found.append(_Coded(piece, text, tuple(coding.tokens(text))))
    notes += [f"{count:,} pieces left out: {why}" for why, count in refused.most_common(3)]
    return found


def _transposes(settings: DataSettings, source: MusicSource) -> bool:
    small = settings.transpose == "auto" and is_small(source)
    return settings.transpose == "on" or small


def _copies(
    kind: str, pieces: list[_Coded], shifts: Sequence[int], table: dict[str, int]
) -> list[Ids]:
    """Return the numbers of all pieces, key by key as in the book; fills the table of symbols.

    Key by key, not piece by piece: a model whose state is carried on must not find the same
    piece a few lines back.
    """
    if kind in ("abc", "abc-tokens"):
        texts = (transpose(each.text, shift) for shift in shifts for each in pieces)
        return [_numbered(CODINGS[kind].tokens(text), table) for text in texts]
    own = [_numbered(each.tokens, table) for each in pieces]
    copies = list(own)
    for turn, shift in enumerate(shifts[1:], start=1):
        before = list(table)[: max((int(ids.max(initial=0)) for ids in own), default=0) + 1]
        moved = _numbered([moved_token(symbol, shift) for symbol in before], table)
        for order, (each, ids) in enumerate(zip(pieces, own, strict=True)):
            again = _by_score(kind, each, shift, table) if _has_drums(each) else moved[ids]
            if kind == "events":
                again = other_tempo(again, table, (turn + order) % 3 - 1)
            copies.append(again)
    return copies


def _has_drums(each: _Coded) -> bool:
    return any(track.drums for track in each.piece.score.tracks)


def _by_score(kind: str, each: _Coded, shift: int, table: dict[str, int]) -> Ids:
    """Move a piece whose drums stay where they are."""
    text = CODINGS[kind].write(moved_score(each.piece.score, shift))
    return _numbered(CODINGS[kind].tokens(text), table)


def _numbered(tokens: Sequence[str], table: dict[str, int]) -> Ids:
    return np.array([table.setdefault(token, len(table)) for token in tokens], np.int64)


def _check_enough(title: str, copies: list[Ids]) -> None:
    tokens = sum(map(len, copies))
    if tokens < SHORTEST:
        raise DataError(
            f"{title} is too short to learn from",
            f"it has {tokens:,} tokens, at least {SHORTEST:,} are needed",
            "Choose more music",
        )


def _unknown_words(valid: list[_Coded], table: dict[str, int], count: int) -> list[str]:
    if not count:
        return []
    strange = Counter(token for each in valid for token in each.tokens if token not in table)
    shown = ", ".join(repr(token.strip()) for token, _n in strange.most_common(6))
    return [f"{count:,} held-out tokens that training never has are left out: {shown}"]
