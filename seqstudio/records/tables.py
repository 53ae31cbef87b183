"""Numbers as files: named arrays as NPZ, or as CSV with a line a number. No pickle, no objects."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Row = Sequence[object]
AXES = ("i", "j", "k", "l")


def numbers_of(record: object) -> dict[str, NDArray[Any]]:
    """Return what a record holds as arrays by name; records inside it by "name.number.name".

    Texts become arrays of text, None is left out.

    Raises:
        TypeError: It holds something else, or is no record.
    """
    if not is_dataclass(record) or isinstance(record, type):
        msg = f"{type(record).__name__} is no record"
        raise TypeError(msg)
    found: dict[str, NDArray[Any]] = {}
    for field in fields(record):
        found |= _named(field.name, getattr(record, field.name))
    return found


def _named(name: str, value: Any) -> dict[str, NDArray[Any]]:
    if value is None:
        return {}
    if is_dataclass(value):
        return {f"{name}.{inner}": array for inner, array in numbers_of(value).items()}
    if isinstance(value, tuple) and any(is_dataclass(part) or _is_nested(part) for part in value):
        parts = [_named(f"{name}.{number}", part) for number, part in enumerate(value)]
        return {key: array for part in parts for key, array in part.items()}
    array = np.asarray(value)
    if array.dtype.hasobject:
        msg = f"{name} holds objects"
        raise TypeError(msg)
    return {name: array}


def _is_nested(value: object) -> bool:
    return isinstance(value, (tuple, np.ndarray))


def npz_bytes(arrays: Arrays) -> bytes:
    """Return named arrays as an .npz file; plain numbers and texts only."""
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("an array holds objects")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # its stub takes a flag by name
    return buffer.getvalue()


def csv_bytes(rows: Iterable[Row]) -> bytes:
    """Return rows as CSV with a header line, UTF-8."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode("utf-8")


def long_rows(arrays: Arrays) -> Iterator[Row]:
    """Yield named arrays in the long form: a header, then name, places and value of each number.

    There are as many columns of places as the array of most dimensions has.
    """
    deepest = max((array.ndim for array in arrays.values()), default=0)
    places = AXES[:deepest] if deepest <= len(AXES) else tuple(f"i{n}" for n in range(deepest))
    yield "name", *places, "value"
    for name, array in arrays.items():
        rest = [""] * (deepest - array.ndim)
        for place, value in np.ndenumerate(array):
            yield name, *place, *rest, value
