"""Pictures from files of strangers: PNG, JPEG, GIF and BMP, within limits, in one size.

Shape legend: C = channels, 1 for grey and 3 for colour; S = side in pixels; F = frames.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from seqstudio.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp"})
FORMATS = ("PNG", "JPEG", "GIF", "BMP")
MOST_FILES = 50_000
LARGEST_BYTES = 64_000_000
MOST_PIXELS = 40_000_000
"""Pixels of one picture before it is made small: more is a mistake or a trap."""
MOST_NUMBERS = 400_000_000
"""Bytes of all pictures together."""
MOST_FRAMES = 1_000
_BROKEN_SHARE = 0.1
# Whatever a decoder raises about bytes that are not what they claim to be.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError)


@dataclass(frozen=True)
class Broken:
    """A file that is no usable picture, and why."""

    path: Path
    why: str


def is_picture(path: Path) -> bool:
    """Tell whether a file claims to be a picture: by its ending, and not hidden."""
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder by name.

    Raises:
        DataError: Too many.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file())
    found = [folder / name for name in names if is_picture(folder / name)]
    if len(found) > MOST_FILES:
        raise DataError(
            f"{folder.name} has too many pictures",
            f"{len(found):,}, {MOST_FILES:,} are read",
            "Use a part of them",
        )
    return found


def read_picture(path: Path, side: int) -> Bytes:
    """Read one picture, the whole of it in the middle of a square.

    Args:
        path: The file; of a moving one the first frame.
        side: S.

    Returns:
        (C, S, S), 0 black to 255; C is 1 where the file holds grey only.

    Raises:
        DataError: No picture, damaged, or too large; the sentence names the file.
    """
    with _opened(path) as image:
        return _load(path, lambda: _square(image, side))


def read_frames(path: Path, side: int, frames: int) -> Bytes:
    """Read a moving picture in grey, `frames` of its frames evenly over its time.

    Returns:
        (F, S, S), 0 black to 255.

    Raises:
        DataError: No picture, damaged, too large, or it does not move.
    """
    with _opened(path) as image:
        count = int(getattr(image, "n_frames", 1))
        if not 2 <= count <= MOST_FRAMES:
            raise DataError(
                f"{path.name} is no moving picture",
                f"it has {count:,} frames; 2 to {MOST_FRAMES:,} are read",
                "Use animated GIF files",
            )
        wanted = np.linspace(0, count - 1, frames).round().astype(int)
        return _load(path, lambda: _frames(image, side, wanted))


def read_all(paths: Sequence[Path], side: int) -> tuple[list[Bytes], list[Broken]]:
    """Read many pictures.

    Returns:
        Those that are good, in order, all with as many channels as the richest of them, and the
        broken ones.

    Raises:
        DataError: More than a tenth is broken, or all together are too large; the sentence names
            a file.
    """
    if len(paths) * side * side > MOST_NUMBERS:
        raise DataError(
            f"{len(paths):,} pictures of {side} × {side} are too much at once",
            f"{MOST_NUMBERS // 1_000_000:,} million pixels are read",
            "Choose a smaller side in the data settings",
        )
    good: list[Bytes] = []
    broken: list[Broken] = []
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))  # decoders let go of the lock
    try:
        for each in pool.map(partial(_try_picture, side=side), paths):
            if isinstance(each, Broken):
                broken.append(each)
                refuse_broken(broken, len(paths))  # as soon as it is sure: thousands may follow
            else:
                good.append(each)
    finally:
        pool.shutdown(cancel_futures=True)
    return like_richest(good), broken


def refuse_broken(broken: Sequence[Broken], count: int) -> None:
    """Refuse files of which more than a tenth is broken.

    Raises:
        DataError: Names the first.
    """
    if broken and len(broken) > _BROKEN_SHARE * count:
        first = broken[0]
        raise DataError(
            f"{first.path.parent.name}/{first.path.name} cannot be read as a picture",
            f"{first.why}; at least {len(broken):,} of {count:,} files are broken",
            "Take these files out, or save them as PNG again",
        )


def notes_on(broken: Sequence[Broken]) -> list[str]:
    """Return what to say about files that were left out."""
    if not broken:
        return []
    named = "; ".join(f"{each.path.name}: {each.why}" for each in broken[:3])
    more = f" and {len(broken) - 3:,} more" if len(broken) > 3 else ""
    one = "file is no usable picture and was" if len(broken) == 1 else "files are no usable " \
        "pictures and were"  # fmt: skip
    return [f"{len(broken):,} {one} left out ({named}{more})"]


def like_richest(pictures: Sequence[Bytes]) -> list[Bytes]:
    """Return pictures (C, S, S) with as many channels as the richest: grey ones three times."""
    most = max((len(each) for each in pictures), default=1)
    return [each if len(each) == most else np.repeat(each[:1], most, 0) for each in pictures]


def _try_picture(path: Path, side: int) -> Bytes | Broken:
    try:
        return read_picture(path, side)
    except DataError as error:
        return Broken(path, error.why or error.what)


def _opened(path: Path) -> Image.Image:
    """Open a file whose head is that of a picture of a bearable size; no pixel is decoded yet.

    Raises:
        DataError: It is none.
    """
    what = f"{path.name} cannot be read as a picture"
    again = "Save it as PNG again, or take it out"
    size = 0
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise DataError(what, f"it has {size / 1e6:,.0f} MB", "Make it smaller")
        image = Image.open(path, formats=FORMATS)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path.name}", f"in {path.parent}") from error
    except UnidentifiedImageError as error:
        why = "it is empty" if size == 0 else "it is no PNG, JPEG, GIF or BMP"
        raise DataError(what, why, again) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(what, "it claims to be far too large", "Make it smaller") from error
    except _DAMAGE as error:
        raise DataError(what, f"it is damaged: {_first_line(error)}", again) from error
    if image.width * image.height > MOST_PIXELS or min(image.size) < 1:
        image.close()
        raise DataError(
            what,
            f"it claims {image.width:,} × {image.height:,} pixels; "
            f"{MOST_PIXELS // 1_000_000} million are read",
            "Make it smaller",
        )
    return image


def _load(path: Path, decode: Any) -> Bytes:
    try:
        return np.ascontiguousarray(decode())
    except (*_DAMAGE, MemoryError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path.name} cannot be read as a picture",
            f"it is damaged: {_first_line(error)}",
            "Save it as PNG again, or take it out",
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:120] or type(error).__name__


def _square(image: Image.Image, side: int) -> Bytes:
    image.draft(None, (2 * side, 2 * side))  # JPEG is decoded small at once
    upright = ImageOps.exif_transpose(image)
    plain = _on_paper(upright)
    small = ImageOps.contain(plain, (side, side), Image.Resampling.BOX if _shrinks(plain, side)
                             else Image.Resampling.BILINEAR)  # fmt: skip
    square = Image.new(small.mode, (side, side), _border(small))
    square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    pixels = np.asarray(square, np.uint8)
    if pixels.ndim == 2:
        return pixels[None]
    channels = pixels.transpose(2, 0, 1)
    grey = (channels[0] == channels[1]).all() and (channels[1] == channels[2]).all()
    return channels[:1] if grey else channels


def _shrinks(image: Image.Image, side: int) -> bool:
    return max(image.size) > side


def _on_paper(image: Image.Image) -> Image.Image:
    """Return grey or colour without transparency: what shines through is white."""
    if image.mode in {"1", "L"} and "transparency" not in image.info:
        return image.convert("L")
    if image.mode in {"I", "I;16", "F"}:
        values = np.asarray(image, np.float64)
        most = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray((values.clip(0, most) * (255 / most)).astype(np.uint8))
    clear = image.convert("RGBA")
    paper = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(paper, clear).convert("RGB")


def _border(image: Image.Image) -> Any:
    """Return the middle colour of the four corners: what the rest of the square is filled with."""
    right, low = image.width - 1, image.height - 1
    corners = [image.getpixel(at) for at in ((0, 0), (right, 0), (0, low), (right, low))]
    middle = np.median(np.array(corners), 0).astype(int)
    return int(middle) if middle.ndim == 0 else tuple(int(part) for part in middle)


def _frames(image: Image.Image, side: int, wanted: NDArray[np.int_]) -> Bytes:
    kept: dict[int, Bytes] = {}
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number in wanted:
            kept[number] = _square(frame.convert("L"), side)[0]
        if number >= wanted[-1]:
            break
    return np.stack([kept[int(number)] for number in wanted])
