"""TensorBoard event files: length, checksums and a small protocol message a record.

The format is TFRecord (tensorflow/core/lib/io/record_writer.h) around `Event` messages
(tensorflow/core/util/event.proto): wall_time = 1 (double), step = 2 (int64), file_version = 3
(string), summary = 5 with value = 1: tag = 1 (string), simple_value = 2 (float).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping

_VERSION = b"brain.Event:2"
_MASK = 0xA282EAD8
_POLYNOMIAL = 0x82F63B78  # Castagnoli, reversed


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)  # noqa: PLW2901
        table.append(value)
    return tuple(table)


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum of some bytes (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def event_file(began: float, rows: Iterable[tuple[float, int, Mapping[str, float]]]) -> bytes:
    """Return the bytes of an event file.

    Args:
        began: Time of its first record, seconds since 1970.
        rows: Time, training step and numbers by name; what is not finite is left out.
    """
    head = _record(b"\x09" + struct.pack("<d", began) + _bytes(3, _VERSION))
    return head + b"".join(_record(_event(*row)) for row in rows)


def _event(at: float, step: int, numbers: Mapping[str, float]) -> bytes:
    values = b"".join(
        _bytes(1, _bytes(1, name.encode("utf-8")) + b"\x15" + struct.pack("<f", value))
        for name, value in numbers.items()
        if math.isfinite(value)
    )
    return b"\x09" + struct.pack("<d", at) + b"\x10" + _varint(step) + _bytes(5, values)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    turned = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return struct.pack("<I", (turned + _MASK) & 0xFFFFFFFF)
