"""Music of many files as scores: books and folders of ABC, MIDI files, lists of time steps.

What a file is follows from its content, not from its name. A file that cannot be read is listed
with the reason and the others go on. `collect` reads at once; `Collector` tells its progress and
may be left at any time.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import gcd, lcm
from pathlib import Path
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError, MusicError
from seqstudio.core.files import read_bytes
from seqstudio.music.abc import read_tune, split_book
from seqstudio.music.grids import parse_grid
from seqstudio.music.midi import open_midi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqstudio.music.score import Score

_MOST_REFUSED = 10_000
_TUNES_A_STEP = 50
_TUNE = re.compile(r"^(?:X:|K:)", re.MULTILINE)
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read at most; what lies beyond is left out and said so.

    Attributes:
        files: Files of a folder.
        depth: Folders within folders, the chosen one not counted.
        file_bytes: Size of one file.
        total_bytes: Size of all files that are read.
        scores: Pieces.
        notes: Notes of all pieces.
    """

    files: int = 20_000
    depth: int = 16
    file_bytes: int = 64_000_000
    total_bytes: int = 1_000_000_000
    scores: int = 100_000
    notes: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Named:
    """A piece with where it comes from.

    Attributes:
        name: Title, or the name of its file; never "".
        score: The music.
        origin: File as a path within the chosen folder, with "/".
        part: Set that its file puts it in, "train" or "valid", or "".
        text: The tune as it stands in its file when that is ABC, else "".
        music: Hash of the notes alone, the same in every key: see `fingerprint`.
    """

    name: str
    score: Score
    origin: str
    part: str = ""
    text: str = ""
    music: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A file or tune that was not read, and why, without full stop."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """A piece that was left out because the same music came before, under the name `first`."""

    name: str
    first: str


@dataclass(frozen=True, slots=True)
class Collection:
    """What was read.

    Attributes:
        scores: Every piece once, in the order of the files.
        refused: What could not be read.
        warnings: What was read over or left out, in sentences without full stop.
        repeated: Pieces left out because the same notes came before.
        files: Files that gave at least one piece.
        complete: Whether all was read: no limit was reached, nobody stopped it.
    """

    scores: tuple[Named, ...] = ()
    refused: tuple[Refused, ...] = ()
    warnings: tuple[str, ...] = ()
    repeated: tuple[Repeated, ...] = ()
    files: int = 0
    complete: bool = True

    def summary(self) -> str:
        """Return one line for people: "804 pieces from 1 file; 2 refused"."""
        counts = [f"{_counted(len(self.scores), 'piece')} from {_counted(self.files, 'file')}"]
        if self.repeated:
            counts.append(f"{len(self.repeated):,} repeated")
        if self.refused:
            counts.append(f"{len(self.refused):,} refused")
        return "; ".join(counts)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reading is: files done and found so far, pieces, notes, file at work."""

    done: int
    files: int
    scores: int
    notes: int
    name: str


def collect(path: str | Path, *, limits: Limits | None = None) -> Collection:
    """Read all music at a place.

    Args:
        path: An ABC book, a MIDI file, a JSON file of time steps, or a folder with any of them.
        limits: How much to read at most.

    Raises:
        MusicError: There is nothing at that place, or it cannot be looked into.
    """
    collector = Collector(path, limits=limits)
    for _progress in collector.steps():
        pass
    return collector.result()


def fingerprint(score: Score, *, any_key: bool = False) -> str:
    """Return a hash of the notes: onsets, lengths, pitches; of drums apart from the rest.

    Titles, tempo, velocities, instruments, the numbering of voices and silence before the first
    note do not count. With `any_key` neither does the key: pitches count from the lowest one.
    """
    exact, anywhere = _fingerprints(score)
    return anywhere if any_key else exact


def _fingerprints(score: Score) -> tuple[str, str]:
    """Return the hashes of the notes in their own key and in any key."""
    drums = {track.voice for track in score.tracks if track.drums}
    first = score.notes[0].start if score.notes else Fraction(0)
    times = [(note.start, note.length) for note in score.notes]
    unit = lcm(first.denominator, *{time.denominator for pair in times for time in pair})
    zero = _in_units(first, unit)
    counts = [(_in_units(start, unit) - zero, _in_units(length, unit)) for start, length in times]
    # In the coarsest unit: the silence before the first note must not make it finer.
    step = gcd(unit, *{count for pair in counts for count in pair})
    pitches = [(note.pitch, note.voice in drums) for note in score.notes]
    base = min((pitch for pitch, drum in pitches if not drum), default=0)
    moved = [(pitch if drum else pitch - base, drum) for pitch, drum in pitches]
    return _hashed(unit // step, counts, step, pitches), _hashed(unit // step, counts, step, moved)


def _in_units(beats: Fraction, unit: int) -> int:
    return beats.numerator * (unit // beats.denominator)


def _hashed(
    unit: int, counts: list[tuple[int, int]], step: int, pitches: list[tuple[int, bool]]
) -> str:
    notes = sorted(
        (start // step, length // step, *pitch)
        for (start, length), pitch in zip(counts, pitches, strict=True)
    )
    return hashlib.blake2b(repr((unit, notes)).encode(), digest_size=16).hexdigest()


class Collector:
    """Reads a collection step by step.

    Example:
        >>> collector = Collector("tunes")
        >>> for progress in collector.steps():
        ...     if cancelled:
        ...         break
        >>> collection = collector.result()
    """

    def __init__(self, path: str | Path, *, limits: Limits | None = None) -> None:
        self._root = Path(path)
        self._limits = limits or Limits()
        self._scores: list[Named] = []
        self._refused: list[Refused] = []
        self._warnings: list[str] = []
        self._repeated: list[Repeated] = []
        self._seen: dict[str, str] = {}
        self._files = 0
        self._bytes = 0
        self._notes = 0
        self._full = False
        self._partial = False
        self._ended = False

    def steps(self) -> Iterator[Progress]:
        """Read on, a file or some tunes at a time; leave the loop to stop.

        Raises:
            MusicError: There is nothing at that place, or it cannot be looked into.
        """
        found = self._find()
        for done, path in enumerate(found):
            if self._full:
                break
            for _ in self._file(path):
                yield self._progress(done, len(found), path)
            yield self._progress(done + 1, len(found), path)
        self._ended = True

    def result(self) -> Collection:
        """Return what has been read so far."""
        return Collection(
            tuple(self._scores),
            tuple(self._refused),
            tuple(self._warnings),
            tuple(self._repeated),
            self._files,
            self._ended and not self._partial,
        )

    def _progress(self, done: int, files: int, path: Path) -> Progress:
        return Progress(done, files, len(self._scores), self._notes, _shown(path.name))

    # Files

    def _find(self) -> list[Path]:
        try:
            kind = self._root.stat().st_mode
            if stat.S_ISDIR(kind):
                with os.scandir(self._root):
                    pass
        except OSError as error:
            raise MusicError(
                f"{_shown(str(self._root))} cannot be read",
                error.strerror or str(error),
                "Check the name and the folder",
            ) from error
        if not stat.S_ISDIR(kind):
            return [self._root]
        found = list(islice(self._walk(self._root, 0), self._limits.files + 1))
        if len(found) > self._limits.files:
            self._beyond(f"more than {self._limits.files:,} files; the others are left out")
        return found[: self._limits.files]

    def _walk(self, folder: Path, depth: int) -> Iterator[Path]:
        """Yield the files below a folder, in the order of their names; links are not followed."""
        try:
            with os.scandir(folder) as entries:
                listed = [each for each in entries if not each.name.startswith(".")]
        except OSError as error:
            self._refuse(folder, error.strerror or str(error))
            return
        for entry in sorted(listed, key=lambda each: _natural(each.name)):
            path = Path(entry.path)
            if entry.is_symlink():
                self._refuse(path, "links are not followed")
            elif entry.is_dir(follow_symlinks=False):
                if depth < self._limits.depth:
                    yield from self._walk(path, depth + 1)
                else:
                    self._refuse(path, f"it lies more than {self._limits.depth} folders deep")
            elif entry.is_file(follow_symlinks=False):
                yield path
            else:
                self._refuse(path, "it is no ordinary file")

    def _file(self, path: Path) -> Iterator[None]:
        """Read one file; yields now and then within a long one."""
        before = len(self._scores) + len(self._repeated)
        if self._bytes >= self._limits.total_bytes:
            self._stop(f"more than {self._limits.total_bytes // 1_000_000:,} MB; the rest is left")
            return
        try:
            data = self._bytes_of(path)
            yield from self._pieces(path, data)
        except (MusicError, DataError) as error:
            self._refuse(path, f"{error.what}: {error.why}" if error.why else error.what)
        if len(self._scores) + len(self._repeated) > before:
            self._files += 1

    def _bytes_of(self, path: Path) -> bytes:
        if not path.is_file():
            raise MusicError("it is no ordinary file")
        data = read_bytes(path, self._limits.file_bytes)
        self._bytes += len(data)
        return data

    def _pieces(self, path: Path, data: bytes) -> Iterator[None]:
        kind = kind_of(data, path.name)
        if kind == "midi":
            yield from self._midi(path, data)
        elif kind == "grid":
            yield from self._grid(path, data)
        elif kind == "abc":
            yield from self._abc(path, data)
        else:
            raise MusicError(*_why_nothing(data))

    # Kinds

    def _midi(self, path: Path, data: bytes) -> Iterator[None]:
        reading = open_midi(data)
        self._warn(path, reading.warnings)
        if reading.score.notes:
            self._keep(Named(reading.score.title or _shown(path.stem), reading.score, ""), path)
        else:
            self._refuse(path, "it has no notes")
        yield

    def _grid(self, path: Path, data: bytes) -> Iterator[None]:
        for piece in parse_grid(data).scores():
            name = " ".join(filter(None, [_shown(path.stem), piece.part, str(piece.number)]))
            if piece.score.notes:
                self._keep(Named(name, piece.score, "", piece.part), path)
            else:
                self._refuse(path, f"piece {piece.number} of {piece.part or 'it'} has no notes")
            if self._full:
                return
            if piece.number % _TUNES_A_STEP == 0:
                yield

    def _abc(self, path: Path, data: bytes) -> Iterator[None]:
        text, warning = _decoded(data)
        self._warn(path, [warning] if warning else [])
        for number, written in enumerate(split_book(text), start=1):
            tune = read_tune(written.text)
            name = written.title or f"{_shown(path.stem)}, tune {number}"
            if tune.broken:
                self._refuse(path, f"tune {number}, “{name[:60]}”: {tune.broken}")
            else:
                self._keep(Named(name, tune.score, "", text=written.text), path)
            if self._full:
                return
            if number % _TUNES_A_STEP == 0:
                yield

    # Keeping

    def _keep(self, piece: Named, path: Path) -> None:
        exact, anywhere = _fingerprints(piece.score)
        if exact in self._seen:
            self._repeated.append(Repeated(piece.name, self._seen[exact]))
            return
        notes = len(piece.score.notes)
        if len(self._scores) >= self._limits.scores:
            self._stop(f"more than {self._limits.scores:,} pieces; the others are left out")
        elif self._notes + notes > self._limits.notes:
            self._stop(f"more than {self._limits.notes:,} notes; the others are left out")
        else:
            self._seen[exact] = piece.name
            self._notes += notes
            origin = self._origin(path)
            self._scores.append(
                Named(piece.name, piece.score, origin, piece.part, piece.text, anywhere)
            )

    def _origin(self, path: Path) -> str:
        inside = path.relative_to(self._root) if path != self._root else Path(path.name)
        return _shown(inside.as_posix())

    def _refuse(self, path: Path, reason: str) -> None:
        if len(self._refused) < _MOST_REFUSED:
            self._refused.append(Refused(self._origin(path), reason))

    def _warn(self, path: Path, sentences: list[str] | tuple[str, ...]) -> None:
        room = _MOST_REFUSED - len(self._warnings)
        self._warnings += [f"{self._origin(path)}: {each}" for each in sentences][:room]

    def _beyond(self, sentence: str) -> None:
        self._partial = True
        self._warnings.append(sentence)

    def _stop(self, sentence: str) -> None:
        self._full = True
        self._beyond(sentence)


def kind_of(data: bytes, name: str = "") -> str:
    """Return what the content of a file is: "midi", "grid", "abc", or "" for anything else.

    Args:
        data: The bytes of the file.
        name: Its name; files that call themselves MIDI are read as such, to say what is wrong.
    """
    if b"MThd" in data[:1024] or name.lower().endswith((".mid", ".midi", ".midi2", ".syx")):
        return "midi"
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{"):
        return "grid"
    if data[:4].startswith(_ARCHIVES) or b"\0" in data:
        return ""
    return "abc" if _TUNE.search(data.decode("latin-1").replace("\r", "\n")) else ""


def _why_nothing(data: bytes) -> tuple[str, str]:
    if data[:4].startswith(_ARCHIVES):
        return "it is an archive", "unpack it first"
    if b"\0" in data:
        return "it holds no music that is read here", "neither ABC, nor MIDI, nor JSON"
    return "it holds no tune in ABC", "a tune has a line X: and a line K:"


def _decoded(data: bytes) -> tuple[str, str]:
    """Return an ABC text with plain line ends, and a warning or ""."""
    try:
        text, warning = data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        text, warning = data.decode("latin-1"), "it is not UTF-8; read as Latin-1"
    return text.replace("\r\n", "\n").replace("\r", "\n"), warning


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts "tune 2" before "tune 10"."""
    parts = re.findall(r"\d{1,18}|\D+|\d", name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts] + [(-2, name)]


def _shown(name: str) -> str:
    """Return a file name that can be shown whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "replace")


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
