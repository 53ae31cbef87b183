"""What the beginning of a file or the names in a folder look like: the possibilities, best first.

Nothing here knows kinds of data or templates; `finding` joins the two.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seqstudio.core.errors import DataError
from seqstudio.data.reading.captions import LISTS
from seqstudio.data.reading.tables import Column, Table, guess_roles, table_of, write_columns
from seqstudio.music.collection import kind_of

if TYPE_CHECKING:
    from seqstudio.data.reading.heads import Head
    from seqstudio.data.reading.texts import Text

Shape = Literal[
    "text", "labelled", "series", "measures", "pixels", "pairs", "tagged", "abc", "midi",
    "chorales", "sound", "bases", "pictures", "captioned", "clips",
]  # fmt: skip

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp"})
_TEXTS = frozenset({".txt", ".text", ".pos", ".neg"})
_MUSIC = frozenset({".abc", ".mid", ".midi", ".rmi", ".kar"})
_ABOUT = frozenset({"readme", "source", "license", "licence", "copying", "sha256sums"})
_MOST_CLASSES = 20
_MOST_NAMED = 8
_FASTA = re.compile(r"^>[^\n]*\n[ACGTUNRYSWKMBDHV\s]+$", re.IGNORECASE)
_SLASHED = re.compile(r"^\S+/[A-Z][A-Z0-9$.-]{0,9}$")
_BINARY = (
    (b"PK\x03\x04", "a ZIP archive or an office document", "Unpack it, or save the table as CSV"),
    (b"%PDF", "a PDF", "Save its text as a plain text file"),
    (b"\xd0\xcf\x11\xe0", "an office document", "Save it as CSV or as plain text"),
    (b"PAR1", "a Parquet table", "Save it as CSV"),
    (b"SQLite format 3", "a database", "Save the table in it as CSV"),
    (b"\x89HDF", "an HDF5 file", "Save the table in it as CSV"),
    (b"\x93NUMPY", "an array of NumPy", "Save it as CSV"),
    (b"fLaC", "sound in FLAC", "Save it as WAV"),
    (b"ID3", "sound in MP3", "Save it as WAV"),
    (b"OggS", "sound in Ogg", "Save it as WAV"),
    (b"Rar!", "an archive", "Unpack it first"),
    (b"7z\xbc\xaf", "an archive", "Unpack it first"),
    (b"BZh", "an archive", "Unpack it first"),
)
_PICTURE_MARKS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM")


@dataclass(frozen=True)
class Guess:
    """One possibility.

    Attributes:
        shape: What it looks like.
        title: The same for people.
        reasons: What speaks for it, short sentences without full stop.
        columns: What the columns hold, as the data settings say it; "" where nothing is to say.
        table: The rows at the beginning, where it is a table.
    """

    shape: Shape
    title: str
    reasons: tuple[str, ...]
    columns: str = ""
    table: Table | None = None


def guesses_of_file(head: Head) -> list[Guess]:
    """Return what a file may be, the likeliest first.

    Raises:
        DataError: Something that is not read here, or nothing that can be made out.
    """
    if head.data[:4] in (b"RIFF", b"RIFX") and head.data[8:12] == b"WAVE":
        return [Guess("sound", "Sound", ("It begins as a WAV file does",))]
    if b"MThd" in head.data[:1024]:
        return [Guess("midi", "A tune as MIDI", ("It begins as a MIDI file does",))]
    _refuse_binary(head)
    found = head.text()
    return [*_special(head, found), *_tables(head, found), _plain(found)]


def _refuse_binary(head: Head) -> None:
    for mark, what, hint in _BINARY:
        if head.data.startswith(mark):
            raise DataError(f"{head.name} is {what}", "it is not read here", hint)
    if head.data.startswith(_PICTURE_MARKS) and b"\0" in head.data[:64]:
        raise DataError(
            f"{head.name} is a single picture",
            "one example teaches nothing",
            "Put pictures of each class into a folder of its own, and open the folder around them",
        )


def _plain(found: Text) -> Guess:
    words = len(found.text.split())
    return Guess("text", "A text", (f"It reads as {found.encoding}, {words:,} words at least",))


def _special(head: Head, found: Text) -> list[Guess]:
    text, lower = found.text, head.name.lower()
    if _is_fasta(text):
        return [Guess("bases", "Sequences of bases", ("A line begins with > and letters of bases "
                                                      "follow, as in FASTA",))]  # fmt: skip
    if lower.endswith(".abc") or ("\nK:" in f"\n{text}" and "\nX:" in f"\n{text}"):
        tunes = len(re.findall(r"^X:", text, re.MULTILINE))
        return [Guess("abc", "Tunes in ABC", (f"It has lines X: and K:, {tunes:,} tunes in what "
                                              "was looked at",))]  # fmt: skip
    if kind_of(head.data[:4096], head.name) == "grid" and _is_grid(text):
        return [Guess("chorales", "Music as lists of time steps", ("JSON lists of numbers",))]
    return [*_tagged(text)]


def _is_fasta(text: str) -> bool:
    start = text.lstrip()
    return start.startswith(">") and bool(_FASTA.match("\n".join(start.split("\n")[:3]).strip()))


def _is_grid(text: str) -> bool:
    """Tell whether a JSON holds little but numbers and brackets, a name or two aside."""
    sample = text[:4000]
    numbers = sum(sign in "0123456789-.,[]{} \n\r\t" for sign in sample)
    return "[[" in sample.replace(" ", "").replace("\n", "") and numbers > 0.9 * len(sample)


def _tagged(text: str) -> list[Guess]:
    lines = text.split("\n")[:400]
    full = [line.split() for line in lines if line.strip()]
    words = [word for line in full for word in line]
    slashed = sum(1 for word in words if _SLASHED.match(word))
    if len(words) > 20 and slashed > 0.8 * len(words):
        return [Guess("tagged", "Words with tags", ("Nearly every word ends in /TAG",))]
    blank = len(lines) - len(full)
    if blank < 2 or len(full) < 10:
        return []
    width, same = Counter(map(len, full)).most_common(1)[0]
    tags = {line[-1] for line in full if len(line) == width}
    if width < 2 or same < 0.95 * len(full) or len(tags) > 0.3 * len(full) + 2:
        return []
    why = f"A word and its tag on each line, empty lines between sentences, {len(tags)} tags"
    return [Guess("tagged", "Words with tags", (why,))]


def _tables(head: Head, found: Text) -> list[Guess]:
    try:
        table = table_of(head.name, found, cut=head.cut)
    except DataError:
        return []  # as a text it may be good all the same
    if len(table.columns) < 2:
        numeric = table.columns[0].numeric_share > 0.9 and len(table) > 3
        return [_series(table, {"value": [table.columns[0].name]})] if numeric else []
    if _is_prose(table):
        return []
    return _of_table(table)


def _is_prose(table: Table) -> bool:
    """Tell whether commas of sentences were taken for those of a table."""
    return table.delimiter == "," and len(table) < 5 and not any(
        column.numeric_share > 0.9 for column in table.columns
    )  # fmt: skip


def _of_table(table: Table) -> list[Guess]:
    roles = guess_roles(table)
    numbers = [c for c in table.columns if c.numeric_share > 0.9]
    words = [c for c in table.columns if c.numeric_share < 0.5 and c.time_share < 0.5]
    found: list[Guess] = []
    if "time" in roles and "value" in roles and "text" not in roles:
        found.append(_series(table, roles))
    if _are_pixels(table):
        side = round((len(table.columns) - 1) ** 0.5)
        why = f"{side} × {side} numbers a row, then a label"
        found.append(Guess("pixels", "Pictures as rows of numbers", (why,), "", table))
    if _are_pairs(words, roles):
        why = f"Every row has a text in “{words[0].name}” and another in “{words[1].name}”"
        written = _written({"source": [words[0].name], "target": [words[1].name]})
        found.append(Guess("pairs", "Pairs of sentences", (why,), written, table))
    if "text" in roles and "label" in roles:
        found.append(_labelled(table, roles))
    found += _measures(table, numbers, roles)
    if numbers and not any(guess.shape == "series" for guess in found):
        value = roles.get("value", [column.name for column in numbers])
        time = {"time": roles["time"]} if "time" in roles else {}
        found.append(_series(table, {**time, "value": value}))
    return found


def _written(roles: dict[str, list[str]]) -> str:
    """Return roles as the settings say them; "" where names are too many or have quotes."""
    names = [name for each in roles.values() for name in each]
    return "" if len(names) > _MOST_NAMED or any('"' in n for n in names) else write_columns(roles)


def _series(table: Table, roles: dict[str, list[str]]) -> Guess:
    time, values = roles.get("time", [])[:1], roles.get("value", [])
    named = ", ".join(f"“{name}”" for name in values[:3]) + (" …" if len(values) > 3 else "")
    when = f"“{time[0]}” holds times and " if time else "no column of times, "
    why = f"{when}{named} numbers"
    kept = {"time": time, "value": values} if time else {"value": values}
    written = _written(kept)
    return Guess("series", "A series over time", (why[:1].upper() + why[1:],), written, table)


def _labelled(table: Table, roles: dict[str, list[str]]) -> Guess:
    text, label = table.column(roles["text"][0]), table.column(roles["label"][0])
    why = (
        f"“{text.name}” holds texts",
        f"“{label.name}” has {label.kinds:,} different words or numbers over and over",
    )
    written = _written({"text": [text.name], "label": [label.name]})
    return Guess("labelled", "Texts with a label", why, written, table)


def _measures(table: Table, numbers: list[Column], roles: dict[str, list[str]]) -> list[Guess]:
    label = roles.get("label", [table.columns[-1].name])[0]
    last = table.column(label)
    values = [column.name for column in numbers if column is not last]
    usual = 2 <= last.kinds <= min(_MOST_CLASSES, max(2, len(table) // 3))
    whole = last.numeric_share < 0.5 or not any("." in field for field in last.fields[:1000])
    if not values or not usual or not whole or "time" in roles:
        return []
    written = _written({"value": values, "label": [label]})
    why = f"{len(values)} columns of numbers, and {last.kinds} labels in “{label}”"
    return [Guess("measures", "Numbers with a label", (why,), written, table)]


def _are_pixels(table: Table) -> bool:
    width = len(table.columns) - 1
    square = width >= 16 and round(width**0.5) ** 2 == width
    return square and all(c.numeric_share > 0.9 for c in table.columns[:width])


def _are_pairs(words: list[Column], roles: dict[str, list[str]]) -> bool:
    if len(words) < 2 or "label" in roles or "value" in roles:
        return False
    return all(column.kinds > 0.3 * len(column.fields) for column in words[:2])


def guesses_of_folder(names: list[Path], folder: Path) -> list[Guess]:
    """Return what a folder may be, by the names in it, the likeliest first."""
    files = [each for each in names if each.suffix and each.stem.lower() not in _ABOUT]
    count = Counter(file.suffix.lower() for file in files)
    inner = {file.parent.name for file in files if file.parent != folder}
    found: list[Guess] = []
    pictures = sum(count[suffix] for suffix in PICTURES)
    if pictures:
        found += _of_pictures(files, folder, count)
    if music := sum(count[suffix] for suffix in _MUSIC):
        shape: Shape = "abc" if count[".abc"] >= music / 2 else "midi"
        found.append(Guess(shape, "A folder of tunes", (f"{music:,} files in ABC or MIDI",)))
    if count[".wav"]:
        found.append(Guess("sound", "A folder of sounds", (f"{count['.wav']:,} WAV files",)))
    told = [each for each in files if each.suffix.lower() in _TEXTS and each.name not in LISTS]
    if texts := len(told):
        found += _of_texts(texts, inner)
    if pictures and not found:
        raise DataError(
            f"{folder.name} holds pictures without classes or sentences",
            f"{pictures:,} of them",
            "Put those of each class into a folder of its own, or write captions.txt: file name, "
            "tab, sentence",
        )
    return found


def _of_pictures(files: list[Path], folder: Path, count: Counter[str]) -> list[Guess]:
    pictures = [file for file in files if file.suffix.lower() in PICTURES]
    many = f"{len(pictures):,} pictures"
    lists = [file.name for file in files if file.parent == folder and file.name in LISTS]
    found: list[Guess] = []
    if lists:
        why = (many, f"“{lists[0]}” says what they show")
        found.append(Guess("captioned", "Pictures with sentences", why))
    classes = {file.parent.name for file in pictures if file.parent != folder}
    if len(classes) >= 2:
        why = (many, f"In {len(classes)} folders, one a class: {', '.join(sorted(classes)[:4])}")
        moving = count[".gif"] > len(pictures) / 2
        still = Guess("pictures", "Pictures in classes", why)
        clips = Guess("clips", "Moving pictures in classes", why)
        found += [clips, still] if moving else [still, clips]
    return found


def _of_texts(texts: int, inner: set[str]) -> list[Guess]:
    if len(inner) >= 2:
        why = f"{len(inner)} folders with texts, one a label: {', '.join(sorted(inner)[:4])}"
    else:
        why = f"{texts:,} texts, one a label, an example a line"
    return [Guess("labelled", "Texts with a label", (why,))] if texts >= 2 or inner else []
