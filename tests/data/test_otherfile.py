"""Another file is measured in the numbers of the data that a model has learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.otherfile import measured_on
from seqstudio.data.sources import open_dataset
from seqstudio.document.settings import DataSettings

GOOD, BAD = ("good", "fine", "great"), ("bad", "poor", "awful")


def table(path: Path, rows: int, more: tuple[tuple[str, str], ...] = ()) -> Path:
    lines = [f"the {noun} {number} was {word},{label}"
             for number, noun in zip(range(rows), ("soup", "film") * rows, strict=False)
             for words, label in ((GOOD, "yes"), (BAD, "no"))
             for word in (words[number % 3],)]  # fmt: skip
    lines += [f"{text},{label}" for text, label in more]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> DataSettings:
    own = table(tmp_path / "own.csv", 40)
    return replace(DataSettings(), kind="sentences", path=str(own), length=12, tokens="words")


def test_every_example_of_the_file_is_told_in_the_models_numbers(
    settings: DataSettings, tmp_path: Path
) -> None:
    own = open_dataset(settings)
    more = (("a marvellous great evening", "yes"), ("what a poor show", "no"))
    given = measured_on(own, settings, table(tmp_path / "other.csv", 15, more), None)
    task = given.dataset.held_out_task
    assert given.left_out == 0
    assert len(task) == 32  # type: ignore[arg-type]
    lines = []
    for batch in given.dataset.held_out():
        assert batch.inputs.max() < len(own.vocabulary.symbols)  # type: ignore[union-attr]
        lines += [task.line(batch, row) for row in range(len(batch.targets))]  # type: ignore[union-attr]
    assert any("great" in line and line.endswith("yes") for line in lines)
    assert not any("marvellous" in line for line in lines)
    assert given.dataset.content_hash != own.content_hash


def test_examples_of_another_class_are_left_out_and_counted(
    settings: DataSettings, tmp_path: Path
) -> None:
    own = open_dataset(settings)
    more = tuple((f"nobody knows {number}", "maybe") for number in range(4))
    given = measured_on(own, settings, table(tmp_path / "other.csv", 15, more), None)
    assert given.left_out == 4
    targets = np.concatenate([batch.targets for batch in given.dataset.held_out()])
    assert sorted(set(targets.tolist())) == [0, 1]


def test_a_file_of_another_kind_is_refused(settings: DataSettings, tmp_path: Path) -> None:
    own = open_dataset(settings)
    broken = tmp_path / "noise.csv"
    broken.write_bytes(b"\x00\x01" * 50)
    with pytest.raises(DataError):
        measured_on(own, settings, broken, None)
    other = table(tmp_path / "other.csv", 15)
    pieces = open_dataset(replace(settings, tokens="pieces", symbols=300))
    with pytest.raises(DataError, match="pieces"):
        measured_on(pieces, replace(settings, tokens="pieces", symbols=300), other, None)


def test_pairs_of_sentences_keep_their_signs_and_words(tmp_path: Path) -> None:
    animals = ("cat", "dog", "horse", "bird", "fish", "cow", "goat", "hen", "pig", "duck")
    pairs = [(f"the {one} sees the {two}", f"{two} videt {one}")
             for one in animals for two in animals if one != two]  # fmt: skip
    paths = [tmp_path / "own.tsv", tmp_path / "other.tsv"]
    for path, part in zip(paths, (pairs, pairs[::2]), strict=True):
        path.write_text("".join(f"{a}\t{b}\n" for a, b in part), encoding="utf-8")
    settings = replace(DataSettings(), kind="pairs", path=str(paths[0]), length=12)
    own = open_dataset(settings)
    given = measured_on(own, settings, paths[1], None)
    assert given.left_out == 0
    assert own.source_vocabulary is not None
    sources = set()
    for batch in given.dataset.held_out():
        assert batch.source is not None
        assert batch.source_lengths is not None
        for ids, length in zip(batch.source, batch.source_lengths, strict=True):
            sources.add(own.source_vocabulary.decode(ids[:length]).strip())
    assert sources == {a for a, _ in pairs[::2]}
