"""Keys, modes and the spelling of pitches, on the line of fifths.

Every spelled note has a place on the line of fifths: ... Bb -2, F -1, C 0, G 1, D 2, ... F# 6.
A transposition moves every note and every key by the same number of fifths, so notes of the key
stay notes of the key and an accidental stays an accidental of the same meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LETTERS = "CDEFGAB"
SEMITONES = (0, 2, 4, 5, 7, 9, 11)
ALTERS = {"__": -2, "_": -1, "=": 0, "^": 1, "^^": 2}
ALTER_SIGNS = {alter: sign for sign, alter in ALTERS.items()}

_FIFTHS = (0, 2, 4, -1, 1, 3, 5)
_LETTERS_BY_FIFTHS = (3, 0, 4, 1, 5, 2, 6)  # F C G D A E B
_SHARPS_AND_FLATS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}

#: Fifths from the major scale on the same tonic, by the first three letters of the mode.
_MODES = {
    "lyd": ("lydian", 1),
    "maj": ("major", 0),
    "ion": ("ionian", 0),
    "mix": ("mixolydian", -1),
    "dor": ("dorian", -2),
    "min": ("minor", -3),
    "aeo": ("aeolian", -3),
    "phr": ("phrygian", -4),
    "loc": ("locrian", -5),
}
MODE_FIFTHS = dict(_MODES.values())

_TONIC = re.compile(r"\s*([A-Ga-g])([#b]?)(\s*)([A-Za-z]*)")
_EXTRA = re.compile(r"(\^\^|\^|__|_|=)([A-Ga-g])")
_CLEF_WORD = re.compile(
    r"\s*(?:clef|treble|bass|alto|tenor|perc|octave|transpose|middle|stafflines|style|exp)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Spelled:
    """A pitch with its spelling.

    Attributes:
        letter: 0 to 6 for C D E F G A B.
        octave: 4 for the octave from middle C.
        alter: Semitones of the accidental, -1 for flat.
    """

    letter: int
    octave: int
    alter: int

    @property
    def pitch(self) -> int:
        """Semitones, 60 = middle C; may leave 0 to 127."""
        return 12 * (self.octave + 1) + SEMITONES[self.letter] + self.alter

    @property
    def fifths(self) -> int:
        """Place on the line of fifths, C = 0."""
        return _FIFTHS[self.letter] + 7 * self.alter

    @property
    def name(self) -> str:
        """Letter with accidental, "F#"."""
        return name_of(self.fifths)


@dataclass(frozen=True, slots=True)
class Key:
    """A key signature.

    Attributes:
        tonic: Place of the tonic on the line of fifths, None where there is none.
        mode: "major", "dorian", ...; "none" without signature; "exp" with `extras` only.
        extras: (letter, alter) pairs that are added to the signature of the mode.
    """

    tonic: int | None = None
    mode: str = "none"
    extras: tuple[tuple[int, int], ...] = ()

    @property
    def signature(self) -> int:
        """Sharps (above zero) or flats of the mode, extras left out."""
        return 0 if self.tonic is None else self.tonic + MODE_FIFTHS[self.mode]

    @property
    def alters(self) -> tuple[int, ...]:
        """Alteration of each letter, C to B."""
        alters = [(self.signature - fifths + 5) // 7 for fifths in _FIFTHS]
        for letter, alter in self.extras:
            alters[letter] = alter
        return tuple(alters)

    @property
    def name(self) -> str:
        """The key in words that `parse_key` reads back."""
        parts = [] if self.tonic is None else [name_of(self.tonic)]
        return " ".join([*parts, self.mode, *map(_extra_text, self.extras)])


NO_KEY = Key()
_HIGHLAND_PIPES = Key(None, "exp", ((3, 1), (0, 1), (4, 0)))


def name_of(fifths: int) -> str:
    """Return the name of a place on the line of fifths, "F#" for 6."""
    alter, order = divmod(fifths + 1, 7)
    sign = _SHARPS_AND_FLATS.get(alter) or ("#" * alter if alter > 0 else "b" * -alter)
    return LETTERS[_LETTERS_BY_FIFTHS[order]] + sign


def spelled(fifths: int, pitch: int) -> Spelled:
    """Return the note at a place on the line of fifths that sounds as `pitch`."""
    alter, order = divmod(fifths + 1, 7)
    letter = _LETTERS_BY_FIFTHS[order]
    return Spelled(letter, (pitch - alter - SEMITONES[letter]) // 12 - 1, alter)


def spell(pitch: int, key: Key) -> Spelled:
    """Spell a pitch as a key would: at most three fifths flatwards of it, eight sharpwards.

    In C that is Eb Bb F C G D A E B F# C# G#.
    """
    lowest = key.signature - 3
    by_extra = {(SEMITONES[letter] + alter) % 12: (letter, alter) for letter, alter in key.extras}
    if pitch % 12 in by_extra:
        letter, alter = by_extra[pitch % 12]
        return spelled(_FIFTHS[letter] + 7 * alter, pitch)
    return spelled(lowest + (7 * pitch - lowest) % 12, pitch)


def pitch_name(pitch: int, key: str = "none") -> str:
    """Return the name of a pitch without its octave, spelled for a key in words: "F#"."""
    return spell(pitch, parse_key(key)[0]).name


def parse_key(text: str) -> tuple[Key, str]:
    """Read the value of a K: field, or a key in words.

    Args:
        text: "D", "F# Minor", "Bbmix", "D phr ^f", "HP", "exp _b ^f", "none", with clef words.

    Returns:
        The key and a complaint, "" when all was understood. Without a tonic that can be read
        the key is `NO_KEY`.
    """
    stripped = text.strip()
    if stripped.startswith("Hp"):
        return _HIGHLAND_PIPES, ""
    if not stripped or stripped.startswith("HP") or stripped.lower().startswith("none"):
        return NO_KEY, ""
    if stripped.lower().startswith("exp"):
        return Key(None, "exp", _extras(stripped)), ""
    match = _TONIC.match(text)
    if _CLEF_WORD.match(stripped) or match is None:
        return NO_KEY, "" if _CLEF_WORD.match(stripped) else f"no key in “{stripped[:20]}”"
    return _tonic_key(match, text)


def _tonic_key(match: re.Match[str], text: str) -> tuple[Key, str]:
    letter, sign, gap, word = match.groups()
    tonic = _FIFTHS[LETTERS.index(letter.upper())] + {"#": 7, "b": -7, "": 0}[sign]
    extras = _extras(text[match.end(2) :])
    mode = "minor" if word.lower() == "m" else _MODES.get(word[:3].lower(), ("", 0))[0]
    if mode:
        return Key(tonic, mode, extras), ""
    known = not word or (gap and _CLEF_WORD.match(text, match.start(4)))
    only = extras if re.match(r"\s*exp\b", text[match.start(4) :]) else None
    if only is not None:
        return Key(None, "exp", only), ""
    return Key(tonic, "major", extras), "" if known else f"no mode is called “{word[:20]}”"


def _extras(text: str) -> tuple[tuple[int, int], ...]:
    # The word "clef=F" and the like hold an "=" before a letter: only what stands apart counts.
    found = {}
    for word in text.split():
        match = _EXTRA.fullmatch(word)
        if match:
            found[LETTERS.index(match[2].upper())] = ALTERS[match[1]]
    return tuple(sorted(found.items()))


def _extra_text(extra: tuple[int, int]) -> str:
    letter, alter = extra
    return ALTER_SIGNS[alter] + LETTERS[letter].lower()


def fifths_of_transposition(key: Key, semitones: int) -> int:
    """Return by how many fifths a key moves, so that the new signature stays small.

    The new signature has at most six sharps or flats; of the two spellings with six the one
    of the old key's kind is taken. No move leaves the key as it is.
    """
    if semitones % 12 == 0:
        return 0
    moved = (key.signature + 7 * semitones + 5) % 12 - 5
    if moved == 6 and key.signature < 0:
        moved = -6
    return moved - key.signature


def transposed_key(key: Key, fifths: int) -> Key:
    """Return a key moved along the line of fifths.

    A key without tonic becomes the explicit list of what its seven notes turned into.
    """
    if key.tonic is not None:
        extras = tuple(sorted(_moved(letter, alter, fifths) for letter, alter in key.extras))
        return Key(key.tonic + fifths, key.mode, extras)
    if key.mode == "none":
        return key
    moved = [_moved(letter, alter, fifths) for letter, alter in enumerate(key.alters)]
    return Key(None, "exp", tuple(sorted(pair for pair in moved if pair[1])))


def transposed_key_text(text: str, semitones: int) -> str:
    """Return the value of a K: field moved, its mode and clef words as they were written."""
    key, _ = parse_key(text)
    fifths = fifths_of_transposition(key, semitones)
    if key.mode == "none":
        return text
    if key.tonic is None:
        rest = [word for word in text.split() if "=" in word and not _EXTRA.fullmatch(word)]
        end = text[len(text.rstrip()) :]
        return " ".join([transposed_key(key, fifths).name, *rest]) + end
    match = _TONIC.match(text)
    assert match is not None
    words = re.split(r"(\s+)", text[match.end(2) :])
    moved = "".join(_moved_word(word, fifths) for word in words)
    return text[: match.start(1)] + name_of(key.tonic + fifths) + moved


def _moved_word(word: str, fifths: int) -> str:
    match = _EXTRA.fullmatch(word)
    if match is None:
        return word
    return _extra_text(_moved(LETTERS.index(match[2].upper()), ALTERS[match[1]], fifths))


def _moved(letter: int, alter: int, fifths: int) -> tuple[int, int]:
    new_alter, order = divmod(_FIFTHS[letter] + 7 * alter + fifths + 1, 7)
    return _LETTERS_BY_FIFTHS[order], max(-2, min(2, new_alter))


class Accidentals:
    """What a written letter means at this place: key, accidentals of the bar, ties.

    An accidental holds to the bar line in every octave (ABC 2.1, section 11.3, the default).
    A tie carries its alteration over the bar line for the one note that it reaches.
    """

    def __init__(self, key: Key) -> None:
        self._in_bar: dict[int, int] = {}
        self._tied: dict[tuple[int, int], int] = {}
        self._reaching: dict[tuple[int, int], int] = {}
        self.set_key(key)

    def set_key(self, key: Key) -> None:
        """Take a new signature; accidentals of the bar are forgotten."""
        self.key = key
        self._alters = key.alters
        self._in_bar.clear()

    def next_bar(self) -> None:
        """Forget the accidentals of the bar."""
        self._in_bar.clear()

    def next_event(self) -> None:
        """Begin a note, a chord or a rest: ties of the one before reach it and no further."""
        self._reaching, self._tied = self._tied, {}

    def meaning(self, letter: int, octave: int) -> int:
        """Return the alteration of a letter that is written without accidental."""
        reached = self._reaching.get((letter, octave))
        if reached is not None:
            return reached
        return self._in_bar.get(letter, self._alters[letter])

    def write(self, letter: int, alter: int) -> None:
        """Note an accidental that is written out."""
        self._in_bar[letter] = alter

    def tie(self, letter: int, octave: int, alter: int) -> None:
        """Carry an alteration to the next event."""
        self._tied[letter, octave] = alter
