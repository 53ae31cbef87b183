"""Every pattern on texts written by hand: the marks below a text say where it is so."""

from __future__ import annotations

import numpy as np
import pytest

from seqstudio.insight.features import FEATURES, MUSIC, Feature, is_c_like, joined, scan

BY_NAME = {feature.name: feature for feature in (*FEATURES, *MUSIC)}


def marks(name: str, text: str) -> str:
    values = BY_NAME[name].compute(text)
    assert values.shape == (len(text),)
    return "".join("-" if np.isnan(v) else f"{v:.0f}" for v in values)


@pytest.mark.parametrize(
    ("name", "text", "want"),
    [
        ("quote", 'a "b c" d', "001111000"),
        ("quote", "it's 'so' it isn't", "000001110000000000"),
        ("quote", "x = r'a\\'b'+1", "0000011111000"),
        ("quote", '"""a "b" c""" d', "111111111111000"),
        ("quote", '6" long\n\nno', "0" * 11),
        ("quote", "\u201cyes\u201d no", "11110000"),
        ("quote", 'he said "we', "00000000111"),
        ("comment", "a # b\nc", "0011100"),
        ("comment", 'a "#" b', "0000000"),
        ("quote", "# don't\n'a'", "00000000110"),
        ("comment", "x; /* y */ z;", "0001111110000"),
        ("comment", "x; // y\nz;", "0001111000"),
        ("comment", "x // y", "000000"),
        ("depth", "f(a[1], {})", "01122111210"),
        ("depth", 'f("(")', "011110"),
        ("depth", "))(", "001"),
        ("bracket", "([{}])", "123210"),
        ("indentation", "a\n  b c\n\td", "0012222044"),
        ("column", "ab\ncd\n", "120120"),
        ("newline", "a\n b", "0100"),
        ("line-start", "a\n  b\n", "011101"),
        ("keyword", "if iffy or 'if'", "110000001100000"),
        ("if", "if a(b):\n  c", "111111100000"),
        ("if", "x if y else z", "0" * 13),
        ("if", "if x[1:2]: y", "111111111000"),
        ("if", "if (a) b;\n", "1111100000"),
        ("if", "  elif a: b", "00111111000"),
        ("word-start", "ab, cd_1", "10001000"),
        ("vowel", "bAe", "011"),
        ("capital", "aB1", "010"),
        ("digit", "a12", "011"),
        ("space", "a b", "010"),
    ],
)
def test_pattern_of_a_text(name: str, text: str, want: str) -> None:
    assert marks(name, text) == want


TUNE = 'X:1\nM:4/4\nL:1/4\nK:G\nF|"Em"GA[Bd]f|G2z2|\nG4|]\n'


def music(name: str, wanted: str) -> list[tuple[str, float]]:
    values = BY_NAME[name].compute(TUNE)
    body = TUNE.index("K:G") + 4
    return [
        (sign, float(v)) for sign, v in zip(TUNE[body:], values[body:], strict=True)
        if sign in wanted
    ]  # fmt: skip


def test_patterns_of_a_tune() -> None:
    pitches = [v for _, v in music("pitch", "FGAfd")]
    assert pitches == [66, 67, 69, 74, 78, 67, 67], "the key has F sharp; d of the chord is higher"
    assert [v for _, v in music("pitch-class", "F")] == [6]
    assert [v for _, v in music("bar", "FGAfz")] == [0.75, 0, 0.25, 0.75, 0, 0, 0]
    assert [v for _, v in music("chord", "F[Bd]f")] == [0, 1, 1, 1, 0, 0, 0]
    assert [v for _, v in music("symbol", '"Em')] == [1, 1, 1, 0]
    assert [v for _, v in music("phrase-end", "FG2z4")] == [0, 0, 1, 1, 1, 1, 1, 1]
    assert np.isnan(BY_NAME["bar"].compute(TUNE)[: TUNE.index("F|")]).all()
    assert marks("field", TUNE[:8]) == "11101111"
    assert [v for _, v in music("bar-line", "|]F")] == [0, 1, 0, 1, 1, 1, 1]


def test_a_piece_of_a_tune_without_a_header_is_read_too() -> None:
    assert list(BY_NAME["pitch"].compute("CDE|")) == [60, 62, 64, 64]


def test_long_tokens_take_the_value_of_their_end() -> None:
    depth = BY_NAME["depth"]
    assert list(depth.of(["f(", "a", ")"])) == [1, 1, 0]
    text, ends = joined(["ab", "c"])
    assert text == "ab c"
    assert list(ends) == [1, 3]
    assert depth.of([]).shape == (0,)


def test_every_pattern_takes_any_text() -> None:
    odd = ["", "\n", "'", '"', "/*", "{[(", "X:1\nK:C\n|[", "a\tb", "\u201c", "\\"]
    for feature in {feature.name: feature for feature in (*FEATURES, *MUSIC)}.values():
        for text in odd:
            assert feature.compute(text).shape == (len(text),), (feature.name, text)
        assert feature.words
        assert feature.title


def test_language_is_told_by_line_ends() -> None:
    assert is_c_like("int a;\nint b;\n")
    assert not is_c_like("a = 1\nif a:\n    b = 2\n")
    assert scan("# 'a'").comment.all()
    assert isinstance(BY_NAME["depth"], Feature)
