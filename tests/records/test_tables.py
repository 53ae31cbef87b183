"""Records as named arrays, as CSV and as NPZ."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from seqstudio.records.tables import csv_bytes, long_rows, npz_bytes, numbers_of


@dataclass(frozen=True)
class Part:
    values: NDArray[np.float64]
    name: str


@dataclass(frozen=True)
class Whole:
    tokens: tuple[str, ...]
    parts: tuple[Part, ...]
    missing: NDArray[np.float64] | None
    step: int
    rows: tuple[tuple[int, ...], ...] = ()


WHOLE = Whole(("a", "é"), (Part(np.arange(3.0), "one"), Part(np.eye(2), "two")), None, 7,
              ((1, 2), (3,)))  # fmt: skip


def test_a_record_gives_its_numbers_by_name() -> None:
    found = numbers_of(WHOLE)
    assert list(found) == [
        "tokens", "parts.0.values", "parts.0.name", "parts.1.values", "parts.1.name", "step",
        "rows.0", "rows.1",
    ]  # fmt: skip
    np.testing.assert_array_equal(found["parts.1.values"], np.eye(2))
    assert found["step"] == 7
    assert found["tokens"].tolist() == ["a", "é"]


def test_numbers_survive_the_way_through_npz() -> None:
    with np.load(io.BytesIO(npz_bytes(numbers_of(WHOLE))), allow_pickle=False) as back:
        np.testing.assert_array_equal(back["parts.0.values"], [0, 1, 2])
        assert back["tokens"].tolist() == ["a", "é"]


def test_csv_has_a_line_a_number_with_its_places() -> None:
    text = csv_bytes(long_rows({"m": np.array([[1.5, 2.0]]), "n": np.array(3)})).decode()
    assert text.splitlines() == ["name,i,j,value", "m,0,0,1.5", "m,0,1,2.0", "n,,,3"]


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="is no record"):
        numbers_of([1, 2])
    with pytest.raises(ValueError, match="holds objects"):
        npz_bytes({"a": np.array([object()])})
