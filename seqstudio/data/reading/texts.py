"""Texts in any encoding.

A text that is not UTF-8 is read in the encoding that charset-normalizer finds in its beginning,
and the reader is told so. Nothing is replaced silently: what cannot be read is counted.
"""

from __future__ import annotations

import codecs
import gzip
import io
import unicodedata
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError
from seqstudio.core.files import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_BYTES = 256_000_000
#: What the encoding is found from.
_SAMPLE_BYTES = 200_000
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: the one begins like the other
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Control characters that stand in texts.
_USUAL = frozenset("\t\n\r\f\x1a\x1b\x85")
_MOST_CONTROLS = 0.02
#: Taken where others fit as well: by far the most files that are not Unicode.
_COMMONEST = "cp1252"
_HARDLY_WORSE = 0.05
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Text:
    """A text and how it was read.

    Attributes:
        text: With line feeds at the end of lines and without a byte-order mark.
        encoding: Name of the encoding.
        notes: Sentences without full stop about what was guessed or replaced.
    """

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def read_any_text(path: Path, limit_bytes: int = LARGEST_BYTES) -> Text:
    """Read a text file, also one packed with gzip.

    Raises:
        DataError: Missing, empty, too large or no text; the sentence says which.
    """
    data = read_bytes(path, limit_bytes)
    if data.startswith(_GZIP):
        data = _unpacked(path, data, limit_bytes)
    return decode(data, path.name)


def decode(data: bytes, name: str) -> Text:
    """Return the text of the bytes of a file.

    Raises:
        DataError: They are no text, or nothing but white space.
    """
    found = _marked(data) or _utf8(data) or _wide(data) or _guessed(data, name)
    if not found.text.strip():
        raise DataError(f"{name} is empty", "", "Choose a file with text in it")
    _refuse_binary(found.text, name)
    notes = found.notes
    zeros = found.text.count("\0")
    if zeros > _MOST_CONTROLS * len(found.text):
        raise _no_text(name)
    if zeros:
        notes = (*notes, f"{zeros:,} zero characters (U+0000) stand in it")
    text = found.text.replace("\r\n", "\n") if "\r" in found.text else found.text
    return Text(text.replace("\r", "\n"), found.encoding, notes)


def _unpacked(path: Path, data: bytes, limit_bytes: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(limit_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} is damaged", f"gzip says: {error}") from error
    if len(unpacked) > limit_bytes:
        raise DataError(
            f"{path.name} is too large",
            f"unpacked it has more than {limit_bytes // 1_000_000:,} MB",
            "Use a part of it",
        )
    return unpacked


def _marked(data: bytes) -> Text | None:
    """Read a text that begins with a byte-order mark."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _tolerant(data, encoding)
    return None


def _tolerant(data: bytes, encoding: str) -> Text:
    text = data.decode(encoding, "replace")
    lost = text.count("\ufffd") - data.decode(encoding, "ignore").count("\ufffd")
    notes = (f"{lost:,} damaged characters shown as \ufffd",) if lost else ()
    return Text(text, encoding.removesuffix("-sig"), notes)


def _utf8(data: bytes) -> Text | None:
    if b"\0" in data[:_SAMPLE_BYTES]:
        return None
    try:
        return Text(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        if (found := _halves_of_pairs(data)) is not None:
            return found
        nearly = error.start > _SAMPLE_BYTES or error.start >= len(data) - 4
        return _tolerant(data, "utf-8") if nearly and error.start > 0 else None


def _halves_of_pairs(data: bytes) -> Text | None:
    """Read UTF-8 in which surrogates stand, as some programs write signs beyond U+FFFF."""
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    lost = whole.count("\ufffd") - text.count("\ufffd")
    notes = (f"{lost:,} damaged characters shown as \ufffd",) if lost else ()
    return Text(whole, "utf-8", notes)


def _wide(data: bytes) -> Text | None:
    """Read UTF-16 without a mark: in Latin scripts every other byte is nearly always 0."""
    sample = data[:_SAMPLE_BYTES]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) < 0.2 * len(sample) / 2 or min(even, odd) > 0.01 * len(sample):
        return None
    encoding = "utf-16-be" if even > odd else "utf-16-le"
    return Text(data.decode(encoding, "replace"), encoding, (f"Read as {encoding.upper()}",))


def _guessed(data: bytes, name: str) -> Text:
    if b"\0" in data:
        raise _no_text(name)
    from charset_normalizer import from_bytes  # 30 ms, and hardly ever needed

    matches = list(from_bytes(data[:_SAMPLE_BYTES]))
    if not matches:
        raise _no_text(name)
    near = [match for match in matches if match.chaos <= matches[0].chaos + _HARDLY_WORSE]
    alike = {name for match in near for name in match.could_be_from_charset}
    encoding = _COMMONEST if _COMMONEST in alike else matches[0].encoding
    found = _tolerant(data, encoding)
    shown = encoding.replace("_", "-")
    return Text(found.text, shown, (f"Not UTF-8: read as {shown}, by guess", *found.notes))


def _refuse_binary(text: str, name: str) -> None:
    sample = text[:_SAMPLE_BYTES]
    odd = sum(1 for sign in sample if unicodedata.category(sign) == "Cc" and sign not in _USUAL)
    if odd > _MOST_CONTROLS * len(sample):
        raise _no_text(name)


def _no_text(name: str) -> DataError:
    return DataError(
        f"{name} is not a text", "it holds binary data", "Choose a plain text or a table"
    )
