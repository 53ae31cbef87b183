"""Sound from WAV files: whole numbers of 8, 16, 24 and 32 bit, floats of 32 and 64 bit.

Shape legend: N = samples, C = channels.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.core.files import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST_BYTES = 512_000_000
LONGEST_S = 600
"""Seconds that are read; the rest is left out, and said."""
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_RATES = (100, 768_000)
_TAPS = 16


@dataclass(frozen=True)
class Sound:
    """One channel of sound.

    Attributes:
        samples: (N,) float32 from -1 to 1.
        rate: Samples a second.
        notes: What was mixed, resampled or left out.
    """

    samples: NDArray[np.float32]
    rate: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Format:
    code: int
    channels: int
    rate: int
    bits: int


def read_sound(path: Path, rate: int) -> Sound:
    """Read a WAV file, mix its channels and resample it down.

    Args:
        path: Of the file.
        rate: Samples a second of the result; a file with fewer keeps its own.

    Raises:
        DataError: No WAV file, broken, too large, or of a kind that is not read.
    """
    data = read_bytes(path, LARGEST_BYTES)
    if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        raise DataError(
            f"{path.name} is not a WAV file",
            f"it begins with “{repr(data[:4])[2:-1]}”, a WAV file with “RIFF”",
            "Choose a WAV file, or convert it to one",
        )
    form, body, short = _chunks(path.name, data)
    channels = _samples(path.name, form, body[: LONGEST_S * form.rate * _frame(form)])
    notes = [f"{form.rate:,} Hz, {form.bits} bit, {len(body) / _frame(form) / form.rate:.1f} s"]
    if short:
        notes.append(f"The file is cut off: {short:,} bytes of sound are missing at its end")
    if len(body) > LONGEST_S * form.rate * _frame(form):
        notes.append(f"The first {LONGEST_S} seconds are read")
    if form.channels > 1:
        notes.append(f"{form.channels} channels mixed into one")
    mono = channels.mean(1)
    if not np.isfinite(mono).all():
        raise DataError(f"{path.name} has samples that are no numbers", "NaN or infinite floats")
    target = min(rate, form.rate)
    if target != form.rate:
        mono = resample(mono, form.rate, target)
        notes.append(f"Resampled to {target:,} Hz")
    return Sound(np.clip(mono, -1, 1).astype(np.float32), target, tuple(notes))


def _frame(form: _Format) -> int:
    return form.channels * form.bits // 8


def _chunks(name: str, data: bytes) -> tuple[_Format, bytes, int]:
    """Return the format, the bytes of sound, and how many of them are missing."""
    at, form = 12, None
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        at += 8
        if kind == b"fmt ":
            form = _format(name, data[at : at + size])
        elif kind == b"data":
            if form is None:
                raise _broken(name, "the sound comes before its format")
            body = data[at : at + size]
            whole = len(body) // _frame(form) * _frame(form)
            missing = size - whole if size < 0xFFFF_FF00 else 0
            if not whole:
                raise _broken(name, "it holds no sound")
            return form, body[:whole], missing
        at += size + size % 2
    raise _broken(name, "it ends before the sound begins")


def _format(name: str, chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise _broken(name, "its format is cut off")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == _EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack_from("<H", chunk, 24)[0]
    known = (code == _PCM and bits in (8, 16, 24, 32)) or (code == _FLOAT and bits in (32, 64))
    if not known:
        raise DataError(
            f"{name} is a WAV file of a kind that is not read",
            f"coding {code}, {bits} bit",
            "Save it as 16 bit PCM",
        )
    if not 1 <= channels <= 32 or not _RATES[0] <= rate <= _RATES[1]:
        raise _broken(name, f"{channels} channels at {rate:,} Hz")
    return _Format(code, channels, rate, bits)


def _broken(name: str, why: str) -> DataError:
    return DataError(f"{name} is a broken WAV file", why, "Save it again as 16 bit PCM")


def _samples(name: str, form: _Format, body: bytes) -> NDArray[np.float64]:
    """Return (N, C) from -1 to 1."""
    if form.code == _FLOAT:
        flat = np.frombuffer(body, f"<f{form.bits // 8}").astype(np.float64)
    elif form.bits == 8:
        flat = (np.frombuffer(body, np.uint8).astype(np.float64) - 128) / 128
    elif form.bits == 24:
        bytes3 = np.frombuffer(body, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(bytes3), 4), np.uint8)
        wide[:, 1:] = bytes3
        flat = wide.view("<i4")[:, 0] / 2.0**31
    else:
        flat = np.frombuffer(body, f"<i{form.bits // 8}") / 2.0 ** (form.bits - 1)
    if not len(flat):
        raise _broken(name, "it holds no sound")
    return flat.reshape(-1, form.channels)


def resample(samples: NDArray[np.float64], rate: int, target: int) -> NDArray[np.float64]:
    """Return sound (N,) at a lower rate: a windowed sinc cuts what the new rate cannot hold.

    Source:
        Smith, "Digital audio resampling", https://ccrma.stanford.edu/~jos/resample/
    """
    up, down = target // gcd(rate, target), rate // gcd(rate, target)
    count = max(1, len(samples) * up // down)
    reach = _TAPS * rate / target  # zero crossings of the slower rate, in old samples
    taps = np.arange(-int(reach), int(reach) + 2)
    padded = np.pad(samples, (int(reach) + 1, int(reach) + 2))
    out = np.empty(count)
    for start in range(0, count, 1 << 14):
        at = np.arange(start, min(start + (1 << 14), count)) * down / up
        base = np.floor(at).astype(np.int64)
        distance = taps - (at - base)[:, None]
        window = np.cos(np.pi * np.clip(distance / (reach + 2), -1, 1) / 2) ** 2
        kernel = np.sinc(distance * target / rate) * window * target / rate
        chosen = padded[base[:, None] + taps + int(reach) + 1]
        out[start : start + len(at)] = (chosen * kernel).sum(1)
    return out
