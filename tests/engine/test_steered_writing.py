"""Texts that are constrained, steered, filled in; frames of keys."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.engine.frames_writing import key_chances, write_frames
from seqstudio.engine.model import GraphModel
from seqstudio.engine.sampling import Memory, Writing, complete, write
from seqstudio.engine.steered import Wishes
from seqstudio.insight.choosing import choose, next_probabilities
from seqstudio.music.abc import read_tune
from seqstudio.music.codings import CODINGS
from seqstudio.records.messages import Constraints, Steer, Write

HEADER = "X:1\nT:Test\nM:6/8\nL:1/8\nK:G Major\n"
BEFORE = HEADER + "GAB d2B|c2A B2G|"


@cache
def writer() -> tuple[GraphModel, Vocabulary]:
    torch.manual_seed(0)
    project = make("abc-lstm")
    blocks = {
        block.id: replace(block, params={**block.params, "hidden": 24})
        if "hidden" in block.params
        else block
        for block in project.graph
    }
    project = replace(project, graph=replace(project.graph, blocks=blocks))
    dataset = open_dataset(project.data)
    assert dataset.vocabulary is not None
    model = GraphModel(project.graph, facts_of(dataset, project.training)).eval()
    return model, dataset.vocabulary


def asked(length: int = 60, **wish: object) -> Write:
    plain = Write(1, BEFORE, length, 1.0, 0, 1.0, 5)
    return replace(plain, **wish)  # type: ignore[arg-type]


def until_it_waits(texts: object) -> Writing:
    for writing in texts:  # type: ignore[attr-defined]
        if writing.waits:
            assert isinstance(writing, Writing)
            return writing
    raise AssertionError("it does not wait")


def test_a_text_without_wishes_is_that_of_the_plain_loop() -> None:
    model, vocabulary = writer()
    memory, chances = Memory(model), np.random.default_rng(5)
    logits = memory.read([int(i) for i in vocabulary.encode(BEFORE)])
    ids = []
    for _ in range(60):
        p = next_probabilities(logits.numpy(), 0.9, 20, 0.95)
        ids.append(choose(p, chances.random()))
        logits = memory.read(ids[-1:])
    request = asked(temperature=0.9, top_k=20, top_p=0.95)
    sample = complete(model, vocabulary, request, 0)
    assert sample.text == vocabulary.decode(np.array(ids))
    assert sample.done


def test_probabilities_are_those_of_the_model_before_the_mask() -> None:
    model, vocabulary = writer()
    wish = Constraints("G major", "6/8", bars=2)
    *_, last = write(model, vocabulary, asked(constraints=wish), 0, kind="abc")
    sample = last.sample()
    ids = [int(i) for i in vocabulary.encode(BEFORE + sample.text)]
    memory = Memory(model)
    logits = memory.read(ids[: len(BEFORE)])
    for place, number in enumerate(ids[len(BEFORE) :]):
        p = next_probabilities(logits.numpy(), 1.0, 0, 1.0)
        assert sample.probability[place] == pytest.approx(p[number], rel=1e-4)
        logits = memory.read([number])


def test_top_k_does_not_stand_in_the_way_of_the_mask() -> None:
    model, vocabulary = writer()
    wish = Constraints("G major", "6/8", 60, 84, 4, tonic=True)
    request = asked(constraints=wish, top_k=1)
    *_, last = write(model, vocabulary, request, 0, kind="abc")
    bars = read_tune(BEFORE + last.sample().text).bars
    assert len(bars) == 6
    assert all(bar.complete for bar in bars)


def test_the_writer_waits_at_a_bar_and_goes_on_as_it_is_told() -> None:
    model, vocabulary = writer()
    texts = []
    for _ in range(2):
        wishes, wish = Wishes(), Constraints("G major", "6/8", 60, 84)
        request = asked(600, constraints=wish, ahead=2)
        writings = write(model, vocabulary, request, 0, kind="abc", wishes=wishes)
        first = until_it_waits(writings).sample()
        assert first.text.endswith(("|", "::"))
        assert next(writings).waits  # again and again
        wishes.put(Steer(1, 0.5, 0, 1.0, Constraints("D major", "6/8", 60, 84), ahead=4))
        assert until_it_waits(writings).sample().text.startswith(first.text)
        wishes.put(Steer(1, 0.5, 0, 1.0, ahead=4, stop=True))
        last = next(writings)
        assert last.done
        texts.append(last.sample().text)
        begun = len(BEFORE + first.text)
    assert texts[0] == texts[1]
    notes = read_tune(BEFORE + texts[0]).score.notes
    later = [note for note in notes if note.source and note.source[0] >= begun]
    assert later
    assert all(note.pitch % 12 in {2, 4, 6, 7, 9, 11, 1} for note in later)


def test_the_filling_is_kept_under_which_the_rest_is_likeliest() -> None:
    model, vocabulary = writer()
    after = "GAB d2g|fdc A2G|"
    request = asked(constraints=Constraints("G major", bars=1), after=after, tries=4)
    drafts: dict[str, bool] = {}
    for writing in write(model, vocabulary, request, 0, kind="abc"):
        text = writing.sample().text
        if text.endswith("|"):
            drafts[text] = writing.done
    fits = {}
    for text in drafts:
        ids = torch.tensor([[int(i) for i in vocabulary.encode(BEFORE + text + after)]])
        with torch.no_grad():
            p = model(ids)[0][0].log_softmax(-1)
        begin = len(BEFORE + text)
        fits[text] = sum(float(p[t - 1, ids[0, t]]) for t in range(begin, ids.shape[1]))
    chosen = [text for text, done in drafts.items() if done]
    assert len(drafts) > 1
    assert chosen == [max(fits, key=lambda text: fits[text])]


def test_frames_are_written_as_text_with_the_probability_of_each_key() -> None:
    torch.manual_seed(0)
    project = make("frames-lstm")
    dataset = open_dataset(project.data)
    model = GraphModel(project.graph, facts_of(dataset, project.training)).eval()
    wish = Constraints("C major", lowest=48, highest=72, bars=1)
    request = Write(1, "", 99, 1.0, 3, 1.0, 0, wish)
    *_, last = write_frames(model, request, 0)
    sample = last.sample()
    assert sample.done
    assert sample.text.count("/") == 16
    notes = CODINGS["frames"].read(sample.text).score.notes
    assert notes
    assert all(48 <= n.pitch <= 72 and n.pitch % 12 in {0, 2, 4, 5, 7, 9, 11} for n in notes)
    assert len(sample.ends) == len(sample.probability) == len(sample.text.split())
    assert int(sample.ends[-1]) == len(sample.text)


def test_chances_of_keys_are_sigmoids_by_the_temperature() -> None:
    logits = np.array([0.0, 2.0, -2.0])
    expected = 1 / (1 + np.exp(-logits / 0.5))
    np.testing.assert_allclose(key_chances(logits, 0.5), expected, rtol=1e-12)
    assert key_chances(logits, 0.0).tolist() == [0, 1, 0]
