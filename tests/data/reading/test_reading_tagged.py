"""Tagged sentences as files hold them, and as a task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.floor import floor
from seqstudio.data.reading.tagged import read_tagged
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.grammar import tagged_sentences
from seqstudio.data.tasks.tagged import TaggedTask
from seqstudio.document.settings import DataSettings


def written(folder: Path, text: str) -> Path:
    path = folder / "tagged.conll"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "the\tDET\nold\tNOUN\n\nthey\tPRON\n",
        "-DOCSTART- -X- O\n\nthe DET\nold NOUN\n\n\n# a remark\nthey PRON",
        "# text = the old\n1\tthe\tthe\tDET\t_\t_\t2\tdet\t_\t_\n"
        "1-2\tthe old\t_\t_\t_\t_\t_\t_\t_\t_\n"
        "2\told\told\tNOUN\t_\t_\t0\troot\t_\t_\n\n1\tthey\tthey\tPRON\t_\t_\t0\troot\t_\t_\n",
    ],
    ids=["tabs", "CoNLL-2003", "CoNLL-U"],
)
def test_words_and_tags_of_a_file(tmp_path: Path, text: str) -> None:
    found = read_tagged(written(tmp_path, text))
    assert found.sentences == ((("the", "old"), ("DET", "NOUN")), (("they",), ("PRON",)))


def test_a_line_without_a_tag_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Line 3 of tagged.conll has no tag"):
        read_tagged(written(tmp_path, "a\tX\n\nlonely\n"))


@pytest.mark.parametrize(
    ("text", "what"),
    [("a\tX\nb\tY\n\n" * 5, "too few sentences"), ("a\tX\nb\tX\n\n" * 40, "1 different tags")],
)
def test_files_that_teach_nothing_are_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(DataError, match=what):
        open_dataset(DataSettings("tagged", str(written(tmp_path, text))))


def test_no_sentence_stands_in_both_parts(tmp_path: Path) -> None:
    text = "".join(f"word{i % 60}\tX\nend\tY\n\n" for i in range(80))
    dataset = open_dataset(DataSettings("tagged", str(written(tmp_path, text)), held_out=0.3))
    learnt, held = dataset.task, dataset.held_out_task
    assert isinstance(learnt, TaggedTask)
    assert isinstance(held, TaggedTask)
    assert not set(learnt.ids[::2].tolist()) & set(held.ids[::2].tolist()) - {0}
    assert any("held-out sentences left out" in note for note in dataset.notes)


def test_the_floor_is_the_word_alone() -> None:
    dataset = open_dataset(DataSettings("tagged", length=20))
    task = dataset.held_out_task
    assert isinstance(task, TaggedTask)
    batch = next(dataset.held_out(400))
    asked = batch.targets >= 0
    words, tags = batch.inputs[asked], batch.targets[asked]
    total = task.counts.sum(0) + 1
    p = [
        (task.counts[w, t] + total[t] / total.sum()) / (task.counts[w].sum() + 1)
        for w, t in zip(words, tags, strict=True)
    ]
    assert floor(dataset).value == pytest.approx(-np.log(p).mean())
    (known,) = task.known_floors([batch])
    assert 0.5 < known.value < 0.95


def test_the_grammar_needs_both_sides() -> None:
    sentences = tagged_sentences(2000)
    assert len(set(sentences)) == 2000
    tags: dict[str, set[str]] = {}
    for words, its in sentences:
        for word, tag in zip(words, its, strict=True):
            tags.setdefault(word, set()).add(tag)
    assert tags["guard"] == {"NOUN", "VERB"}
    assert tags["old"] == {"NOUN", "ADJ"}
    assert {"PRON", "DET", "SCONJ"} <= tags["that"]
    # The same beginning goes on as a verb or as a noun: only what follows tells.
    starts: dict[tuple[str, ...], set[str]] = {}
    for words, its in sentences:
        starts.setdefault(words[:3], set()).add(its[2])
    assert any({"NOUN", "VERB"} <= found for found in starts.values())


def test_unknown_words_and_signs_of_a_typed_text() -> None:
    vocabulary = open_dataset(DataSettings("tagged", length=20)).vocabulary
    assert vocabulary is not None
    ids = vocabulary.encode("They guard the zebra.")
    assert vocabulary.decode(ids) == "they guard the \ufffd ."
    assert vocabulary.rare("They guard the zebra.") == ("zebra",)
    assert not vocabulary.unknown("zebra")
