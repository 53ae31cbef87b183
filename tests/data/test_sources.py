"""Opening texts: the built-in one, people's own, and files that cannot be used."""

from __future__ import annotations

import math
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import LIBRARY
from seqstudio.data.dataset import Dataset
from seqstudio.data.sources import open_dataset
from seqstudio.document.settings import DataSettings

WORDS = "It was the best of times, it was the worst of times. "


def own(path: Path, content: str | bytes, **settings: object) -> Dataset:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_dataset(DataSettings("text", str(path), **settings))  # type: ignore[arg-type]


def text_of(dataset: Dataset) -> str:
    assert dataset.vocabulary is not None
    return dataset.vocabulary.decode(dataset.train) + dataset.vocabulary.decode(dataset.valid)


def test_the_built_in_text_is_real_long_and_plain() -> None:
    dataset = open_dataset(DataSettings("text"))
    text = text_of(dataset)
    assert 300_000 < len(text) < 2_000_000
    assert text.isascii()
    assert dataset.vocabulary is not None
    assert 80 <= len(dataset.vocabulary) <= 110
    argparse = (Path(sysconfig.get_path("stdlib")) / "argparse.py").read_text(encoding="utf-8")
    assert text.startswith(argparse)
    assert "Python" in dataset.origin
    assert dataset.chance == pytest.approx(math.log(len(dataset.vocabulary)))
    assert not dataset.generated


def test_the_built_in_text_is_the_same_every_time() -> None:
    one, two = open_dataset(DataSettings("text")), open_dataset(DataSettings("text"))
    assert one.content_hash == two.content_hash
    assert np.array_equal(one.train, two.train)


def test_absent_modules_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LIBRARY[2:]:
        (tmp_path / f"{name}.py").write_text("x = 1  # é\n" * 2_000, encoding="utf-8")
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    dataset = open_dataset(DataSettings("text"))
    assert f"Modules not on this computer: {LIBRARY[0]}, {LIBRARY[1]}" in dataset.notes
    assert '50,000 characters outside ASCII became "?"' in dataset.notes
    assert "é" not in text_of(dataset)


def test_a_computer_without_the_library_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    with pytest.raises(DataError, match="built-in text is not on this computer"):
        open_dataset(DataSettings("text"))


@pytest.mark.parametrize("held_out", [0.01, 0.1, 0.25, 0.5])
def test_split_sizes_are_exact_and_nothing_is_lost(held_out: float, tmp_path: Path) -> None:
    text = WORDS * 100
    dataset = own(tmp_path / "a.txt", text, held_out=held_out)
    assert len(dataset.train) == int(len(text) * (1 - held_out))
    assert len(dataset.train) + len(dataset.valid) == len(text)
    assert text_of(dataset) == text


def test_symbols_of_the_held_out_part_are_known(tmp_path: Path) -> None:
    dataset = own(tmp_path / "a.txt", WORDS * 100 + "ζ!")
    assert dataset.vocabulary is not None
    assert "ζ" in dataset.vocabulary.symbols


def test_a_relative_path_starts_at_the_project(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "mine.txt").write_text(WORDS * 50)
    settings = DataSettings("text", "texts/mine.txt")
    assert open_dataset(settings, tmp_path).title == "mine.txt"
    with pytest.raises(DataError, match="There is no file"):
        open_dataset(settings, tmp_path / "texts")
    absolute = DataSettings("text", str(tmp_path / "texts" / "mine.txt"))
    assert open_dataset(absolute, tmp_path / "elsewhere").title == "mine.txt"


def test_line_ends_and_byte_order_mark_do_not_become_symbols(tmp_path: Path) -> None:
    dataset = own(tmp_path / "dos.txt", b"\xef\xbb\xbf" + (WORDS + "\r\n").encode() * 50)
    assert text_of(dataset) == (WORDS + "\n") * 50


@pytest.mark.parametrize(
    "sample",
    [
        "كان أفضل الأزمنة، ",
        "それは最良の時代であった。",
        "C'e\u0301tait le meilleur des temps 🙂 ",
    ],
    ids=["right to left", "cjk", "combining and emoji"],
)
def test_every_script_is_read_whole(sample: str, tmp_path: Path) -> None:
    text = sample * 200
    assert text_of(own(tmp_path / "a.txt", text)) == text


def test_one_line_of_five_million_characters(tmp_path: Path) -> None:
    text = "ab c" * 1_250_000
    assert len(own(tmp_path / "long.txt", text).train) == 4_500_000


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b" \n\t\n" * 900, "empty"),
        (WORDS.encode() * 10, "too short"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 200, "not a text"),
        (b"\0" * 300_000, "not a text"),
        (WORDS.encode() * 5_000 + b"\0" * 200_000, "not a text"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 6_000))).encode(), "6,000 different symbols"),
        ("".join(map(chr, range(0x20000, 0x20000 + 30_000))).encode(), "30,000 different symbols"),
    ],
    ids=[
        "no bytes", "only space", "short", "picture", "zeros", "late zeros", "too many symbols",
        "far too many",
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(content: bytes, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        own(tmp_path / "bad.txt", content)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "beginning", "note"),
    [
        (b"caf\xe9 " * 900, "café café ", "Not UTF-8: read as cp1252, by guess"),
        ((WORDS * 50).encode("utf-16"), WORDS, ""),
        (WORDS.encode() * 5_000 + b"\0" * 10, WORDS, "10 zero characters (U+0000) stand in it"),
        (WORDS.encode() * 5_000 + b"\xed\xa0\x80", WORDS, "1 damaged characters shown as \ufffd"),
    ],
    ids=["latin-1", "utf-16", "late zeros", "half a surrogate pair"],
)
def test_odd_files_are_read_and_what_is_odd_is_said(
    content: bytes, beginning: str, note: str, tmp_path: Path
) -> None:
    dataset = own(tmp_path / "odd.txt", content)
    assert text_of(dataset).startswith(beginning)
    assert len(dataset.notes) == bool(note)
    assert "".join(dataset.notes).startswith(note)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file"):
        open_dataset(DataSettings("text", "nowhere.txt"), tmp_path)
    with pytest.raises(DataError, match="folder"):
        open_dataset(DataSettings("text", str(tmp_path)))


@pytest.mark.parametrize("held_out", [0.0, 1.0, -0.1, 0.7, float("nan")])
def test_impossible_shares_are_refused(held_out: float) -> None:
    with pytest.raises(DataError, match="held-out share"):
        open_dataset(DataSettings("text", held_out=held_out))


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DataError, match="text, abc, abc-tokens, events, voices"):
        open_dataset(DataSettings("pictures"))


def test_the_hash_follows_content_and_split_but_not_the_name(tmp_path: Path) -> None:
    base = own(tmp_path / "a.txt", WORDS * 60).content_hash
    assert own(tmp_path / "b.txt", WORDS * 60).content_hash == base
    assert own(tmp_path / "a.txt", WORDS * 60, held_out=0.2).content_hash != base
    assert own(tmp_path / "a.txt", WORDS * 59 + WORDS.upper()).content_hash != base
    assert own(tmp_path / "a.txt", WORDS.replace("b", "z") * 60).content_hash != base


def test_previews_show_the_beginning_of_each_part(tmp_path: Path) -> None:
    text = WORDS * 100
    dataset = own(tmp_path / "a.txt", text)
    assert dataset.preview("train", 30) == text[:30]
    assert dataset.preview("valid", 30) == text[len(dataset.train) :][:30]


def test_a_corpus_cannot_be_changed_or_drawn_from(tmp_path: Path) -> None:
    dataset = own(tmp_path / "a.txt", WORDS * 100)
    with pytest.raises(ValueError, match="read-only"):
        dataset.train[0] = 0
    with pytest.raises(ValueError, match="train and valid"):
        dataset.batch(np.random.default_rng(0), 4)
