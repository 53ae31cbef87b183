"""Writing with recorded weights: the same text as the trainer writes, in parts on the way."""

from __future__ import annotations

from dataclasses import replace

from seqstudio.engine.sampling import complete
from seqstudio.records.inside.writing import WriteOf, Written
from seqstudio.records.looking import Looked, LookFailed
from seqstudio.records.messages import Write
from tests.engine.inside.looking import answers, small, subject

WISH = WriteOf("the ", 150, 0.9, top_k=12, top_p=0.95, seed=5)


def test_the_text_is_what_the_trainer_writes_with_the_same_weights() -> None:
    project = small("char-lstm")
    told = answers(project, WISH)
    texts = [each.reading.sample for each in told]
    assert [each.done for each in texts] == [False, False, True]
    assert all(texts[-1].text.startswith(each.text) for each in texts)
    ours = subject(project)
    plain = replace(ours, model=ours.model.float())
    for parameter in plain.model.parameters():
        parameter.data.mul_(0.5)  # the helper had doubled them
    request = Write(0, "the ", 150, 0.9, 12, 0.95, 5)
    assert complete(plain.model, ours.dataset.vocabulary, request, 0).text == texts[-1].text


def test_only_the_last_answer_is_the_end() -> None:
    told = answers(small("char-lstm"), WISH)
    assert [each.done for each in told if isinstance(each, Looked)] == [False, False, True]
    assert all(isinstance(each.reading, Written) for each in told if isinstance(each, Looked))


def test_a_prompt_of_unknown_characters_and_a_model_without_symbols_are_refused() -> None:
    (told,) = answers(small("char-lstm"), replace(WISH, prompt="€"))
    assert isinstance(told, LookFailed)
    assert "€" in told.why
    (told,) = answers(small("adding-lstm"), replace(WISH, prompt=""))
    assert isinstance(told, LookFailed)
    assert told.what == "This model cannot write"
