"""The BPTT player in float64: every state and gradient against cells unrolled under autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError, SeqError
from seqstudio.document.project import Project, project_text
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.inside.player import play
from seqstudio.engine.inside.subject import Subject
from seqstudio.records.inside.player import (
    Played,
    PlayOf,
    factors,
    part,
    part_norms,
    shares,
    sum_from,
)
from seqstudio.records.looking import LookAt, Looked
from seqstudio.runtime.codec import pack, unpack

TEXT = "the cat sat on the mat"
TIGHT = {"rtol": 1e-10, "atol": 1e-13}
CASES = [
    ("char-rnn", PlayOf(), {}),
    ("adding-irnn", PlayOf(), {}),
    ("char-gru", PlayOf(), {}),
    ("char-lstm", PlayOf(), {}),
    ("char-lstm", PlayOf("lstm", 0), {"layers": 2}),
    ("char-rnn", PlayOf("rnn", 1), {"layers": 2, "nonlinearity": "relu"}),
    ("tagger-bilstm", PlayOf(), {}),
    ("tagger-bilstm", PlayOf("lstm", 0, True), {}),
    ("reverse-seq2seq", PlayOf("encoder"), {}),
    ("reverse-seq2seq", PlayOf("decoder"), {}),
]


def small(template: str, **params: object) -> Project:
    project = make(template)
    wanted = {"hidden": 12, **params}
    graph = project.graph
    for block in graph:
        known = {key: value for key, value in wanted.items() if key in block.params}
        changed = replace(block, params={**block.params, **known})
        graph = replace(graph, blocks={**graph.blocks, block.id: changed})
    return project.with_graph(graph)


@pytest.fixture(scope="module")
def subjects() -> Callable[..., Subject]:
    """Give the model of a small project at rest, made once."""
    kept: dict[str, Subject] = {}

    def give(template: str, text: str = TEXT, **params: object) -> Subject:
        key = f"{template} {params}"
        if key not in kept:
            looker = Looker()
            wish = LookAt(1, "here", PlayOf(), project_text(small(template, **params)), "")
            kept[key] = looker._subject(wish, None)
        return replace(kept[key], text=text)

    return give


def played(subject: Subject, wish: PlayOf) -> Played:
    with torch.no_grad():
        (reading,) = [each for each in play(subject, wish) if each is not None]
    return reading


def cell_of(subject: Subject, reading: Played) -> nn.RNNBase:
    stack = subject.model.module(reading.layer.block)
    return (stack.back if reading.layer.back else stack.cells)[reading.layer.layer]


def by_autograd(unrolled: type, cell: nn.RNNBase, reading: Played) -> dict[str, Tensor]:
    """Run the layer step by step in torch's own float64 cell and send the direct parts back."""
    plain = {"lstm": nn.LSTM, "gru": nn.GRU}.get(reading.kind, nn.RNN)
    more = {"nonlinearity": reading.kind[4:]} if plain is nn.RNN else {}
    own = plain(cell.input_size, cell.hidden_size, batch_first=True, **more).double()
    own.load_state_dict(cell.state_dict())
    loop = unrolled(own)
    h0 = tensor(reading.h0)[None, None].requires_grad_()
    start = h0 if reading.c0 is None else (h0, tensor(reading.c0)[None, None])
    y, _ = loop(tensor(reading.x)[None], start)
    kept = {"h": loop.hs, "c": loop.cs} if reading.c is not None else {"h": loop.hs}
    for state in (state for states in kept.values() for state in states):
        state.retain_grad()
    ends = [(y, reading.direct)]
    if reading.back_c is not None:
        ends.append((loop.cs[-1], reading.back_c[-1]))
    torch.autograd.backward([end for end, _ in ends], [tensor(sent)[None] for _, sent in ends])
    found = {name.removesuffix("_l0"): p.grad for name, p in own.named_parameters()}
    found["before"] = h0.grad[0, 0]
    for name, states in kept.items():
        found[name] = torch.stack([state.detach()[0] for state in states])
        total = "total" if name == "h" else "total_c"
        found[total] = torch.stack([state.grad[0] for state in states])
    return found


def tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.copy())


@pytest.mark.parametrize(("template", "wish", "params"), CASES)
def test_states_and_gradients_equal_unrolled_autograd(
    subjects, unrolled, template: str, wish: PlayOf, params: dict[str, object]
) -> None:
    subject = subjects(template, **params)
    reading = played(subject, wish)
    want = by_autograd(unrolled, cell_of(subject, reading), reading)
    for name in ("h", "total", "before", "c", "total_c"):
        if name in want:
            np.testing.assert_allclose(getattr(reading, name), want[name], **TIGHT, err_msg=name)
    for matrix, name in (("w_hh", "weight_hh"), ("w_ih", "weight_ih")):
        np.testing.assert_allclose(sum_from(reading, matrix, 0), want[name], **TIGHT)
    np.testing.assert_allclose(sum_from(reading, "b", 0)[:, 0], want["bias_ih"], **TIGHT)
    by_h, _ = factors(reading, "w_hh")
    np.testing.assert_allclose(by_h.sum(0), want["bias_hh"], **TIGHT)
    assert reading.gap < 1e-10


@pytest.mark.parametrize(("template", "wish", "params"), CASES)
def test_parts_add_up_step_by_step(subjects, template, wish, params) -> None:
    reading = played(subjects(template, **params), wish)
    for matrix in ("w_hh", "w_ih", "b"):
        parts = [part(reading, matrix, t) for t in range(reading.steps)]
        whole = sum_from(reading, matrix, 0)
        np.testing.assert_allclose(sum(parts), whole, **TIGHT)
        np.testing.assert_allclose(sum(parts[5:]), sum_from(reading, matrix, 5), **TIGHT)
        sizes = [np.linalg.norm(each) for each in parts]
        np.testing.assert_allclose(part_norms(reading, matrix), sizes, **TIGHT)
        if np.linalg.norm(whole):
            want = [(each * whole).sum() / (whole**2).sum() for each in parts]
            np.testing.assert_allclose(shares(reading, matrix), want, rtol=1e-9, atol=1e-12)
            assert shares(reading, matrix).sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("template", "wish", "params"), CASES)
def test_what_arrives_is_the_sum_of_its_ways(subjects, template, wish, params) -> None:
    reading = played(subjects(template, **params), wish)
    np.testing.assert_allclose(reading.direct + reading.back, reading.total, **TIGHT)
    if reading.c is not None:
        o, tanh_c = np.split(reading.gates, 4, 1)[3], np.tanh(reading.c)
        through_h = reading.total * o * (1 - tanh_c**2)
        np.testing.assert_allclose(reading.back_c + through_h, reading.total_c, **TIGHT)


@pytest.mark.parametrize("template", ["char-rnn", "char-gru", "char-lstm", "tagger-bilstm"])
def test_the_whole_model_agrees_in_float32(subjects, template: str) -> None:
    """Losses, states and gradients are those of one plain backward pass of the model."""
    subject = subjects(template)
    reading = played(subject, PlayOf())
    cell = cell_of(subject, reading)
    source = subject if subject.model.pattern == "next token" else replace(subject, text="")
    excerpt = source.excerpt(64)
    outputs = []
    hook = cell.register_forward_hook(lambda _m, _a, out: outputs.append(out[0]))
    weights = list(cell.parameters())
    with torch.enable_grad():
        for weight in weights:
            weight.requires_grad_(True)
        losses = subject.model.losses(subject.model(excerpt.inputs)[0], excerpt.targets)
        by_ih, by_hh, *_ = torch.autograd.grad(losses.sum(), weights)
    hook.remove()
    for weight in weights:
        weight.requires_grad_(False)
    loose = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(reading.h, outputs[0].detach()[0], **loose)
    found = [outcome.loss for outcome in reading.outcomes]
    np.testing.assert_allclose(found, losses.detach()[0], **loose)
    np.testing.assert_allclose(sum_from(reading, "w_hh", 0), by_hh, **loose)
    np.testing.assert_allclose(sum_from(reading, "w_ih", 0), by_ih, **loose)


def test_the_head_of_a_language_model_sends_p_minus_y(subjects) -> None:
    subject = subjects("char-rnn")
    reading = played(subject, PlayOf())
    head = subject.model.module(subject.model.head).linear.weight.double().numpy()
    vocabulary = subject.dataset.vocabulary
    logits = subject.model(subject.excerpt(64).inputs)[0][0].double()
    p = logits.softmax(-1).numpy()
    for t, outcome in enumerate(reading.outcomes):
        target = vocabulary.symbols.index(outcome.target)
        assert outcome.target_p == pytest.approx(p[t, target], rel=1e-6)
        assert outcome.loss == pytest.approx(-np.log(p[t, target]), rel=1e-5)
        p[t, target] -= 1
    np.testing.assert_allclose(reading.direct, p @ head, rtol=1e-3, atol=1e-6)


def test_model_is_left_as_it_was(subjects) -> None:
    subject = subjects("char-lstm")
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    random = torch.random.get_rng_state()
    first = played(subject, PlayOf())
    again = played(subject, PlayOf())
    np.testing.assert_array_equal(first.dz, again.dz)
    for name, value in subject.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not any(p.requires_grad or p.grad is not None for p in subject.model.parameters())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert not subject.model.training


def test_reading_crosses_the_border(subjects) -> None:
    reading = played(subjects("char-gru"), PlayOf())
    back = unpack(pack(Looked(1, "v", reading, 3, "step 3", 0.1))).reading
    assert back.tokens == reading.tokens
    assert back.layer == reading.layer
    assert back.outcomes[0] == reading.outcomes[0]
    np.testing.assert_array_equal(back.dz_h, reading.dz_h)


def test_layers_and_directions_can_be_chosen(subjects) -> None:
    reading = played(subjects("tagger-bilstm"), PlayOf("lstm", 0, True))
    assert [layer.title for layer in reading.choices] == ["LSTM", "LSTM, from the end"]
    assert reading.layer.back
    assert list(reading.places) == list(range(reading.steps))[::-1]
    forward = played(subjects("tagger-bilstm"), PlayOf())
    assert not forward.layer.back
    assert reading.tokens == forward.tokens[::-1]


def test_encoder_reads_the_source(subjects) -> None:
    encoder = played(subjects("reverse-seq2seq"), PlayOf("encoder"))
    decoder = played(subjects("reverse-seq2seq"), PlayOf("decoder"))
    assert encoder.tokens != decoder.tokens
    assert decoder.h0.any(), "the decoder starts where the encoder ended"
    assert encoder.direct[-1].any(), "its last state is read by the decoder"
    assert not encoder.direct[:-1].any()
    assert encoder.back_c[-1].any(), "and its last cell"
    assert not encoder.back[-1].any()
    assert all(not outcome.likely for outcome in encoder.outcomes)


def test_long_text_is_cut_and_says_so(subjects) -> None:
    reading = played(subjects("char-rnn", "cat " * 2500), PlayOf())
    assert reading.steps == 64
    assert reading.cut == 10_000 - 65


def test_unknown_characters_are_left_out_and_named(subjects) -> None:
    reading = played(subjects("char-rnn", "the \u4e2d cat"), PlayOf())
    assert reading.skipped == ("\u4e2d",)
    assert "".join(reading.tokens) == "the  ca"


def test_one_character_is_refused_with_words(subjects) -> None:
    with pytest.raises(SeqError, match="too short"):
        played(subjects("char-rnn", "t"), PlayOf())


@pytest.mark.parametrize(
    ("template", "params", "words"),
    [
        ("char-gpt", {}, "nothing to step through"),
        ("char-mgu", {}, "drawn by hand"),
        ("char-lstm", {"peepholes": True}, "peepholes"),
    ],
)
def test_models_that_cannot_be_played_say_why(subjects, template, params, words) -> None:
    with pytest.raises(RunError, match=words):
        played(subjects(template, **params), PlayOf())


def test_a_task_with_answers_reads_its_own_examples(subjects) -> None:
    reading = played(subjects("tagger-bilstm", "typed"), PlayOf())
    assert len(reading.notes) == 1
    assert "held-out example" in reading.notes[0]
