"""Messages as bytes: a JSON head, then raw arrays. One form for the pipe and for the run store.

Only the frozen records of `seqstudio.records` and arrays of plain numbers can come out, whatever
the bytes say, so reading a file or a pipe can run no code. Layout: 4 bytes of magic, 4 bytes
length of the head (little endian), the head, then every array, each part padded to 16 bytes.
"""

from __future__ import annotations

import json
import struct
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqstudio.records import health, inside, messages, readings

MAGIC = b"SQM1"
ALIGN = 16
_DTYPES = {"<f4", "<f8", "<i8", "|b1"}
_RECORDS: dict[str, type] = {
    name: kind
    for module in (messages, readings, health, *inside.MODULES)
    for name, kind in vars(module).items()
    if is_dataclass(kind) and isinstance(kind, type)
}


class CodecError(ValueError):
    """The bytes are no message of this program."""


def pack(message: object) -> bytes:
    """Return a record with everything in it as bytes.

    Raises:
        TypeError: It holds something that is not a record, number, text, tuple or array.
    """
    arrays: list[NDArray[Any]] = []
    # NaN and infinity are meant: an accuracy that does not exist, a horizon that never falls.
    head = json.dumps(_plain(message, arrays), separators=(",", ":")).encode("ascii")
    parts = [MAGIC, struct.pack("<I", len(head)), head, _padding(8 + len(head))]
    for array in arrays:
        parts += [array.tobytes(), _padding(array.nbytes)]
    return b"".join(parts)


def unpack(data: bytes) -> Any:
    """Return the record that `pack` made; its arrays are read-only views of `data`.

    Raises:
        CodecError: Damaged, or not a message.
    """
    try:
        magic, length = struct.unpack_from("<4sI", data)
        if magic != MAGIC:
            raise CodecError("this is not a message")
        head = json.loads(data[8 : 8 + length])
        return _record(head, _Arrays(data, 8 + length + len(_padding(8 + length))))
    except CodecError:
        raise
    except (struct.error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise CodecError(f"the message is damaged: {error}") from error


def _plain(value: Any, arrays: list[NDArray[Any]]) -> object:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list)):
        return [_plain(each, arrays) for each in value]
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": value.dtype.str, "shape": value.shape}
    if type(value).__name__ in _RECORDS:
        content = {f.name: _plain(getattr(value, f.name), arrays) for f in fields(value)}
        return {"record": type(value).__name__, "fields": content}
    msg = f"{type(value).__name__} cannot cross the border"
    raise TypeError(msg)


def _padding(length: int) -> bytes:
    return b"\0" * (-length % ALIGN)


class _Arrays:
    """Takes the arrays of a message in the order in which they were packed."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset

    def take(self, dtype: str, shape: list[int]) -> NDArray[Any]:
        if dtype not in _DTYPES or any(type(size) is not int or size < 0 for size in shape):
            raise CodecError(f"there is no array of {dtype} {shape}")
        count = int(np.prod(shape, dtype=object))
        if count * np.dtype(dtype).itemsize > len(self._data) - self._offset:
            raise CodecError("the message is cut short")
        flat = np.frombuffer(self._data, dtype, count, self._offset)
        self._offset += flat.nbytes + len(_padding(flat.nbytes))
        return flat.reshape(shape)


def _record(value: Any, arrays: _Arrays) -> Any:
    if isinstance(value, list):
        return tuple(_record(each, arrays) for each in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays.take(value["array"], value["shape"])
    kind = _RECORDS[value["record"]]
    return kind(**{name: _record(each, arrays) for name, each in value["fields"].items()})
