"""Files of texts and labels as people have them: stars, several texts, one label, broken lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.sources import open_dataset
from seqstudio.document.settings import DataSettings

GOOD = "".join(f"good thing {at},a\n" for at in range(30))


def opened(path: Path, text: str, columns: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
    path.write_text(text, "utf-8")
    found = open_dataset(DataSettings(kind="sentences", path=str(path), columns=columns))
    return found.classes, found.notes


@pytest.mark.parametrize(("text", "said"), [
    ("text,label\n" + GOOD + "last,b\n", "“b” has a single example in mine.csv"),
    ("text,label\n" + GOOD, "mine.csv has a single label: “a”"),
    ("text,label\n" + GOOD + "x,y,z\n", "mine.csv, line 32 has 3 fields"),
    ('text,label\n' + GOOD + '"open,b\n' + "x" * 1_100_000, "mine.csv, line 32 cannot be read"),
    ("\x00\x01\x02" * 1000, "mine.csv is not a text"),
    ("text,label\na,b\nc,d\n", "mine.csv"),
])  # fmt: skip
def test_a_bad_file_is_refused_by_name_and_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        opened(tmp_path / "mine.csv", text)
    assert said in caught.value.sentence()


def test_stars_are_the_label_and_the_longer_text_is_read(tmp_path: Path) -> None:
    rows = [f"this was thing {at} indeed,t{at},{at % 5 + 1}\n" for at in range(40)]
    text = "review,title,stars\n" + "".join(rows)
    classes, notes = opened(tmp_path / "a.csv", text)
    assert classes == ("1", "2", "3", "4", "5")
    assert any("“review”" in note and "“stars”" in note for note in notes)
    _, notes = opened(tmp_path / "a.csv", text, "text=title label=stars")
    assert any("“title”" in note for note in notes)
    with pytest.raises(DataError, match="no column “nothing”"):
        opened(tmp_path / "a.csv", text, "text=nothing label=stars")


def test_empty_texts_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [f"good thing {at},{'ab'[at % 2]}\n" for at in range(30)]
    _, notes = opened(tmp_path / "a.csv", "text,label\n" + "".join(rows) + " ,a\n,b\n")
    assert "2 rows without text or label left out" in notes
