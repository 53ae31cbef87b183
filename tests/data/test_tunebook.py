"""Books of tunes: what is skipped and why, the border, the keys, and that nothing leaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data import tunebook
from seqstudio.data.dataset import Dataset
from seqstudio.data.sources import open_dataset
from seqstudio.document.settings import DataSettings
from seqstudio.music.abc import read_tune, split_book

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
IRISH = DATA / "irish_abc" / "irish.abc"


def tune(number: int, seed: int | None = None, key: str = "D") -> str:
    """Return a reel of eight bars, different for every seed."""
    rng = np.random.default_rng(number if seed is None else seed)
    bars = ["".join(rng.choice(list("DEFGABcde"), 8)) for _ in range(8)]
    music = "|".join(bars[:4]) + "|\n" + "|".join(bars[4:]) + "|]"
    return f"X:{number}\nT:Tune {number}\nM:4/4\nL:1/8\nK:{key}\n{music}\n"


def book(count: int) -> str:
    return "\n".join(tune(number) for number in range(1, count + 1))


def opened(path: Path, text: str, **settings: object) -> Dataset:
    path.write_text(text, encoding="utf-8")
    return open_dataset(DataSettings("abc", str(path), **settings))  # type: ignore[arg-type]


def parts(dataset: Dataset) -> tuple[str, str]:
    assert dataset.vocabulary is not None
    return dataset.vocabulary.decode(dataset.train), dataset.vocabulary.decode(dataset.valid)


def leaked(train: str, valid: str, length: int = 200) -> list[str]:
    """Return the passages of `valid` of that length that `train` holds."""
    seen = {train[i : i + length] for i in range(len(train) - length + 1)}
    return [p for i in range(len(valid) - length + 1) if (p := valid[i : i + length]) in seen]


def test_the_leak_check_finds_a_leak() -> None:
    passage = "".join(map(chr, range(1_000, 1_200)))
    assert leaked("a" * 300 + passage, "b" * 300 + passage) == [passage]


def test_the_shipped_book_opens_whole_and_leaks_nothing() -> None:
    dataset = open_dataset(DataSettings("abc", transpose="off"))
    train, valid = parts(dataset)
    assert not [note for note in dataset.notes if "skipped" in note or "outside" in note]
    assert train.count("X:") > 5 * valid.count("X:") > 0
    assert not leaked(train, valid)


def test_a_real_book_of_hundreds_of_tunes() -> None:
    if not IRISH.is_file():
        pytest.skip("the test tunes are not beside the repository")
    dataset = open_dataset(DataSettings("abc", str(IRISH)))
    train, valid = parts(dataset)
    assert train.count("X:") + valid.count("X:") > 700
    share = len(valid) / (len(train) + len(valid))
    assert share == pytest.approx(0.1, abs=0.005)
    assert not leaked(train, valid)
    music = {tunebook._music(t.text) for t in split_book(train)}
    assert not music & {tunebook._music(t.text) for t in split_book(valid)}


def test_tunes_stay_whole_and_in_order(tmp_path: Path) -> None:
    dataset = opened(tmp_path / "b.abc", book(30), transpose="off")
    train, valid = parts(dataset)
    assert train + valid == "".join(tune(n).strip() + "\n\n" for n in range(1, 31))
    assert valid.startswith("X:28\n")
    assert dataset.notes == ("Tunes: 27 to learn, 3 held out",)


@pytest.mark.parametrize(
    ("sizes", "held_out", "cut"),
    [
        ([98] * 10, 0.1, 9),
        ([98] * 10, 0.26, 7),
        ([98, 98, 98, 698], 0.1, 3),  # nearest border, though it is far away
        ([898, 98], 0.5, 1),
        ([8, 998], 0.01, 1),  # one tune at least on either side
    ],
)
def test_the_border_is_the_nearest_between_two_tunes(
    sizes: list[int], held_out: float, cut: int
) -> None:
    assert tunebook._border(sizes, held_out) == cut


def test_small_books_are_transposed_in_training_only(tmp_path: Path) -> None:
    plain = opened(tmp_path / "b.abc", book(25), transpose="off")
    auto = opened(tmp_path / "b.abc", book(25))
    (plain_train, plain_valid), (train, valid) = parts(plain), parts(auto)
    assert valid == plain_valid
    assert train.startswith(plain_train)
    assert train.count("X:") == 12 * plain_train.count("X:")
    keys = {line for line in train.splitlines() if line.startswith("K:")}
    assert len(keys) == 12
    assert auto.content_hash != plain.content_hash
    assert "Training tunes written in all twelve keys" in auto.notes


def test_the_twelve_keys_sound_five_below_to_six_above() -> None:
    def pitches(text: str) -> np.ndarray:
        return np.array([note.pitch for note in read_tune(text).score.notes])

    written = split_book(tunebook.in_all_keys((tune(1).strip(),)))
    moved = [pitches(one.text) - pitches(tune(1)) for one in written]
    assert all(len(set(steps)) == 1 for steps in moved)
    assert [steps[0] for steps in moved] == [0, 1, 2, 3, 4, 5, 6, -5, -4, -3, -2, -1]


def test_large_books_are_transposed_on_request_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunebook, "SMALL_BOOK", 500)
    auto = opened(tmp_path / "b.abc", book(25))
    assert parts(auto)[0].count("X:") == 23
    assert parts(opened(tmp_path / "b.abc", book(25), transpose="on"))[0].count("X:") == 23 * 12


def test_broken_tunes_are_skipped_counted_and_explained(tmp_path: Path) -> None:
    no_key = "X:98\nT:No key\nM:4/4\nL:1/8\nDEFG ABcd|\n"
    no_notes = "X:99\nT:No notes\nM:4/4\nL:1/8\nK:D\n"
    text = "\n".join([book(25), no_key, no_notes, no_notes.replace("99", "97")])
    dataset = opened(tmp_path / "b.abc", text, transpose="off")
    (skipped,) = [note for note in dataset.notes if "skipped" in note]
    assert skipped.startswith("3 of 28 tunes skipped: ")
    reasons = {read_tune(text).broken.removeprefix("it has ") for text in (no_key, no_notes)}
    assert len(reasons) == 2
    assert all(reason and reason in skipped for reason in reasons)
    assert "No key" not in "".join(parts(dataset))


def test_the_same_music_is_learnt_once_and_never_held_out_too(tmp_path: Path) -> None:
    again = tune(99, seed=3).replace("T:Tune 99", "T:Other name") + "w: la la la\n"
    dataset = opened(tmp_path / "b.abc", book(25) + "\n" + again, transpose="off")
    assert "1 of 26 tunes skipped: same music as an earlier tune (1)" in dataset.notes
    assert "Other name" not in parts(dataset)[1]


def test_text_around_the_tunes_is_left_out_and_said(tmp_path: Path) -> None:
    dataset = opened(tmp_path / "b.abc", "Songs of my village\n\n" + book(25), transpose="off")
    assert "village" not in parts(dataset)[0]
    assert "16 characters outside tunes left out" in dataset.notes


@pytest.mark.parametrize(
    "text",
    ["No tunes here, only prose. " * 200, tune(1), "\n".join("X:1\nT:a\n" for _ in range(300))],
    ids=["prose", "one tune", "headers only"],
)
def test_books_without_tunes_to_use(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"b\.abc has too few tunes") as caught:
        opened(tmp_path / "b.abc", text)
    assert caught.value.why
    assert caught.value.hint


def test_a_short_book_is_long_enough_once_transposed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too short"):
        opened(tmp_path / "b.abc", book(4), transpose="off")
    assert len(opened(tmp_path / "b.abc", book(4)).train) > 2_000


@pytest.mark.parametrize("content", [b"", b"X:1\nK:D\n\0\0DEF|", b"X:1\nT:Caf\xe9\nK:D\nDEF|"])
def test_books_that_are_not_text(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.abc").write_bytes(content)
    with pytest.raises(DataError):
        open_dataset(DataSettings("abc", "b.abc"), tmp_path)
