"""Which characters may come in a tune in ABC that has to keep to something.

What may be written is a part of ABC that any reader understands alike: notes, rests, chords,
tuplets, broken rhythm, ties, slurs, bar signs and repeats, chord symbols. Every function returns
the place after a character, or None where it may not come. Every place can be gone on from: a
note that fits its bar is only begun where the rest of the bar can be filled, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import product

from seqstudio.music.guiding.abc_state import CLEAN, UNIT, Body, Lexical, letter_of, pitch_of
from seqstudio.records.messages import Constraints

Reader = Callable[[Body, str], Body | None]
TUPLETS = {"2": (2, 3, 2), "3": (3, 2, 3), "4": (4, 3, 4)}
"""Notes of a tuplet, and the time of so many (first) for so many (second)."""
_ACCIDENTALS = {"^": 1, "_": -1, "=": 0}
_LENGTHS = (
    "", "2", "3", "4", "5", "6", "7", "8", "9", "10", "12", "16", "/", "/2", "/4", "//", "3/",
    "3/2", "3/4", "5/2", "7/2",
)  # fmt: skip
_NOTES = "CDEFGABcdefgab"
_WAITING: dict[str, Lexical] = {"~": "mark", ".": "mark", "(": "("}
_MOST_QUIET = 3
_MOST_TEXT = 8
_MOST_MEMBERS = 4
_MOST_MARKS = 2
_FINAL = frozenset(("|]", "||", ":|", ":||", ":|]"))
_GOES_ON = {
    "|": "|:]1", "||": ":", ":": "|:", ":|": ":|]2",
}  # fmt: skip


def ticks(written: str) -> int:
    """Return the ticks of a written length."""
    whole, slash, below = written.partition("/")
    divisor = int(below) if below.isdigit() else 2 ** len(slash + below)
    return UNIT * int(whole or 1) // divisor


class Grammar:
    """The rules for one set of constraints and one alphabet.

    Args:
        constraints: What the tune has to keep to.
        scale: Pitch classes that may sound, None for all.
        symbols: Tokens that can be written.
        region: Bars of a tune are written, and not its end.
    """

    def __init__(
        self,
        constraints: Constraints,
        scale: frozenset[int] | None,
        symbols: Iterable[str],
        *,
        region: bool = False,
    ) -> None:
        self._wish, self._scale, self._region = constraints, scale, region
        self._symbols = frozenset(symbols)
        self._whole = any(len(symbol) > 1 for symbol in self._symbols)
        self._lengths = {w: ticks(w) for w in _LENGTHS if self._spelled(w)}
        self._names = self._pitch_names()
        self._fillable = lru_cache(maxsize=1 << 16)(self._can_fill)
        self._known: dict[tuple[Body, str], Body | None] = {}
        self._fitting: dict[tuple[object, ...], bool] = {}

    def _spelled(self, text: str) -> bool:
        """Tell whether tokens can be put together to a text."""
        if not text:
            return True
        ends = (n for n in range(1, len(text) + 1) if text[:n] in self._symbols)
        return any(self._spelled(text[n:]) for n in ends)

    def _pitch_names(self) -> dict[tuple[int, int, int | None], tuple[int, ...]]:
        """Return the octaves that can be written, by letter, octave of its case and accidental."""
        found: dict[tuple[int, int, int | None], list[int]] = {}
        for sign, char, count in product(("", *_ACCIDENTALS), _NOTES, range(_MOST_MARKS + 1)):
            letter, octave = letter_of(char)
            lower = char.isupper()
            if self._spelled(sign + char + ("," if lower else "'") * count):
                octaves = found.setdefault((letter, octave, _ACCIDENTALS.get(sign)), [])
                octaves.append(octave - count if lower else octave + count)
        return {key: tuple(octaves) for key, octaves in found.items()}

    def goes_on(self, place: Body) -> bool:
        """Tell whether some token can follow, so that one may end here.

        Characters can always follow; longer tokens may be missing.
        """
        if not self._whole:
            return True
        match place.at:
            case "sign":
                able = any(char in self._symbols for char in _NOTES)
            case "note" if not self._in_range(place.pitch):
                able = ("," if place.octave <= 4 else "'") in self._symbols
            case "note" | "length":
                able = self._length_ends(place)
            case "chord":
                able = "]" in self._symbols
            case "bar":
                able = self._sign_ends(place)
            case "open":
                able = ":" in self._symbols
            case _:
                able = place.at != "break" or "\n" in self._symbols
        return able

    def _length_ends(self, place: Body) -> bool:
        return any(
            self._took(place, written, on_tonic=_is_tonic(place)) is not None
            for written in self._lengths
            if written.startswith(place.text) and self._spelled(written[len(place.text) :])
        )

    def _sign_ends(self, place: Body) -> bool:
        sign = place.text
        if sign == ":" or (place.closes and sign not in _FINAL):
            more = [each for each in _FINAL if each.startswith(sign)]
            return any(self._spelled(each[len(sign) :]) for each in more)
        return True

    def step(self, place: Body, char: str) -> Body | None:
        """Return the place after a character, None where it may not come."""
        key = place, char
        if key not in self._known:
            if len(self._known) > 1 << 18:
                self._known.clear()
            self._known[key] = self._step(place, char)
        return self._known[key]

    def possible(self, place: Body) -> bool:
        """Tell whether any note may sound at all."""
        return any(
            self._may_sound(place, octave, letter, alter) for letter, octave, alter in self._names
        )

    def has_tonic(self, place: Body) -> bool:
        """Tell whether the tonic can be written."""
        return any(
            pitch_of(place, letter, octave, alter) % 12 == place.tonic
            and self._may_sound(place, octave, letter, alter)
            for letter, octave, alter in self._names
        )

    def _step(self, place: Body, char: str) -> Body | None:
        readers: dict[Lexical, Reader] = {
            "end": _never, "insert": _insert, "sign": self._awaits, "mark": self._awaits,
            "broken": self._awaits, "(": self._awaits, "note": self._goes_on,
            "length": self._goes_on, "chord": self._chord, "text": _text,
            "bar": self._bar_goes_on, "open": _opens, "break": _breaks,
        }  # fmt: skip
        return readers.get(place.at, self._gap)(place, char)

    # ------------------------------------------------------------------ between

    def _gap(self, place: Body, char: str) -> Body | None:
        if char == "\n" and place.at == "line":
            return place._replace(at="end") if self._may_end(place) else None
        if place.to_go < 0:
            return _break(place, char) if place.at == "gap" else None
        readers = {"|": self._bar, ":": self._bar, "<": self._broken, ">": self._broken,
                   "-": self._tie}  # fmt: skip
        return self._begin(place, char) or readers.get(char, self._quiet)(place, char)

    def _quiet(self, place: Body, char: str) -> Body | None:
        """Read what is no music: a space, a slur, a decoration, a chord symbol."""
        more = place._replace(at="gap", quiet=place.quiet + 1)
        inside = place.at != "line"
        if place.quiet >= _MOST_QUIET:
            return None
        if (char == " " and inside) or (char == ")" and inside and place.events):
            return more
        if char in _WAITING and self._fits_any(place):
            return more._replace(at=_WAITING[char])
        return more._replace(at="text", text="") if char == '"' else None

    def _begin(self, place: Body, char: str) -> Body | None:
        """Begin a note, a rest or a chord."""
        if char in _ACCIDENTALS:
            alter = _ACCIDENTALS[char]
            begun = place._replace(at="sign", alter=alter)
            return begun if self._any_letter(place, alter) else None
        if char in _NOTES:
            return self._note(place, char, None)
        if char in "zx" and not place.rested and self._fits(place, "", on_tonic=False):
            return place._replace(at="length", letter=-1, text="", rested=True, members=0)
        if char == "[" and self._fits(place, "", on_tonic=False) and self._any_member(place, None):
            return place._replace(at="chord", members=0, text="", letter=-1)
        return None

    def _awaits(self, place: Body, char: str) -> Body | None:
        if place.at == "sign":
            return self._note(place, char, place.alter) if char in _NOTES else None
        if place.at == "(" and char in TUPLETS:
            return self._tuplet(place, char)
        return self._begin(place, char)

    def _tuplet(self, place: Body, char: str) -> Body | None:
        if place.tuplet[0] or place.factor != 2:
            return None
        begun = place._replace(at="mark", tuplet=TUPLETS[char])
        return begun if self._fits_any(begun) else None

    # -------------------------------------------------------------------- notes

    def _note(self, place: Body, char: str, alter: int | None) -> Body | None:
        letter, octave = letter_of(char)
        if not self._may_sound(place, octave, letter, alter):
            return None
        tonic = pitch_of(place, letter, octave, alter) % 12 == place.tonic
        if not self._fits(place, "", on_tonic=tonic):
            return None
        return place._replace(
            at="note", letter=letter, octave=octave, alter=alter, text="", members=0, quiet=0
        )

    def _may_sound(self, place: Body, octave: int, letter: int, alter: int | None) -> bool:
        """Tell whether a letter, with or without octave marks, is a pitch that may sound."""
        octaves = self._names.get((letter, octave, alter), ())
        pitch = pitch_of(place, letter, octave, alter)
        if self._scale is not None and pitch % 12 not in self._scale:
            return False
        return any(self._in_range(pitch + 12 * (each - octave)) for each in octaves)

    def _in_range(self, pitch: int) -> bool:
        return max(0, self._wish.lowest) <= pitch <= min(127, self._wish.highest)

    def _any_letter(self, place: Body, alter: int | None) -> bool:
        return any(
            self._may_sound(place, octave, letter, alter)
            and self._fits(
                place, "", on_tonic=pitch_of(place, letter, octave, alter) % 12 == place.tonic
            )
            for letter, octave, written in self._names
            if written == alter
        )

    def _goes_on(self, place: Body, char: str) -> Body | None:
        if char in ",'" and place.at == "note":
            return self._octave(place, char)
        if char.isdigit() or char == "/":
            longer = place.text + char
            if self._sounds_well(place) and self._fits(place, longer, on_tonic=_is_tonic(place)):
                return place._replace(at="length", text=longer)
            return None
        finished = self._finish(place)
        return None if finished is None else self._gap(finished, char)

    def _octave(self, place: Body, char: str) -> Body | None:
        lower = char == ","
        if lower != (place.octave <= 4) or place.octave in (2, 7):
            return None
        moved = place._replace(octave=place.octave + (-1 if lower else 1))
        way = -12 if lower else 12
        room = 2 - abs(moved.octave - (4 if lower else 5))
        fits = any(self._in_range(moved.pitch + way * more) for more in range(room + 1))
        return moved if fits else None

    def _sounds_well(self, place: Body) -> bool:
        return place.at == "length" or place.letter < 0 or self._in_range(place.pitch)

    def _finish(self, place: Body) -> Body | None:
        """Return the place when the note, rest or chord with its length is over."""
        if place.text not in self._lengths or not self._sounds_well(place):
            return None
        rest = place.letter < 0 and not place.members
        took = self._took(place, place.text, on_tonic=_is_tonic(place))
        if took is None:
            return None
        alters = place.alters
        if place.letter >= 0 and place.alter is not None:
            alters = (*alters[: place.letter], place.alter, *alters[place.letter + 1 :])
        number, time, per = place.tuplet
        return place._replace(
            at="gap",
            left=place.left - took if place.full else 0,
            alters=alters,
            events=True,
            tuplet=(number - 1, time, per) if number > 1 else (0, 1, 1),
            factor=2,
            last=0 if number or place.factor != 2 else took,
            on_tonic=place.on_tonic if rest else _is_tonic(place),
            rested=rest,
            quiet=0,
            text="",
            alter=None,
        )

    def _chord(self, place: Body, char: str) -> Body | None:
        """Read on between [ and ]: pitches without lengths."""
        if char == "]" and place.members and not place.text:
            return place._replace(at="length", letter=-1)
        if char in _ACCIDENTALS and not place.text and place.members < _MOST_MEMBERS:
            alter = _ACCIDENTALS[char]
            return place._replace(text=char) if self._any_member(place, alter) else None
        if char not in _NOTES or place.members >= _MOST_MEMBERS:
            return None
        letter, octave = letter_of(char)
        written = _ACCIDENTALS[place.text] if place.text else None
        if not self._member(place, letter, octave, written):
            return None
        alters = place.alters
        if written is not None:
            alters = (*alters[:letter], written, *alters[letter + 1 :])
        return place._replace(members=place.members + 1, text="", alters=alters)

    def _any_member(self, place: Body, alter: int | None) -> bool:
        return any(
            self._member(place, letter, octave, alter)
            for letter, octave, written in self._names
            if written == alter
        )

    def _member(self, place: Body, letter: int, octave: int, alter: int | None) -> bool:
        pitch = pitch_of(place, letter, octave, alter)
        in_scale = self._scale is None or pitch % 12 in self._scale
        return in_scale and self._in_range(pitch)

    def _tie(self, place: Body, _char: str) -> Body | None:
        """Tie the note before, where it means what the key signature says: nothing is carried."""
        plain = place.letter >= 0 and place.alters[place.letter] in (None, place.key[place.letter])
        ties = plain and place.last and not place.rested and not place.quiet and not place.members
        return place._replace(quiet=_MOST_QUIET) if ties else None

    def _broken(self, place: Body, char: str) -> Body | None:
        if not place.last or place.tuplet[0] or place.factor != 2 or place.last % 4:
            return None
        half = place.last // 2
        more = place._replace(
            at="broken", factor=1 if char == ">" else 3, last=0,
            left=place.left + (-half if char == ">" else half) if place.full else 0,
        )  # fmt: skip
        return more if self._fits_any(more) else None

    # ------------------------------------------------------------------ lengths

    def _fits_any(self, place: Body) -> bool:
        return self._any_letter(place, None)

    def _fits(self, place: Body, begun: str, *, on_tonic: bool) -> bool:
        """Tell whether an event whose written length begins so can end well."""
        key = (
            place.left, place.full > 0, place.tuplet, place.factor, place.to_go == 1, begun,
            on_tonic,
        )  # fmt: skip
        if key not in self._fitting:
            self._fitting[key] = any(
                self._took(place, written, on_tonic=on_tonic) is not None
                for written in self._lengths
                if written.startswith(begun)
            )
        return self._fitting[key]

    def _took(self, place: Body, written: str, *, on_tonic: bool) -> int | None:
        """Return the ticks of an event, None where the bar could not be filled after it."""
        number, time, per = place.tuplet
        above, below = self._lengths[written] * time * place.factor, per * 2
        if above % below:
            return None
        took = above // below
        if not place.full:
            return took
        left = place.left - took
        rest = (number - 1, time, per) if number > 1 else (0, 1, 1)
        if left < 0 or not self._fillable(left, rest):
            return None
        if self._lands_on_tonic(place) and place.to_go == 1 and not on_tonic and not rest[0]:
            return took if left >= UNIT else None  # room for a last note that is not squeezed in
        return took

    def _can_fill(self, left: int, tuplet: tuple[int, int, int]) -> bool:
        """Tell whether notes can fill what is left of a bar exactly."""
        number, time, per = tuplet
        if not left:
            return not number
        rest = (number - 1, time, per) if number > 1 else (0, 1, 1)
        for length in self._lengths.values():
            took, over = divmod(length * time, per)
            if not over and took <= left and self._fillable(left - took, rest):
                return True
        return False

    # --------------------------------------------------------------------- bars

    def _bar(self, place: Body, char: str) -> Body | None:
        """Begin a bar sign where the bar is full, or may be short."""
        if not place.events:
            opens = place.at == "line" and char == "|"
            return place._replace(at="open") if opens else None
        if place.factor != 2 or place.tuplet[0] or not self._in_order(place):
            return None
        return self._closed(place, char)

    def _in_order(self, place: Body) -> bool:
        if place.to_go == 1 and self._lands_on_tonic(place) and not place.on_tonic:
            return False
        if not place.full or not place.left or place.first:
            return True
        gap = place.full - place.left
        return bool(place.pickup) and (place.left == place.pickup or self._is_upbeat(place, gap))

    def _is_upbeat(self, place: Body, filled: int) -> bool:
        return place.short and filled == place.pickup

    def _closed(self, place: Body, char: str) -> Body | None:
        """Return the place behind the first character of the sign that closes a bar."""
        upbeat = bool(place.full and place.left) and (
            place.first or self._is_upbeat(place, place.full - place.left)
        )
        short = bool(place.full and place.left) and not upbeat
        if upbeat and char == ":":
            return None
        last = place.to_go == 1 and not upbeat
        if self._region and (char == ":" or short):
            return None  # repeats belong to the piece, not to what is filled in
        must_end = short or (last and not self._region)
        pickup = place.full - place.left if place.first and upbeat else place.pickup
        if last and self._region:
            return place._replace(at="end", events=False, counted=True)
        return place._replace(
            at="bar", text=char, left=place.full, alters=CLEAN, events=False, first=False,
            pickup=pickup, short=short, last=0, quiet=0, letter=-1, members=0,
            to_go=-1 if last else place.to_go,
            factor=2, closes=must_end, alter=None, counted=not upbeat,
        )  # fmt: skip

    def _bar_goes_on(self, place: Body, char: str) -> Body | None:
        sign = place.text
        if char in _GOES_ON.get(sign, "") and self._may_extend(place, sign + char):
            return place._replace(text=sign + char)
        if sign == ":" or (place.closes and sign not in _FINAL) or char in "|:]":
            return None
        behind = place._replace(at="gap", text="", closes=False)
        if place.to_go < 0:
            return _break(behind, char)
        return _break(behind, char) or self._gap(behind, char)

    def _may_extend(self, place: Body, sign: str) -> bool:
        if self._region:
            return False
        if sign[-1].isdigit():  # which ending is played last is told by its number, not its place
            return not (place.to_go or place.closes or self._wish.tonic)
        return not place.closes or sign in _FINAL

    def _may_end(self, place: Body) -> bool:
        if place.first or place.events or self._region:
            return False
        if place.to_go > 0:
            return False
        return place.on_tonic or not self._lands_on_tonic(place)

    def _lands_on_tonic(self, place: Body) -> bool:
        return self._wish.tonic and place.tonic >= 0


def _never(_place: Body, _char: str) -> Body | None:
    return None


def _opens(place: Body, char: str) -> Body | None:
    return place._replace(at="gap") if char == ":" else None


def _breaks(place: Body, char: str) -> Body | None:
    return place._replace(at="line", quiet=0) if char == "\n" else None


def _insert(place: Body, char: str) -> Body | None:
    if char != place.text[0]:
        return None
    rest = place.text[1:]
    return place._replace(text=rest, at="insert" if rest else "gap")


def _is_tonic(place: Body) -> bool:
    return place.letter >= 0 and place.pitch % 12 == place.tonic


def _break(place: Body, char: str) -> Body | None:
    """End a line behind a bar sign."""
    if char == "!":
        return place._replace(at="break")
    return place._replace(at="line", quiet=0) if char == "\n" else None


def _text(place: Body, char: str) -> Body | None:
    if char == '"':
        return place._replace(at="gap", text="") if place.text else None
    longer = place.text + char
    good = len(longer) <= _MOST_TEXT and (char.isalnum() or char in "#/")
    return place._replace(text=longer) if good else None
