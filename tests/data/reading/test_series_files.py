"""Series, sound and DNA from files: what is found, and what is refused with its place."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.reading.fasta import read_fasta
from seqstudio.data.reading.measured import read_measured
from seqstudio.data.reading.sound import read_sound, resample


@pytest.fixture
def file(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str | bytes, name: str = "sales.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def monthly(skip: tuple[int, ...] = (), empty: tuple[int, ...] = (), sign: str = ",") -> str:
    rows = [f"month{sign}sales"]
    for t in range(36):
        if t not in skip:
            year, month = divmod(t, 12)
            rows.append(f"{2000 + year}-{month + 1:02}{sign}{'' if t in empty else t * 1.5}")
    return "\n".join(rows)


def test_missing_rows_and_empty_fields_stay_empty_and_are_counted(file) -> None:
    found = read_measured(file(monthly(skip=(5, 6, 20), empty=(30,))))
    assert found.values.shape == (36, 1)
    assert np.flatnonzero(np.isnan(found.values[:, 0])).tolist() == [5, 6, 20, 30]
    known = np.isfinite(found.values[:, 0])
    np.testing.assert_array_equal(found.values[known, 0], np.arange(36)[known] * 1.5)
    assert (found.gaps, found.step) == (4, "month")
    notes = " ".join(found.notes)
    assert "3 time steps are missing in 2 gaps" in notes
    assert "after line 6 (2000-05)" in notes
    assert "1 empty fields in 1 rows, left empty: line 29 “sales”" in notes


def test_wide_tables_are_read_row_by_row(file) -> None:
    months = "Year,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec"
    rows = [f"{2000 + y}," + ",".join(str(y * 12 + m) for m in range(12)) for y in range(4)]
    rows[3] = rows[3].replace(",46,47", ",,")
    rows[1] = rows[1].replace(",15,", ",,")
    found = read_measured(file("\n".join([months, *rows])))
    assert found.values.shape == (46, 1)
    assert np.flatnonzero(np.isnan(found.values[:, 0])).tolist() == [15]
    assert found.values[45, 0] == 45
    assert "2 empty fields before the first or after the last value" in found.notes
    numbered = "year;" + ";".join(str(m) for m in range(1, 13))
    rows = [f"{2000 + y};" + ";".join(f"{y * 12 + m},5" for m in range(12)) for y in range(3)]
    found = read_measured(file("\n".join([numbered, *rows])))
    np.testing.assert_array_equal(found.values[:, 0], np.arange(36) + 0.5)


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_other_separators_and_decimal_commas(file, sign: str) -> None:
    found = read_measured(file(monthly(sign=sign).replace(".", ",")))
    np.testing.assert_array_equal(found.values[:, 0], np.arange(36) * 1.5)
    assert any("Decimal commas in sales" in note for note in found.notes)


@pytest.mark.parametrize(
    ("times", "step"),
    [
        (["2024-01-01 00:00", "2024-01-01 06:00", "2024-01-01 12:00"], "6 hours"),
        (["31.01.2024", "29.02.2024", "31.03.2024"], "month"),
        (["01/13/2024", "01/14/2024", "01/15/2024"], "day"),
        (["2023 Q3", "2023 Q4", "2024 Q1"], "quarter"),
        (["1990", "1995", "2000"], "5"),
        (["2024-01-01", "2024-01-08", "2024-01-15"], "week"),
    ],
)
def test_the_step_is_found(file, times: list[str], step: str) -> None:
    rows = "\n".join(f"{time};{at}.5" for at, time in enumerate(times))
    assert read_measured(file(f"date;x\n{rows}"), "time=date value=x").step == step


def test_a_column_of_few_numbers_is_a_value(file) -> None:
    rows = "\n".join(f"{t},{t * 1.5},{t % 2}" for t in range(40))
    assert read_measured(file(f"t,x,y\n{rows}")).names == ("x", "y")


def test_uneven_steps_cut_the_series(file) -> None:
    times = [0, 1, 2, 3, 3.4, 4.4, 5.4]
    rows = "\n".join(f"{time};{at}.5" for at, time in enumerate(times))
    found = read_measured(file(f"t;x\n{rows}"), "time=t value=x")
    assert np.flatnonzero(np.isnan(found.values[:, 0])).tolist() == [4]
    assert any("1 uneven time steps" in note and "after line 5" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("2000-08,10.5", "2000-08,ten"), ["line 9", "“ten”", "sales"]),
        (("2000-08,10.5", "2000-02,10.5"), ["line 9", "time goes back", "month"]),
        (("2000-08,10.5", "2000-07,10.5"), ["line 9", "the same time twice"]),
        (("2000-08,10.5", "2000-13,10.5"), ["line 9", "is no time", "month"]),
        (("2000-08,10.5", "2000-08,10.5,1"), ["line 9", "3 fields"]),
    ],
)
def test_a_bad_line_is_named(file, change: tuple[str, str], words: list[str]) -> None:
    with pytest.raises(DataError) as error:
        read_measured(file(monthly().replace(*change)))
    told = f"{error.value.what} {error.value.why}"
    assert all(word in told for word in words), told


def test_binary_files_with_the_name_of_a_table_are_refused(file) -> None:
    with pytest.raises(DataError):
        read_measured(file(bytes(range(256)) * 40))
    with pytest.raises(DataError, match="no column of numbers"):
        read_measured(file("a,b\nx,y\nu,v\nw,z\n"))


# Sound


def wav(code: int, bits: int, channels: int, rate: int, body: bytes, size: int = -1) -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits)
    head = b"fmt " + struct.pack("<I", 16) + form + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    data = b"data" + struct.pack("<I", len(body) if size < 0 else size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(data)) + b"WAVE" + head + data


@pytest.mark.parametrize(
    ("code", "bits", "values"),
    [
        (1, 8, np.array([128, 192, 64, 255], "u1").tobytes()),
        (1, 16, np.array([0, 16384, -16384, 32767], "<i2").tobytes()),
        (1, 24, b"\0\0\0" + b"\0\0\x40" + b"\0\0\xc0" + b"\xff\xff\x7f"),
        (1, 32, np.array([0, 2**30, -(2**30), 2**31 - 1], "<i4").tobytes()),
        (3, 32, np.array([0, 0.5, -0.5, 1], "<f4").tobytes()),
        (3, 64, np.array([0, 0.5, -0.5, 1], "<f8").tobytes()),
    ],
)
def test_samples_of_every_size(file, code: int, bits: int, values: bytes) -> None:
    found = read_sound(file(wav(code, bits, 1, 8000, values), "a.wav"), 8000)
    np.testing.assert_allclose(found.samples, [0, 0.5, -0.5, 1], atol=0.01)
    assert found.rate == 8000


def test_channels_are_mixed_and_rates_come_down_to_the_wanted_one(file) -> None:
    time = np.arange(22050) / 22050
    low, high = (np.sin(2 * np.pi * pitch * time) for pitch in (440, 7000))
    stereo = np.stack([low + high, low - high], 1) / 2
    body = (stereo * 32767).astype("<i2").tobytes()
    found = read_sound(file(wav(1, 16, 2, 22050, body), "a.wav"), 8000)
    assert (found.rate, len(found.samples)) == (8000, 8000)
    inner = slice(200, -200)
    wanted = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) / 2
    np.testing.assert_allclose(found.samples[inner], wanted[inner], atol=0.01)
    assert any("2 channels mixed" in note for note in found.notes)
    # What the new rate cannot hold is cut, not folded down.
    assert np.abs(resample(high, 22050, 8000)[inner]).max() < 0.01


def test_sound_that_is_none_or_cut_off(file) -> None:
    with pytest.raises(DataError, match="is not a WAV file"):
        read_sound(file(b"ID3 and then music", "a.wav"), 8000)
    whole = wav(1, 16, 1, 8000, b"\1\0" * 900, size=2000)
    found = read_sound(file(whole, "a.wav"), 8000)
    assert len(found.samples) == 900
    assert any("200 bytes of sound are missing" in note for note in found.notes)
    for end in (20, 30, 44, 56):
        with pytest.raises(DataError, match="broken WAV file"):
            read_sound(file(whole[:end], "b.wav"), 8000)
    with pytest.raises(DataError, match="of a kind that is not read"):
        read_sound(file(wav(2, 4, 1, 8000, b"\1\0" * 90), "c.wav"), 8000)
    with pytest.raises(DataError, match="no numbers"):
        read_sound(file(wav(3, 32, 1, 8000, b"\0\0\xc0\x7f" * 90), "d.wav"), 8000)


# DNA


def test_bases_are_read_and_odd_letters_named(file) -> None:
    found = read_fasta(file(">one\nACgt\nNRYu\n\n>two\nAC-GT*\n", "a.fa"))
    assert found.names == ("one", "two")
    assert found.records == ("ACGTNNNT", "ACGT")
    assert "3 letters that stand for several bases are read as N" in found.notes
    assert "2 signs for gaps and stops are left out" in found.notes
    with pytest.raises(DataError, match="line 3, column 4: “E” is no base"):
        read_fasta(file(">one\nACGT\nACGE\n", "a.fa"))
    with pytest.raises(DataError, match="no sequence"):
        read_fasta(file(">one\n>two\n", "a.fa"))
