"""Tunes of a "model" that knows nothing keep to everything that was asked for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from seqstudio.data.corpora import read_book
from seqstudio.music.abc import Tune, read_tune, split_book
from seqstudio.music.codings import CODINGS
from seqstudio.music.guiding import Guide, guide
from seqstudio.music.guiding.scales import scale_of, tonic_of
from seqstudio.records.messages import Constraints
from seqstudio.records.messages import Constraints as Wish

LETTERS = "".join(map(chr, range(32, 127))) + "\n"
MOST = 6000
FEW = range(5)
MANY = [pytest.param(range(n, n + 25), marks=pytest.mark.long) for n in range(5, 300, 25)]
LOWEST, HIGHEST = 60, 84


@cache
def symbols_of(kind: str) -> tuple[str, ...]:
    """The tokens of a few tunes of the shipped book in a coding."""
    if kind == "abc":
        return tuple(LETTERS)
    tunes = split_book(read_book("", None)[2])[:60:2]
    coding = CODINGS[kind]
    texts = [coding.write(read_tune(tune.text).score) for tune in tunes]
    return tuple(sorted({token for text in texts for token in coding.tokens(text)}))


def meters_of(kind: str) -> list[str]:
    if kind == "abc":
        return ["6/8", "4/4", "2/2", "3/4", "9/8", "2/4", "5/4"]
    signs = [each.strip() for each in symbols_of(kind)]
    found = [each.removeprefix("M:") for each in signs if each.startswith("M:")]
    return found or [each[1:] for each in signs if each[0] == "m" and each[1].isdigit()]


def pushed(kind: str, wish: Constraints, prompt: str, *, region: bool = False) -> Guide:
    found = guide(kind, wish, symbols_of(kind), region=region)
    assert found is not None
    for token in CODINGS[kind].tokens(prompt):
        found.push(token)
    found.begin()
    return found


def written(kind: str, found: Guide, text: str, chances: np.random.Generator) -> str:
    """Write as a model would for which all tokens are alike."""
    symbols = symbols_of(kind)
    for _ in range(MOST):
        mask = found.allowed()
        assert mask is not None, (found.note, text[-80:])
        token = symbols[chances.choice(np.flatnonzero(mask))]
        text += token
        found.push(token)
        if found.ended:
            return text
    raise AssertionError("it does not come to an end")


def wish_of(kind: str, chances: np.random.Generator) -> Wish:
    keys = ["D major", "G major", "A dorian", "E minor", "Bb major"]
    if kind == "abc-tokens":
        keys = [key for key in keys if f"K:{key}\n" in symbols_of(kind)]
    meter = str(chances.choice(meters_of(kind)))
    bars = int(chances.integers(1, 9))
    return Wish(str(chances.choice(keys)), meter, LOWEST, HIGHEST, bars, tonic=True)


def last_pitch(kind: str, tune: Tune) -> int:
    """The note that has to be the tonic: the bass of four voices, else the lowest struck last."""
    notes = [n for n in tune.score.notes if kind != "voices" or n.voice == 3]
    return min(note.pitch for note in notes if note.start == notes[-1].start)


@pytest.mark.parametrize("kind", ["abc", "abc-tokens", "events", "voices"])
@pytest.mark.parametrize("seeds", [FEW, *MANY], ids=lambda seeds: f"{seeds.start}-{seeds.stop}")
def test_chance_keeps_to_key_metre_range_bars_and_end(kind: str, seeds: range) -> None:
    for seed in seeds:
        chances = np.random.default_rng(seed)
        wish = wish_of(kind, chances)
        found = pushed(kind, wish, CODINGS[kind].opening)
        text = written(kind, found, CODINGS[kind].opening, chances)
        tune = CODINGS[kind].read(text)
        assert not tune.broken, text
        assert not tune.problems, text
        assert found.bars == wish.bars
        assert all(bar.complete for bar in tune.bars), text
        scale = scale_of(wish.key)
        assert scale is not None
        assert {note.pitch % 12 for note in tune.score.notes} <= scale
        assert all(LOWEST <= note.pitch <= HIGHEST for note in tune.score.notes)
        assert last_pitch(kind, tune) % 12 == tonic_of(wish.key)


HEADER = "X:1\nT:Test\nM:6/8\nL:1/8\nK:G major\n"


def test_a_region_has_exactly_its_bars_in_the_metre_of_its_tune() -> None:
    before = HEADER + "GAB d2B|c2A B2G|"
    for seed in range(5):
        found = pushed("abc", Wish(bars=3), before, region=True)
        text = written("abc", found, "", np.random.default_rng(seed))
        assert text.endswith("|")
        bars = read_tune(before + text).bars
        assert len(bars) == 5
        assert all(bar.complete for bar in bars)
        assert found.surplus("|G3 G3|]") == 1
        assert found.surplus("G3 G3|]") == 0


def test_an_accidental_of_the_bar_is_heard_by_the_mask() -> None:
    """In G an f sounds as f sharp, until =f in the same bar."""
    found, f = pushed("abc", Wish(key="C major"), HEADER + "G"), symbols_of("abc").index("f")
    seen = []
    for text in ("A", "=f ", "|"):
        mask = found.allowed()
        assert mask is not None
        seen.append(bool(mask[f]))
        for char in text:
            found.push(char)
    mask = found.allowed()
    assert mask is not None
    assert [*seen, bool(mask[f])] == [False, False, True, False]


def test_a_bar_line_comes_when_and_only_when_the_bar_is_full() -> None:
    symbols = symbols_of("abc")
    full = pushed("abc", Wish(meter="6/8"), HEADER + "GAB d2B|c2A B2G").allowed()
    short = pushed("abc", Wish(meter="6/8"), HEADER + "GAB d2B|c2A B2").allowed()
    assert full is not None
    assert short is not None
    assert full[symbols.index("|")]
    assert not full[symbols.index("A")]
    assert not short[symbols.index("|")]
    assert short[symbols.index("A")]


def test_a_pickup_lets_a_part_end_short_of_it() -> None:
    symbols = symbols_of("abc")
    mask = pushed("abc", Wish(meter="6/8"), HEADER + "D|GAB d2B|c2A B2").allowed()
    assert mask is not None
    assert mask[symbols.index(":")]


def test_without_wishes_everything_may_come_and_bars_are_counted() -> None:
    found = pushed("abc", Wish(), HEADER)
    for char in '"Am"GAB d2B|c2A':
        found.push(char)
    assert found.allowed() is None
    assert (found.bars, found.at_bar) == (1, False)


def test_what_the_rules_do_not_know_is_left_alone_until_the_next_bar() -> None:
    found = pushed("abc", Wish(meter="6/8"), HEADER + "GAB {ab}c2")
    assert found.allowed() is None
    found.push("|")
    mask = found.allowed()
    assert mask is not None
    assert not mask[symbols_of("abc").index("{")]


def test_what_cannot_be_is_said_and_stops_nothing() -> None:
    found = guide("abc", Wish(key="C major", lowest=61, highest=61), tuple(LETTERS))
    assert found is not None
    for char in "X:1\nM:4/4\nL:1/8\nK:C\n":
        found.push(char)
    found.begin()
    assert found.allowed() is None
    assert found.note


def test_other_wishes_hold_from_a_bar_on() -> None:
    found = pushed("abc", Wish(), HEADER + "GAB d2B|")
    found.steer(Wish(key="D major", meter="6/8"))
    text = ""
    chances = np.random.default_rng(0)
    while found.bars < 4:
        mask = found.allowed()
        assert mask is not None
        token = symbols_of("abc")[chances.choice(np.flatnonzero(mask))]
        text += token
        found.push(token)
    tune = read_tune(HEADER + "GAB d2B|" + text)
    later = [note for note in tune.score.notes if note.start >= 3]
    assert {note.pitch % 12 for note in later} <= scale_of("D major")  # type: ignore[operator]


def test_data_without_bars_have_no_guide() -> None:
    assert guide("text", Wish(bars=3), ("a", "b")) is None
