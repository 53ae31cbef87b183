"""Texts in any encoding are read or refused with a sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.reading.texts import decode, read_any_text

FRENCH = "Le garçon a été très étonné de voir où l'élève était allé hier à l'école.\n" * 20
RUSSIAN = "Мама мыла раму, а папа читал газету и пил чай с вареньем.\n" * 20


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
def test_unicode_is_read_exactly(encoding: str) -> None:
    assert decode(FRENCH.encode(encoding), "t").text == FRENCH


@pytest.mark.parametrize(("text", "encoding"), [(FRENCH, "cp1252"), (RUSSIAN, "cp1251")])
def test_other_encodings_are_found_and_named(text: str, encoding: str) -> None:
    found = decode(text.encode(encoding), "t")
    assert found.text == text
    assert "by guess" in found.notes[0]


def test_half_a_character_at_the_end_is_counted() -> None:
    found = decode("naïve café".encode()[:-1], "t")
    assert found.text == "naïve caf\ufffd"
    assert found.notes == ("1 damaged characters shown as \ufffd",)


@pytest.mark.parametrize("data", [bytes(range(256)) * 40, b"\x89PNG\r\n\x1a\n" + b"\0\1\2\3" * 90])
def test_binary_files_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="not a text"):
        decode(data, "t")


def test_gzip_is_unpacked_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(b"abc\r\n" * 1000))
    assert read_any_text(path).text == "abc\n" * 1000
    path.write_bytes(gzip.compress(b"a" * 5_000_000))
    with pytest.raises(DataError, match="too large"):
        read_any_text(path, 1_000_000)
    path.write_bytes(gzip.compress(b"abc" * 1000)[:-9])
    with pytest.raises(DataError, match="damaged"):
        read_any_text(path)
