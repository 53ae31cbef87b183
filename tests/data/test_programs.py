"""The text for cells: the same for a seed, in wrapped lines, with programs that are programs."""

from __future__ import annotations

import ast

from seqstudio.data.programs import COLUMNS, DEEPEST, programs_and_talk
from seqstudio.data.sources import open_dataset
from seqstudio.document.settings import DataSettings
from seqstudio.insight.features import FEATURES

TEXT = programs_and_talk(20_000, 3)


def pages() -> list[tuple[str, str]]:
    parts = TEXT.strip().split("\n\n")
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_the_same_seed_gives_the_same_text() -> None:
    again = programs_and_talk.__wrapped__(20_000, 3)
    assert again == TEXT
    assert len(TEXT) >= 20_000
    assert programs_and_talk(20_000, 4) != TEXT


def test_talk_is_wrapped_and_its_quotes_close() -> None:
    for talk, _ in pages():
        lines = talk.split("\n")
        assert all(len(line) <= COLUMNS for line in lines)
        assert talk.count('"') % 2 == 0
        firsts = [line.split()[0] for line in lines[1:]]
        for line, word in zip(lines, firsts, strict=False):
            assert len(line) + 1 + len(word) > COLUMNS, "a line is as full as it can be"


def test_programs_can_be_parsed_and_nest() -> None:
    deepest = 0
    for _, program in pages():
        ast.parse(program)
        deepest = max(deepest, max(len(line) - len(line.lstrip()) for line in program.split("\n")))
    assert deepest == 4 * DEEPEST


def test_every_pattern_of_the_lectures_occurs_in_both_parts() -> None:
    dataset = open_dataset(DataSettings("programs"))
    wanted = {"quote", "comment", "depth", "indentation", "column", "if"}
    for part in ("train", "valid"):
        text = dataset.preview(part, 5_000)
        for feature in FEATURES:
            if feature.name in wanted:
                assert feature.compute(text).max() > 0, (part, feature.name)
    assert dataset.preview("valid", 500) not in dataset.preview("train", 500_000)
