"""Tables: separators, headers, decimal commas, gaps, and what is refused where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.reading.tables import (
    Table,
    guess_roles,
    parse_columns,
    read_table,
    write_columns,
)


def table(tmp_path: Path, text: str) -> Table:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def test_quoted_fields_and_lines(tmp_path: Path) -> None:
    found = table(tmp_path, 'text,label\n"a, b\nc",yes\nd,no\ne,yes\n')
    assert found.column("text").fields == ("a, b\nc", "d", "e")
    assert found.lines.tolist() == [2, 4, 5]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_separators_are_found(tmp_path: Path, sign: str) -> None:
    found = table(tmp_path, f"time{sign}value\n2020-01{sign}3.5\n2020-02{sign}4\n")
    assert found.delimiter == sign
    assert found.numbers(found.column("value")).tolist() == [3.5, 4.0]


def test_decimal_commas_and_gaps(tmp_path: Path) -> None:
    found = table(tmp_path, "t;v\n1;1,5\n2;\n3;NA\n4;2,25\n")
    np.testing.assert_equal(found.numbers(found.column("v")), [1.5, np.nan, np.nan, 2.25])


def test_a_word_among_numbers_is_named_with_its_line(tmp_path: Path) -> None:
    found = table(tmp_path, "t,v\n1,1\n2,oops\n")
    with pytest.raises(DataError, match=r"t\.csv, line 3: “oops” is not a number"):
        found.numbers(found.column("v"))


def test_a_ragged_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3 has 3 fields"):
        table(tmp_path, "a,b\n1,2\n1,2,3\n1,2\n")


def test_no_header_where_the_first_row_is_like_the_others(tmp_path: Path) -> None:
    found = table(tmp_path, "Go.\tVa !\nRun!\tCours !\nWow!\tÇa alors !\n")
    assert [column.name for column in found.columns] == ["column 1", "column 2"]
    assert len(found) == 3


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ('"Month","Passengers"\n"1949-01",112\n"1949-02",118\n',
         {"time": ["Month"], "value": ["Passengers"]}),
        ("review,stars\n" + "a good film,5\na bad film,1\n" * 9,
         {"text": ["review"], "label": ["stars"]}),
        ("sentiment\ttext\n" + "pos\tso good indeed\nneg\tso bad\n" * 9,
         {"text": ["text"], "label": ["sentiment"]}),
    ],
)  # fmt: skip
def test_roles_are_guessed(tmp_path: Path, text: str, roles: dict[str, list[str]]) -> None:
    assert guess_roles(table(tmp_path, text)) == roles


def test_columns_are_written_and_read_back() -> None:
    roles = {"text": ["review"], "value": ["net sales", "tax"]}
    assert parse_columns(write_columns(roles)) == roles
    with pytest.raises(DataError, match="does not say"):
        parse_columns("words=review")
