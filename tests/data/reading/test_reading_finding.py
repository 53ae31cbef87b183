"""Any file or folder is found out from its beginning, or it is said that it cannot be told."""

from __future__ import annotations

import gzip
import json
import os
import random
import struct
from pathlib import Path

import pytest

from seqstudio.blocks.templates import TEMPLATES
from seqstudio.core.showing import shown
from seqstudio.data.reading.finding import KINDS_OF, Found, find, project_for
from seqstudio.data.reading.heads import HEAD_BYTES
from seqstudio.document.settings import DataSettings

GOOD, BAD = ("good", "great", "lovely"), ("bad", "awful", "dull")


def labelled(rows: int = 60, sep: str = ",") -> str:
    rng = random.Random(0)
    lines = [sep.join(("kind of thing", "said"))]
    for at in range(rows):
        up = rng.random() < 0.5
        word = rng.choice(GOOD if up else BAD)
        lines.append(f'{"up" if up else "down"}{sep}"it was {word} and long, for number {at}"')
    return "\n".join(lines) + "\n"


def monthly(rows: int = 60, sep: str = ",") -> str:
    months = [f"{1990 + at // 12}-{at % 12 + 1:02d}" for at in range(rows)]
    return f"when{sep}sold\n" + "".join(f"{m}{sep}{at * 7 % 31}\n" for at, m in enumerate(months))


PAIRS = "".join(
    f"the cat number {word} sat\tle chat numero {word} est assis\n"
    for word in ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
)
TAGGED = "".join(f"the DET\ncat{at} NOUN\nsat VERB\n\n" for at in range(20))
ABC = "X:1\nT:One\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n\n"
WAV = b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + bytes(24)
FASTA = ">seq 1\n" + "ACGTACGTTAGC\n" * 40


@pytest.mark.parametrize(
    ("name", "data", "kind", "title"),
    [
        (
            "a.txt",
            b"It was the best of times.\nIt was the worst of times.\n" * 50,
            "text",
            "A text",
        ),
        ("a.csv", labelled().encode(), "sentences", "Texts with a label"),
        ("a.tsv", labelled(sep="\t").encode("utf-16"), "sentences", "Texts with a label"),
        ("a.csv.gz", gzip.compress(labelled().encode()), "sentences", "Texts with a label"),
        ("a.csv", monthly().encode(), "series", "A series over time"),
        ("a.csv", monthly(sep=";").encode("latin-1"), "series", "A series over time"),
        ("a.tsv", PAIRS.encode(), "pairs", "Pairs of sentences"),
        ("a.conll", TAGGED.encode(), "tagged", "Words with tags"),
        ("noname", (ABC * 4).encode(), "abc", "Tunes in ABC"),
        ("noname", b"MThd" + bytes(20), "events", "A tune as MIDI"),
        ("a.json", json.dumps({"train": [[[60, 64]] * 99]}).encode(), "voices", "Music as lists"),
        ("noname", WAV, "audio", "Sound"),
        ("a.fa", FASTA.encode(), "dna", "Sequences of bases"),
    ],
)
def test_files_are_told_by_their_content(
    tmp_path: Path, name: str, data: bytes, kind: str, title: str
) -> None:
    if not _has(kind):
        pytest.skip(f"there is no template for {kind} yet")
    path = tmp_path / name
    path.write_bytes(data)
    found = find(path)
    assert found.kind == kind, found
    assert found.title.startswith(title)
    assert found.reasons
    assert found.templates
    for each in found.all:
        project = project_for(each, each.templates[0], str(path))
        assert project.data.path == str(path)
        assert project.data.kind == each.kind


def _has(kind: str) -> bool:
    return any(each.data.get("kind", "text") == kind for each in TEMPLATES.values())


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (("pos.txt", "neg.txt", "README.txt"), "Texts with a label"),
        (("up/1.txt", "down/1.txt"), "Texts with a label"),
        (("cat/1.png", "cat/2.png", "dog/1.jpg"), "Pictures in classes"),
        (("left/1.gif", "right/1.gif"), "Moving pictures in classes"),
        (("1.png", "2.png", "captions.txt"), "Pictures with sentences"),
        (("1.png", "2.png"), "pictures without classes or sentences"),
        (("a.mid", "b.mid"), "A folder of tunes"),
        (("a.wav", "b.wav"), "A folder of sounds"),
    ],
)
def test_folders_are_told_by_their_names(
    tmp_path: Path, names: tuple[str, ...], title: str
) -> None:
    assert find(touch(tmp_path, *names)).title.endswith(title)


def test_columns_are_found_with_the_other_possibilities(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(labelled())
    found = find(path)
    assert found.columns == 'text=said label="kind of thing"'
    assert found.table is not None
    assert len(found.table) == 60
    assert "Encoding: utf-8" in found.notes
    assert "Separator: comma" in found.notes
    assert [each.kind for each in found.others][-1] == "text"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.xlsx", b"PK\x03\x04" + bytes(40), "office document"),
        ("a.pdf", b"%PDF-1.4" + bytes(40), "PDF"),
        ("a.parquet", b"PAR1" + bytes(40), "Parquet"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "single picture"),
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n \n", "empty"),
        ("a.bin", bytes(range(256)) * 40, "not a text"),
        ("a.gz", b"\x1f\x8b" + bytes(40), "damaged"),
    ],
)
def test_what_is_no_data_says_so(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    found = find(path)
    assert not found.told
    assert found.all == ()
    assert words in found.error().sentence()
    assert name in found.error().sentence()


def test_pipes_gaps_and_empty_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "gone", Path("/dev/zero")):
        assert not find(path).told
    (tmp_path / "empty").mkdir()
    assert "cannot be told" in find(tmp_path / "empty").title


def test_only_the_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(labelled(12_000).encode())
        file.truncate(2_000_000_000)  # a hole: no disk is used
    found = find(path)
    assert found.kind == "sentences"
    assert found.table is not None
    assert sum(len(field) for field in found.table.columns[1].fields) < HEAD_BYTES
    line = tmp_path / "line.txt"
    line.write_bytes(b"word " * 1_000_000)
    assert find(line).kind == "text"


def test_a_wide_table_of_numbers_is_no_secret(tmp_path: Path) -> None:
    rng = random.Random(0)
    rows = [",".join(str(rng.randint(0, 16)) for _ in range(64)) + f",{at % 10}"
            for at in range(50)]  # fmt: skip
    path = tmp_path / "digits.csv"
    path.write_text("\n".join(rows))
    if not _has("digits"):
        pytest.skip("there is no template for digits yet")
    assert find(path).kind == "digits"


def test_every_shape_has_a_kind_that_reads_it() -> None:
    known = {str(choice) for choice, _ in DataSettings.param("kind").choices}
    for shape, kinds in KINDS_OF.items():
        assert known & set(kinds) or shape == "measures", shape


def test_names_from_strangers_act_on_nothing() -> None:
    assert shown("a\u202egnp.exe") == "a⟨U+202E⟩gnp.exe"
    assert shown("a\nb\u200b\u2028") == "a⟨U+000A⟩b⟨U+200B⟩⟨U+2028⟩"
    assert shown("<img src=x>%n &") == "<img src=x>%n &"
    assert shown("\udcff") == "\ufffd"
    assert len(shown("x" * 1000)) == 201


def test_columns_with_quotes_in_their_names_are_left_to_looking(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(labelled().replace("kind of thing", '"the ""kind"""'))
    found = find(path)
    assert isinstance(found, Found)
    assert found.kind == "sentences"
    assert found.columns == ""
