"""Next tokens, masks, tags and the columns of hello are what the model says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.tasks.masked import MaskedTask
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.inside.trying import ANSWERS
from seqstudio.records.inside.trying.fill_in import FilledIn, FillIn
from seqstudio.records.inside.trying.hello import Columns, ColumnsOf
from seqstudio.records.inside.trying.next_token import NextOf, NextTokens
from seqstudio.records.inside.trying.tagging import TagText, TextTagged
from tests.engine.inside.looking import small
from tests.engine.inside.looking import subject as subject_of

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 120


def own(template: str, folder: Path, tokens: str) -> Subject:
    path = folder / "book.txt"
    path.write_text(BOOK, encoding="utf-8")
    project = small(template)
    data = replace(project.data, path=str(path), tokens=tokens, symbols=300)
    return subject_of(replace(project, data=data))


def asked(subject: Subject, question: object, text: str) -> Any:
    with torch.no_grad():
        told = [r for r in ANSWERS[type(question)](replace(subject, text=text), question) if r]
    return told[-1]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return own("word-lstm", tmp_path_factory.mktemp("words"), "words")


def test_what_comes_next_is_the_softmax_after_each_token(words: Subject) -> None:
    found: NextTokens = asked(words, NextOf(temperature=0.5, most=4), "the cat sat")
    assert found.tokens == ("the", " cat", " sat")
    vocabulary = words.dataset.vocabulary
    assert vocabulary is not None
    ids = torch.from_numpy(vocabulary.encode("the cat sat").astype(np.int64))
    with torch.no_grad():
        logits = words.model(Inputs(ids[None]))[0][0]
    p, order = (logits / 0.5).softmax(-1).sort(-1, descending=True)
    np.testing.assert_allclose(found.p, p[:, :4].numpy(), atol=1e-6)
    assert found.names[4:8] == tuple(vocabulary.symbols[int(i)] for i in order[1, :4])
    raw = logits.softmax(-1)
    assert np.isnan(found.given[0])
    assert found.given[1] == pytest.approx(float(raw[0, ids[1]]), abs=1e-6)


def test_top_k_leaves_k_and_unknown_words_are_told(words: Subject) -> None:
    found: NextTokens = asked(words, NextOf(top_k=2), "the zebra sat")
    assert ((found.p > 0).sum(1) == 2).all()
    assert found.rare == (" zebra",)
    assert found.tokens[1] == "\ufffd"


def test_pieces_spell_words_that_nobody_wrote(tmp_path: Path) -> None:
    subject = own("bpe-gpt", tmp_path, "pieces")
    found: NextTokens = asked(subject, NextOf(), "the zebra 東")
    assert "".join(found.tokens[:-3]).startswith("the zeb")
    assert not found.rare
    assert not found.skipped


def test_nothing_to_read_and_other_models_are_refused(words: Subject) -> None:
    with pytest.raises(DataError, match="nothing to read"):
        asked(words, NextOf(), "")
    with pytest.raises(RunError, match="does not fill in"):
        asked(words, FillIn((1,)), "the cat")
    with pytest.raises(RunError, match="too many symbols"):
        asked(words, ColumnsOf(), "the cat sat")


@pytest.mark.parametrize("tokens", ["characters", "words"])
def test_masks_are_filled_in_all_at_once(tmp_path: Path, tokens: str) -> None:
    subject = own("bert-mini", tmp_path, tokens)
    found: FilledIn = asked(subject, FillIn((1, 3, 900), most=3), "the cat sat on")
    assert found.masked == (1, 3)
    task, vocabulary = subject.dataset.task, subject.dataset.vocabulary
    assert isinstance(task, MaskedTask)
    assert vocabulary is not None
    ids = torch.from_numpy(vocabulary.encode("the cat sat on").astype(np.int64))
    typed = ids[[1, 3]].clone()
    ids[[1, 3]] = task.mask
    with torch.no_grad():
        p = subject.model(Inputs(ids[None]))[0][0, [1, 3]].softmax(-1)
    np.testing.assert_allclose(found.p, p.topk(3).values.numpy(), atol=1e-6)
    np.testing.assert_allclose(found.given, p[[0, 1], typed].numpy(), atol=1e-6)
    assert found.names[0] == vocabulary.symbols[int(p[0].argmax())]


def test_tags_with_and_without_what_follows() -> None:
    subject = subject_of(small("tagger-words"))
    found: TextTagged = asked(subject, TagText(), "the old guard the house.")
    assert found.tokens == ("the", "old", "guard", "the", "house", ".")
    short: TextTagged = asked(subject, TagText(), "the old guard")
    np.testing.assert_allclose(found.so_far[:3], short.so_far, atol=1e-6)
    np.testing.assert_allclose(found.so_far[2], short.p[2], atol=1e-6)
    np.testing.assert_allclose(found.so_far[-1], found.p[-1], atol=1e-6)
    assert np.abs(found.p[2] - found.so_far[2]).max() > 1e-4  # it reads what follows


def test_the_columns_of_hello() -> None:
    subject = subject_of(small("hello-rnn"))
    subject.model.float()  # one-hot vectors are
    found: Columns = asked(subject, ColumnsOf(), "")
    assert found.symbols == ("h", "e", "l", "o")
    assert found.ids.tolist() == [0, 1, 2, 2]
    assert found.targets.tolist() == [1, 2, 2, 3]
    with torch.no_grad():
        logits = subject.model(Inputs(torch.from_numpy(found.ids.copy())[None]))[0][0]
    logits = logits.double()
    np.testing.assert_allclose(found.scores, logits.numpy(), atol=1e-6)
    surprise = -logits.log_softmax(-1)[range(4), found.targets.tolist()]
    np.testing.assert_allclose(found.loss, surprise.numpy(), atol=1e-6)
    head = subject.model.module(subject.model.head).get_submodule("linear")
    with torch.no_grad():
        again = head(torch.from_numpy(found.hidden.astype(np.float32)))
    np.testing.assert_allclose(again.numpy(), found.scores, atol=1e-6)
