"""A setting takes values of its type and range, and refuses the rest in words."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.param import Param, ParamError, defaults, parse_all
from seqstudio.document.settings import DataSettings, SamplingSettings, TrainingSettings

WHOLE = Param("n", "Count", "int", 4, 1, 10)
REAL = Param("x", "Rate", "float", 0.5, 0.0, 1.0)
SWITCH = Param("on", "Switch", "bool", False)
CHOICE = Param("c", "Choice", "choice", "a", choices=(("a", "Alpha"), ("b", "Beta")))
TEXT = Param("t", "Text", "text", "")
TABLES = [DataSettings.PARAMS, TrainingSettings.PARAMS, SamplingSettings.PARAMS]
TABLES += [kind.params for kind in KINDS.values()]


@pytest.mark.parametrize(
    ("param", "given_value", "value"),
    [
        (WHOLE, 3, 3),
        (WHOLE, 3.0, 3),
        (WHOLE, "7", 7),
        (WHOLE, "1e1", 10),
        (REAL, 1, 1.0),
        (REAL, "0.25", 0.25),
        (SWITCH, True, True),
        (SWITCH, "ON", True),
        (SWITCH, "no", False),
        (SWITCH, 0, False),
        (CHOICE, "b", "b"),
        (TEXT, "", ""),
        (TEXT, "ü\n", "ü\n"),
    ],
)
def test_a_value_is_taken_in_its_type(param: Param, given_value: object, value: object) -> None:
    parsed = param.parse(given_value)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("param", "value", "hint"),
    [
        (WHOLE, 0, "1 to 10"),
        (WHOLE, 11, "1 to 10"),
        (WHOLE, 2.5, "1 to 10"),
        (WHOLE, True, "1 to 10"),
        (WHOLE, "", "1 to 10"),
        (WHOLE, None, "1 to 10"),
        (WHOLE, [], "1 to 10"),
        (WHOLE, 10**400, "1 to 10"),
        (REAL, math.nan, "0 to 1"),
        (REAL, "inf", "0 to 1"),
        (REAL, -0.001, "0 to 1"),
        (SWITCH, "maybe", "on or off"),
        (SWITCH, 2, "on or off"),
        (CHOICE, "Alpha", "one of a, b"),
        (CHOICE, None, "one of a, b"),
        (TEXT, 3, ""),
        (TEXT, "x" * 100_001, ""),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_use(param: Param, value: object, hint: str) -> None:
    with pytest.raises(ParamError) as caught:
        param.parse(value)
    assert param.title in caught.value.what
    assert hint in caught.value.hint
    assert len(caught.value.sentence()) < 200


@given(
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.lists(st.integers(), max_size=2)
)
def test_what_is_taken_is_in_range_and_stays(value: object) -> None:
    for param in (WHOLE, REAL, SWITCH, CHOICE, TEXT):
        try:
            parsed = param.parse(value)
        except ParamError:
            continue
        again = param.parse(parsed)
        assert (again, type(again)) == (parsed, type(parsed))
        if isinstance(parsed, (int, float)) and param.kind in {"int", "float"}:
            assert param.low <= parsed <= param.high


@pytest.mark.parametrize("table", TABLES)
def test_every_default_is_a_value_of_its_setting(table: tuple[Param, ...]) -> None:
    assert len({param.name for param in table}) == len(table)
    for param in table:
        value = param.parse(param.default)
        assert (value, type(value)) == (param.default, type(param.default)), param.name
        assert param.title
        assert param.help.endswith("."), param.name


def test_missing_values_take_their_default_and_foreign_ones_are_left_out() -> None:
    table = (WHOLE, REAL)
    assert parse_all(table, {"n": 2, "z": 1}) == {"n": 2, "x": 0.5}
    assert defaults(table) == {"n": 4, "x": 0.5}


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-math.inf, math.inf, "any number"),
        (0, math.inf, "at least 0"),
        (-math.inf, 2.5, "at most 2.5"),
        (1, 100_000, "1 to 100,000"),
    ],
)
def test_a_range_reads_as_words(low: float, high: float, words: str) -> None:
    assert Param("n", "N", "float", 1.0, low, high).range_text() == words
