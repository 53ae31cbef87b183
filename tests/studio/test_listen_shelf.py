"""The shelf of takes: files that survive, damage that is put aside, takes that come back."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from seqstudio.core.errors import DataError, SeqError, StorageError
from seqstudio.music.score import Note, Score, Track
from seqstudio.records.messages import Constraints
from seqstudio.records.readings import Sample, freeze
from seqstudio.studio.listen.shelf import Shelf
from seqstudio.studio.listen.shelf_file import KeptTake, kept_of, kept_take, text_of
from seqstudio.studio.listen.takes import take_of_sample
from seqstudio.studio.listen.wishes import (
    Wish,
    bars_ahead,
    first_notes,
    open_end,
    place_of,
)

HEAD = "X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\n"
TEXT = "CDEF|GABc|cBAG|FEDC|\n\n"
WISH = Wish(HEAD, 300, 0.8, 5, 0.9, 42, Constraints("C major", "4/4", 48, 84, 4, True))


def written(text: str = TEXT, p: float = 0.5) -> Sample:
    chances = np.full(len(text), p, np.float32)
    return Sample(3, 1200, HEAD, text, freeze(chances), (), 0.8, 42, True)


def kept(text: str = TEXT) -> KeptTake:
    found = kept_take(take_of_sample(written(text)), "written", run="lstm-1", wish=WISH)
    assert found is not None
    return found


def drawn() -> KeptTake:
    score = Score(
        (Note(60, Fraction(0), Fraction(1, 3), 101), Note(64, Fraction(1, 3), Fraction(5, 3), 20)),
        tempo_bpm=91.5, tempos=((Fraction(3, 2), 60.0),), meter=(3, 4), key="G major",
        bar_starts=(Fraction(0),), tracks=(Track(0, "lead", 73),),
    )  # fmt: skip
    return KeptTake("Mine", HEAD + "CE|\n\n", 0, "abc", "edited", score=score)


def test_a_take_comes_back_from_its_file_as_it_was(tmp_path) -> None:
    first = Shelf(tmp_path)
    added = first.add(kept())
    first.change(replace(added, stars=4, note="the turn in bar 3", title="Mine"))
    (again,) = Shelf(tmp_path).takes
    assert (again.stars, again.note, again.title) == (4, "the turn in bar 3", "Mine")
    assert again.wish == WISH
    assert again.step == 1200
    assert again.take.text == HEAD + TEXT
    assert np.allclose(again.take.probability, added.take.probability, equal_nan=True, atol=1e-4)
    assert [n.pitch for n in again.take.score.notes] == [n.pitch for n in added.take.score.notes]
    assert again.findings.full_bars == 4


def test_drawn_notes_are_kept_note_by_note(tmp_path) -> None:
    Shelf(tmp_path).add(drawn())
    (again,) = Shelf(tmp_path).takes
    assert again.score == drawn().score
    assert again.take.score == drawn().score


def test_a_deleted_take_comes_back_also_after_a_new_start_and_keys_are_not_used_twice(
    tmp_path,
) -> None:
    shelf = Shelf(tmp_path)
    one, two = shelf.add(kept()), shelf.add(drawn())
    shelf.delete(one.key)
    assert [take.key for take in Shelf(tmp_path).takes] == [two.key]
    assert shelf.add(kept()).key not in {one.key, two.key}
    shelf.restore(one)
    assert {take.key for take in Shelf(tmp_path).takes} >= {one.key, two.key}


def test_a_damaged_file_is_kept_aside_and_told_and_the_others_are_read(tmp_path) -> None:
    shelf = Shelf(tmp_path)
    broken, whole = shelf.add(kept()), shelf.add(drawn())
    path = shelf.folder / f"{broken.key}.json"
    path.write_bytes(path.read_bytes()[:100])
    again = Shelf(tmp_path)
    assert [take.key for take in again.takes] == [whole.key]
    assert [each.name for each in again.damaged] == [path.name]
    assert (shelf.folder / "deleted" / path.name).read_bytes()[:20] == b'{"format":1,"title":'
    assert not Shelf(tmp_path).damaged


def test_saving_elsewhere_brings_the_takes_along(tmp_path) -> None:
    shelf = Shelf(tmp_path / "old.runs")
    shelf.add(kept())
    shelf.carry(tmp_path / "copy.runs", move=False)
    assert len(Shelf(tmp_path / "old.runs").takes) == len(Shelf(tmp_path / "copy.runs").takes) == 1
    shelf.carry(tmp_path / "new.runs", move=True)
    assert len(Shelf(tmp_path / "new.runs").takes) == 1
    assert not (tmp_path / "copy.runs" / "takes").exists()


def test_a_place_that_cannot_be_written_is_told_and_the_take_stays_on_the_shelf(tmp_path) -> None:
    (tmp_path / "takes").write_text("a file in the way")
    shelf = Shelf(tmp_path)
    with pytest.raises(StorageError):
        shelf.add(kept())
    assert len(shelf.takes) == 1


def test_mutated_files_are_read_or_refused() -> None:
    chance, whole = random.Random(5), [text_of(kept()), text_of(drawn())]
    read = 0
    for number in range(1500):
        data = bytearray(whole[number % 2].encode())
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert isinstance(kept_of(bytes(data)).take.text, str)
            read += 1
        except DataError:
            pass
    assert 0 < read < 1500


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"kind": "unknown"}, {"origin": "thin air"}, {"start": 10**6},
        {"made_at": "nan"}, {"score": {"notes": [[1, "1" * 99, "1", 1, 0]]}},
        {"text": "a" * 10**7},
    ],
)  # fmt: skip
def test_what_no_program_of_ours_wrote_is_refused(change) -> None:
    data = {**json.loads(text_of(kept())), **change}
    with pytest.raises(SeqError):
        kept_of(json.dumps(data).encode())


# Regions


def test_a_region_stands_in_the_text_between_its_notes() -> None:
    take = take_of_sample(written())
    place = place_of(take, (Fraction(4), Fraction(12)))
    assert (place.before, place.inside, place.after) == (
        HEAD + "CDEF|", "GABc|cBAG|", "FEDC|\n\n",
    )  # fmt: skip
    assert place.bars == 2
    assert place_of(take, None).before == HEAD
    assert place_of(take, (Fraction(90), Fraction(91))) is None
    assert place.inside[: first_notes(take, place)] == "GAB"


def test_a_tune_goes_on_without_its_closing_sign() -> None:
    assert open_end(take_of_sample(written())) == HEAD + TEXT.rstrip()
    assert open_end(take_of_sample(written("CDEF|]\n\n"))) == HEAD + "CDEF|"
    assert open_end(take_of_sample(written("CDEF|GA"))) == HEAD + "CDEF|GA"


def test_two_bars_beyond_the_playhead_may_be_written() -> None:
    take = take_of_sample(written())
    assert bars_ahead(None, 0.0) == 3
    assert bars_ahead(take, 0.0) == 3
    assert bars_ahead(take, 9.0) == 5


def test_steering_carries_the_wish_and_waits_only_live() -> None:
    live = replace(WISH, live=True, temperature=1.5)
    assert live.steer(7, 5).ahead == 5
    assert live.steer(7, 5).temperature == 1.5
    assert live.steer(7, 5).constraints == WISH.constraints
    assert WISH.steer(7, 5, stop=True).ahead == 0
    assert WISH.steer(7, 5, stop=True).stop
