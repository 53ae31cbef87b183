"""Pictures, tables of pixels and lists of captions of strangers: read, or refused by name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqstudio.core.errors import DataError
from seqstudio.data.reading.captions import read_captioned, words_of_caption
from seqstudio.data.reading.pictures import read_all, read_frames, read_picture
from seqstudio.data.reading.pixels import read_pixels


def save(path: Path, shade: int = 200, size: tuple[int, int] = (20, 12), mode: str = "L") -> Path:
    Image.new(mode, size, shade if mode == "L" else (shade, 10, 10)).save(path)
    return path


def bomb(path: Path, side: int) -> Path:
    """A PNG whose head claims a huge picture of a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 64)))
    return path


def test_the_whole_picture_lies_in_the_middle_of_the_square(tmp_path: Path) -> None:
    wide = Image.new("L", (40, 20), 0)
    wide.paste(255, (0, 0, 20, 20))
    wide.save(tmp_path / "half.png")
    found = read_picture(tmp_path / "half.png", 8)
    assert found.shape == (1, 8, 8)
    np.testing.assert_array_equal(found[0, 2:6, :4], 255)
    np.testing.assert_array_equal(found[0, 2:6, 4:], 0)


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "bmp"])
def test_every_format_gives_its_shade(tmp_path: Path, ending: str) -> None:
    found = read_picture(save(tmp_path / f"a.{ending}", 200), 6)
    np.testing.assert_allclose(found, 200, atol=2)


def test_colour_stays_and_what_shines_through_is_white(tmp_path: Path) -> None:
    assert read_picture(save(tmp_path / "red.png", 200, mode="RGB"), 4)[:, 0, 0].tolist() == [
        200, 10, 10,
    ]  # fmt: skip
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "clear.png", 4).min() == 255


def test_what_is_no_picture_is_refused_by_name(tmp_path: Path) -> None:
    good = save(tmp_path / "good.png", size=(64, 64))
    (tmp_path / "words.png").write_text("no picture at all")
    (tmp_path / "empty.png").write_bytes(b"")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    Image.fromarray(noise).save(good)
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:900])
    for name, why in [("words", "no PNG"), ("empty", "empty"), ("cut", "damaged")]:
        with pytest.raises(DataError, match=f"{name}.png") as error:
            read_picture(tmp_path / f"{name}.png", 8)
        assert why in error.value.why
    with pytest.raises(DataError, match=r"There is no file gone\.png"):
        read_picture(tmp_path / "gone.png", 8)


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_bombs_are_refused_before_a_pixel_is_made(tmp_path: Path, side: int) -> None:
    with pytest.raises(DataError, match=r"bomb\.png.*(claims|too large)"):
        read_picture(bomb(tmp_path / "bomb.png", side), 8)


def test_few_broken_files_are_left_out_and_many_refused(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{k:02}.png", 10 * k) for k in range(19)]
    (tmp_path / "bad.png").write_text("x")
    good, broken = read_all([*paths, tmp_path / "bad.png"], 4)
    assert len(good) == 19
    assert [each.path.name for each in broken] == ["bad.png"]
    assert [int(each[0, 0, 0]) for each in good] == [10 * k for k in range(19)]
    with pytest.raises(DataError, match=r"bad\.png.*1 of 4 files"):
        read_all([*paths[:3], tmp_path / "bad.png"], 4)


def test_frames_of_a_moving_picture(tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 8), 25 * k) for k in range(10)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50)
    found = read_frames(tmp_path / "a.gif", 6, 4)
    np.testing.assert_allclose(found[:, 0, 0], [0, 75, 150, 225], atol=3)
    with pytest.raises(DataError, match="no moving picture"):
        read_frames(save(tmp_path / "still.gif"), 6, 4)


def test_tables_of_pixels(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("label,p1,p2,p3,p4\n7,0,255,0,51\n3,255,0,0,0\n")
    found = read_pixels(table)
    assert found.labels == ("7", "3")
    assert found.pictures.shape == (2, 1, 2, 2)
    assert found.pictures[0].ravel().tolist() == [0, 255, 0, 51]
    table.write_text("0,16,8,0,4.0\n16,0,0,0,5\n")
    assert read_pixels(table).labels == ("4", "5")
    assert read_pixels(table).pictures[0].ravel().tolist() == [0, 255, 128, 0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0,1,2,3,a\n0,1,2,b\n", "Line 2 of t.csv has 4 fields"),
        ("0,1,2,3,a\n0,1,x,3,b\n", "“x” is no pixel"),
        ("0,1,2,a\n", "no table of square pictures"),
        ("0,1,2,3,a\n0,1,2,3,\n", "Line 2 of t.csv has no label"),
        ("0,1,2,999,a\n", "cannot be shades"),
        ("0,1,2,-3,a\n", "“-3” is no pixel"),
    ],
)
def test_broken_tables_name_the_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=told):
        read_pixels(tmp_path / "t.csv")


def captioned(folder: Path, lines: list[str], count: int = 12) -> Path:
    for k in range(count):
        save(folder / f"{k}.png", 20 * k)
    (folder / "captions.txt").write_text("\n".join(lines))
    return folder


def test_captions_in_both_spellings(tmp_path: Path) -> None:
    lines = ["image,caption", '0.png,"A dog, and a cat."', "0.png#1\tTwo pets", "1.png,It's red"]
    found = read_captioned(captioned(tmp_path, lines))
    assert [path.name for path in found.paths] == ["0.png", "1.png"]
    assert found.captions[0] == (("a", "dog", ",", "and", "a", "cat"), ("two", "pets"))
    assert found.captions[1] == (words_of_caption("It's red."),)
    assert words_of_caption("It's red.") == ("it's", "red")
    assert found.notes == ("10 pictures have no caption and were left out",)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["0.png\ta", "gone.png\tb"], r"no picture gone\.png.*line 2"),
        (["0.png\t", "1.png\t."], "2 empty captions.*line 1"),
        (["0.png a dog"], "Line 1 .* has no sentence"),
    ],
)
def test_broken_captions_name_the_line(tmp_path: Path, lines: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_captioned(captioned(tmp_path, lines, 2))


def test_a_folder_without_list_or_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no list of captions"):
        read_captioned(tmp_path)
    (tmp_path / "captions.txt").write_text("a.png\tb")
    with pytest.raises(DataError, match="no pictures"):
        read_captioned(tmp_path)


def test_single_gaps_are_counted_in_notes(tmp_path: Path) -> None:
    lines = [f"{k}.png\ta shade" for k in range(12)] + ["gone.png\tnothing"]
    found = read_captioned(captioned(tmp_path, lines))
    assert len(found.paths) == 12
    assert "gone.png, line 13" in found.notes[0]
