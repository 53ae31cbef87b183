"""Pairs of sentences: real files, good and broken, and what a model is given of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.pairs import LONGEST, read_pairs
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.base import BEGIN, END, NOT_ASKED
from seqstudio.data.tasks.pairs import PairsTask
from seqstudio.data.tasks.phrases import LECTURE, written_phrases
from seqstudio.document.settings import DataSettings

WORDS = ("cat", "dog", "house", "red", "sun", "sea", "tree")


def lines(count: int = 60) -> list[str]:
    return [f"{WORDS[at % 7]} {at}\t{WORDS[at % 5]}e {at}\tCC-BY 2.0 #{at}" for at in range(count)]


def write(folder: Path, text: str, name: str = "pairs.tsv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def opened(path: Path | str = "", **more: object) -> Dataset:
    settings = replace(DataSettings(), kind="pairs", path=str(path), length=40, **more)  # type: ignore[arg-type]
    return open_dataset(settings)


def parts(dataset: Dataset) -> tuple[PairsTask, PairsTask]:
    assert isinstance(dataset.task, PairsTask)
    assert isinstance(dataset.held_out_task, PairsTask)
    return dataset.task, dataset.held_out_task


# Reading


def test_columns_directions_and_attribution(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(lines()))
    found = read_pairs(path)
    assert (found.sources[1], found.targets[1]) == ("dog 1", "doge 1")
    assert any("“column 3” is not read" in note for note in found.notes)
    assert read_pairs(path, 'source="column 2" target="column 1"').sources == found.targets
    headed = write(tmp_path, "English\tFrench\nGo.\tVa\u202f!\nHi.\tSalut.\n", "h.tsv")
    assert read_pairs(headed, "source=French").targets == ("Go.", "Hi.")
    assert read_pairs(headed).targets[0] == "Va !"
    comma = write(tmp_path, 'en,fr\n"Well, go.",Va\nHi.,Salut\n', "h.csv")
    assert read_pairs(comma).sources == ("Well, go.", "Hi.")
    ids = write(tmp_path, "12\tGo.\t77\tVa !\n13\tHi.\t78\tSalut.\n", "ids.tsv")
    assert read_pairs(ids).targets == ("Va !", "Salut.")
    quoted = write(tmp_path, '"Go" he said.\t« Va »\n"Hi\tSalut\n', "q.tsv")
    assert read_pairs(quoted).sources == ('"Go" he said.', '"Hi')


def test_two_files_side_by_side(tmp_path: Path) -> None:
    write(tmp_path, "one\ntwo\n\nfour\n", "a.en")
    write(tmp_path, "un\ndeux\n\nquatre\n", "a.fr")
    for found in (read_pairs(tmp_path), read_pairs(tmp_path / "a.en")):
        assert dict(zip(found.sources, found.targets, strict=True))["four"] == "quatre"
    assert read_pairs(tmp_path, "source=a.fr").sources == ("un", "deux", "quatre")
    write(tmp_path, "un\ndeux\n", "a.fr")
    with pytest.raises(DataError, match=r"a\.en, line 3 has no partner in a\.fr"):
        read_pairs(tmp_path)
    write(tmp_path, "x", "b.de")
    with pytest.raises(DataError, match="holds 3 files"):
        read_pairs(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({17: "no tab here"}, "line 18 has no tab"),
        ({4: "one\ttwo"}, "line 5 has 2 fields"),
        ({0: "x" * 3_000_000 + "\ty\tz"}, "line 1 has 3,000,004 characters"),
        ({at: f"\tb{at}\tc" for at in range(3, 60)}, "line 4: “column 1” is empty"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, change: dict[int, str], message: str) -> None:
    rows = [change.get(at, line) for at, line in enumerate(lines())]
    with pytest.raises(DataError) as caught:
        opened(write(tmp_path, "\n".join(rows)))
    assert message in str(caught.value)


def test_what_is_no_file_of_pairs_is_refused(tmp_path: Path) -> None:
    assert len(lines()[0]) < LONGEST
    with pytest.raises(DataError, match="line 2 has no tab"):
        read_pairs(write(tmp_path, "\njust a text\n", "alone.txt"))
    with pytest.raises(DataError, match="holds no pair of sentences"):
        read_pairs(write(tmp_path, "1\t2\n3\t4\n"))
    with pytest.raises(DataError, match="too few pairs"):
        opened(write(tmp_path, "\n".join(lines(5))))
    with pytest.raises(DataError, match="no column “nothing”"):
        read_pairs(write(tmp_path, "\n".join(lines())), "source=nothing")
    same = "\n".join(f"same\tother {at}" for at in range(40))
    with pytest.raises(DataError, match="Nothing is left to hold out"):
        opened(write(tmp_path, same))


def test_gaps_are_counted_and_named(tmp_path: Path) -> None:
    rows = lines()
    rows[6], rows[9] = "\tonly\tCC-BY", "only\t \tCC-BY"
    dataset = opened(write(tmp_path, "\n".join(rows)))
    assert "2 pairs with an empty side left out, first line 7" in dataset.notes
    assert sum(map(len, parts(dataset))) == 58


# What a model is given


def test_no_source_stands_in_both_parts_and_all_translations_count(tmp_path: Path) -> None:
    rows = [f"{WORDS[at % 7]} {at // 3}.\tmot {at}" for at in range(120)]
    rows += [f"Sun {at}\tsoleil {at}" for at in range(20)] + [
        f"sun {at}\tastre {at}" for at in range(20)
    ]
    train, held = parts(opened(write(tmp_path, "\n".join(rows)), held_out=0.3))
    assert not set(train.source.texts) & set(held.source.texts)
    assert len(train) + len(held) == 160
    batch = next(iter(held.whole(len(held))))
    for row in range(len(held)):
        wanted = {t for s, t in zip(held.source.texts, held.target.texts, strict=True)
                  if s == held.source.texts[row]}  # fmt: skip
        assert set(held.right_answers(batch, row)) == wanted
    assert any(len(held.references(place)) == 2 for place in held.once)


@pytest.mark.parametrize("tokens", ["words", "pieces", "characters"])
def test_rows_are_begun_ended_and_filled_up(tmp_path: Path, tokens: str) -> None:
    dataset = opened(write(tmp_path, "\n".join(lines())), tokens=tokens, symbols=300)
    train, _held = parts(dataset)
    batch = train.take(np.array([0, 7]))
    assert dataset.vocabulary is not None
    assert dataset.source_vocabulary is not None
    assert batch.source is not None
    assert batch.source_lengths is not None
    for row, place in enumerate((0, 7)):
        length, read = int(batch.lengths[row]), int(batch.source_lengths[row])
        assert batch.inputs[row, 0] == BEGIN
        assert batch.targets[row, length - 1] == END
        np.testing.assert_array_equal(
            batch.inputs[row, 1:length], batch.targets[row, : length - 1]
        )
        assert (batch.targets[row, length:] == NOT_ASKED).all()
        assert (batch.inputs[row, length:] == 0).all()
        assert dataset.vocabulary.decode(batch.inputs[row]) == train.target.texts[place]
        read_ids = batch.source[row, :read]
        assert dataset.source_vocabulary.decode(read_ids) == train.source.texts[place]
        again = dataset.source_vocabulary.encode(f"  {train.source.texts[place]} ")
        np.testing.assert_array_equal(again, read_ids)


def test_long_pairs_are_left_out_and_unknown_words_read_as_one_sign(tmp_path: Path) -> None:
    rows = [*lines(), "word " * 50 + "\tmot\tme"]
    dataset = opened(write(tmp_path, "\n".join(rows)))
    assert any("1 pairs have a side of more than 40 tokens" in note for note in dataset.notes)
    vocabulary = dataset.source_vocabulary
    assert vocabulary is not None
    assert vocabulary.decode(vocabulary.encode("the zebra cat")) == "\ufffd \ufffd cat"
    assert vocabulary.rare("zebra cat") == ("zebra",)


def test_the_floor_is_counted_on_the_held_out_part(tmp_path: Path) -> None:
    train, held = parts(
        opened(write(tmp_path, "\n".join(f"a{at} b\tthe same" for at in range(60))))
    )
    name, value = train.floor(held.whole(7))
    assert "without reading the source" in name
    assert 0 < value < 0.1  # "the same" and the end over and over
    assert {floor.measure: round(floor.value) for floor in held.known_floors(held.whole(7))} == {
        "chrF": 100, "BLEU": 0,
    }  # fmt: skip


# The sentences of the house


def test_the_grammar_agrees_and_crosses() -> None:
    phrases = written_phrases()
    assert len({english for english, _, _ in phrases}) == len(phrases) == 4000
    assert phrases[: len(LECTURE)] == LECTURE
    by_english = {line[0]: line for line in phrases}
    for english, spanish, french in phrases:
        assert "  " not in english + spanish + french
        for wrong in ("el casa", "la libro", "le étudiant", "la eau", "je achète", " ne achète"):
            assert wrong not in f"{spanish} {french}"
    some = [line for line in by_english.values() if line[0].startswith("the european economic")]
    assert all(line[2].split()[-1].startswith("européen") for line in some)


@pytest.mark.parametrize("columns", ["", "source=french target=english"])
def test_the_built_in_sentences_open_in_any_direction(columns: str) -> None:
    dataset = opened(columns=columns)
    source = "nous mangeons du pain" if columns else "we are eating bread"
    found = [part.translations(source) for part in parts(dataset)]
    assert ("we are eating bread" if columns else "estamos comiendo pan",) in found
