"""Attention, asked for: what is shown against the fused layers, torch and hand computations."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from seqstudio.blocks.templates import make
from seqstudio.document.project import Project, project_text
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.attention.maps import attention_of
from seqstudio.engine.inside.attention.passage import Passage, passage_of
from seqstudio.engine.inside.attention.rollout import connectivity, rolled
from seqstudio.engine.inside.attention.surgery import _Bench
from seqstudio.engine.inside.attention.tap import Change, Place, places_of, tapped
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.inside.subject import Subject
from seqstudio.records.inside.attention import (
    AttentionExample,
    AttentionOf,
    AttentionSeen,
    HeadAblation,
    HeadAblationOf,
    ProductsOf,
    ProductsSeen,
    Rollout,
    RolloutOf,
    WeightEdit,
    WeightEditOf,
    with_weights,
)
from seqstudio.records.looking import LookAt, Looked, LookFailed
from tests.engine.test_opening import pair

TEXT = "the cat sat on the mat, and the dog sat on the log"
SHORT = AttentionExample(steps=24)
ATTENDING = ["char-gpt", "reverse-attention", "reverse-transformer", "caption-attention",
             "caption-hard", "shapes-vit"]  # fmt: skip
EMBEDDING = ("embedding", {"width": 12})


CORPUS: list[str] = []
SMALL = {"layers": 2, "heads": 2, "hidden": 48}


@pytest.fixture(scope="module", autouse=True)
def corpus(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("corpus") / "cats.txt"
    path.write_text(f"{TEXT}. " * 200, encoding="utf-8")
    CORPUS[:] = [str(path)]


def project(template: str) -> Project:
    """A template with two layers of two heads, where it has any; texts are small."""
    text = template.startswith("char")
    plain = make(template, CORPUS[0] if text else "")
    graph, small = plain.graph, {**SMALL, **({"width": 48} if text else {})}
    for block in plain.graph:
        for name, value in small.items():
            if name in block.params and (text or block.kind.endswith("stack")):
                graph = graph.with_block(graph.blocks[block.id].with_param(name, value))
    training = replace(plain.training, window=32) if text else plain.training
    return replace(plain, graph=graph, training=training)


def asked(template: str, question: object, text: str = "") -> tuple[object, Subject]:
    """Return the last answer and the subject that gave it."""
    looker = Looker()
    looker.wish(LookAt(1, "here", question, project_text(project(template)), "", text=text))
    told = None
    while looker.busy:
        told = looker.advance() or told
    if isinstance(told, LookFailed):
        return told, None  # type: ignore[return-value]
    assert isinstance(told, Looked)
    assert told.done
    (subject,) = looker._models.values()
    return told.reading, replace(subject, text=text)


def doubled(template: str) -> tuple[torch.nn.Module, Inputs]:
    """Return a model in float64 and an example for it."""
    _, subject = asked(template, AttentionOf(SHORT))
    inputs = passage_of(subject, SHORT).inputs
    source = inputs.source
    if source is not None and source.is_floating_point():
        source = source.double()
    main = inputs.main.double() if inputs.main.is_floating_point() else inputs.main
    return copy.deepcopy(subject.model).double(), Inputs(main, source)


@pytest.mark.parametrize("template", ATTENDING)
def test_the_open_computation_gives_what_the_fused_one_gives(template: str) -> None:
    model, inputs = doubled(template)
    with torch.no_grad():
        plain = model(inputs)[0]
        places = places_of(model)
        with tapped(model, places) as tap:
            opened = model(inputs)[0]
        after = model(inputs)[0]
    torch.testing.assert_close(opened, plain, rtol=0, atol=1e-10)
    assert torch.equal(after, plain), "the model is as it was"
    for place in places:
        weights, seen = tap.whole(place.site.key)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]).double())
        assert not weights[:, ~seen].any(), "masked weights are exactly 0"
        assert "forward" not in vars(place.module)
        assert "weights" not in vars(place.module)


def test_causal_layers_of_a_decoder_and_only_they_are_masked() -> None:
    reading, _ = asked("reverse-transformer", AttentionOf(SHORT))
    assert isinstance(reading, AttentionSeen)
    causal = {each.site.key: bool(each.masked.any()) for each in reading.sites}
    assert causal == {
        "encoder/self/0": False, "encoder/self/1": False, "decoder/self/0": True,
        "decoder/self/1": True, "decoder/cross/0": False, "decoder/cross/1": False,
    }  # fmt: skip
    cross = next(each for each in reading.sites if each.site.kind == "cross")
    assert cross.keys == reading.read.source
    assert cross.queries == reading.read.tokens


def test_weights_are_those_of_torchs_multi_head_attention() -> None:
    _, subject = asked("char-gpt", AttentionOf(SHORT))
    model = subject.model
    places = places_of(model)
    layer = places[0].module
    layer.rotary = False  # torch's has none
    theirs = nn.MultiheadAttention(layer.qkv.in_features, layer.heads, batch_first=True)
    received: list[torch.Tensor] = []
    hook = (
        model.module("transformer")
        .blocks[0]
        .norm1.register_forward_hook(lambda _m, _a, out: received.append(out))
    )
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(theirs, f"in_proj_{name}").copy_(getattr(layer.qkv, name))
            getattr(theirs.out_proj, name).copy_(getattr(layer.out, name))
        with tapped(model, places) as tap:
            model(passage_of(subject, SHORT).inputs)
        hook.remove()
        x = received[0]
        mask = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        _, weights = theirs(x, x, x, attn_mask=mask, average_attn_weights=False)
    torch.testing.assert_close(tap.whole(places[0].site.key)[0], weights[0], rtol=0, atol=1e-6)


def test_rollout_is_the_product_of_the_layers_and_keeps_its_rows_and_the_order() -> None:
    reading, _ = asked("char-gpt", RolloutOf(SHORT), TEXT)
    assert isinstance(reading, Rollout)
    assert len(reading.means) == 2
    eye = np.eye(len(reading.tokens))
    first, second = ((mean.astype(float) + eye) / 2 for mean in reading.means)
    np.testing.assert_allclose(reading.rollout, second @ first, atol=1e-6)
    np.testing.assert_allclose(reading.rollout.sum(1), 1, atol=1e-6)
    assert not reading.rollout[np.triu_indices(len(eye), 1)].any()
    one = torch.softmax(torch.randn(3, 5, 5, generator=torch.manual_seed(0)), -1)
    torch.testing.assert_close(rolled(one.double()).sum(-1), torch.ones(3, 5).double())


def test_gradients_are_those_of_one_backward_pass_a_loss_and_0_ahead() -> None:
    reading, subject = asked("char-gpt", RolloutOf(AttentionExample(steps=10)), TEXT)
    assert isinstance(reading, Rollout)
    assert reading.done == len(reading.losses) == 10
    sizes = 10.0**reading.log10
    assert (sizes[np.triu_indices(10, 1)] == 0).all(), "exactly 0, not small"
    passage = passage_of(subject, AttentionExample(steps=10))
    embedding = subject.model.module("embedding")
    leaves: list[torch.Tensor] = []
    hook = embedding.register_forward_hook(
        lambda _m, _a, out: leaves.append(out.detach().requires_grad_()) or leaves[0]
    )
    with torch.enable_grad():
        losses = subject.model.losses(subject.model(passage.inputs)[0], passage.targets)[0]
        rows = [torch.autograd.grad(loss, leaves[0], retain_graph=True)[0][0] for loss in losses]
    hook.remove()
    want = torch.stack(rows).double().norm(dim=-1).numpy()
    np.testing.assert_allclose(sizes, want, rtol=1e-4, atol=1e-12)
    some = connectivity(subject.model, passage, [7, 3])
    np.testing.assert_allclose(some.numpy(), want[[7, 3]], rtol=1e-4, atol=1e-12)


def test_a_head_that_is_off_is_a_head_whose_columns_of_the_mix_are_0() -> None:
    reading, subject = asked("char-gpt", HeadAblationOf(SHORT), TEXT)
    assert isinstance(reading, HeadAblation)
    assert not np.isnan(reading.text).any()
    model, passage = copy.deepcopy(subject.model), passage_of(subject, SHORT)
    by_hand = places_of(model)[1].module
    width = by_hand.out.in_features // by_hand.heads
    with torch.no_grad():
        plain = model.losses(model(passage.inputs)[0], passage.targets).double().mean()
        by_hand.out.weight[:, width : 2 * width] = 0
        off = model.losses(model(passage.inputs)[0], passage.targets).double().mean()
    assert reading.text_base == pytest.approx(float(plain), abs=1e-6)
    assert reading.text[1, 1] == pytest.approx(float(off), abs=1e-6)
    assert abs(reading.text[1, 1] - reading.text_base) > 1e-5


def test_heads_that_are_off_together_are_measured_together() -> None:
    both = (("transformer/self/0", 0), ("transformer/self/1", 1))
    reading, subject = asked("char-gpt", HeadAblationOf(SHORT, both), TEXT)
    assert isinstance(reading, HeadAblation)
    assert reading.off == both
    model, passage = copy.deepcopy(subject.model), passage_of(subject, SHORT)
    with torch.no_grad():
        for place, head in zip(places_of(model), (0, 1), strict=True):
            width = place.module.out.in_features // 2
            place.module.out.weight[:, head * width : (head + 1) * width] = 0
        off = model.losses(model(passage.inputs)[0], passage.targets).double().mean()
    assert reading.text_off == pytest.approx(float(off), abs=1e-6)
    assert reading.held_off != pytest.approx(reading.held_base, abs=1e-7)


def test_the_bench_measures_padded_rows_as_the_losses_do() -> None:
    _, subject = asked("reverse-transformer", AttentionOf(SHORT))
    places = places_of(subject.model)
    bench = _Bench(subject, places, passage_of(subject, SHORT))
    with torch.no_grad():
        measured = bench.measured(frozenset())
        while True:
            try:
                next(measured)
            except StopIteration as end:
                held = end.value[1]
                break
        losses = subject.model.losses(subject.model(bench._inputs)[0], bench._targets)
    assert held == pytest.approx(float(losses.double().sum()) / bench.predictions, abs=1e-6)


def test_a_weight_set_by_hand_gives_what_a_hand_computes(make_model) -> None:
    block = ("self_attention", {"heads": 2, "positions": "none"})
    model = make_model("tokens", EMBEDDING, block, "next_token").eval().requires_grad_(False)
    (place,) = places_of(model)
    assert isinstance(place, Place)
    ids = torch.arange(7)[None]
    with tapped(model, [place]) as tap:
        plain = model(Inputs(ids))[0]
    weights, seen = tap.whole(place.site.key)
    row = with_weights(weights[1, 4].numpy(), seen[4].numpy(), ((2, 0.8),))
    changed = weights.clone()
    changed[1, 4] = torch.from_numpy(row)
    change = Change(row=(place.site.key, 1, 4, torch.from_numpy(row)))
    with tapped(model, [place], change):
        edited = model(Inputs(ids))[0]
    layer = place.module
    _, _, v = layer.split(model.module("embedding")(ids))
    mixed = layer.out((changed[None] @ v).transpose(1, 2).flatten(2))
    by_hand = model.module("next_token")(mixed)
    torch.testing.assert_close(edited, by_hand, rtol=0, atol=1e-12)
    assert torch.equal(edited[0, :4], plain[0, :4])
    assert not torch.allclose(edited[0, 4], plain[0, 4])


def test_an_answer_about_an_edit_shows_the_step_of_its_query() -> None:
    wish = WeightEditOf(SHORT, "transformer/self/1", 1, 9, ((3, 0.7),))
    reading, _ = asked("char-gpt", wish, TEXT)
    assert isinstance(reading, WeightEdit)
    assert reading.at == 9
    assert reading.after[3] == pytest.approx(0.7)
    assert reading.after.sum() == pytest.approx(1)
    rest = np.delete(np.arange(10), 3)
    np.testing.assert_allclose(
        reading.after[rest] / reading.after[rest].sum(),
        reading.before[rest] / reading.before[rest].sum(), rtol=1e-6,
    )  # fmt: skip
    np.testing.assert_array_equal(reading.moved[:9], 0)
    assert reading.moved[9] > 0
    np.testing.assert_array_equal(reading.loss_before[:9], reading.loss_after[:9])
    untouched, _ = asked("char-gpt", replace(wish, wanted=()), TEXT)
    np.testing.assert_allclose(untouched.moved, 0, atol=1e-6)


def test_shares_of_a_row_that_a_hand_sets() -> None:
    row, seen = np.array([0.5, 0.3, 0.2, 0.0]), np.array([True, True, True, False])
    np.testing.assert_allclose(with_weights(row, seen, ((0, 0.9),)), [0.9, 0.06, 0.04, 0])
    np.testing.assert_allclose(with_weights(row, seen, ((3, 0.9),)), row)  # masked stays masked
    both = with_weights(row, seen, ((0, 0.8), (1, 0.8)))
    np.testing.assert_allclose(both, [0.5, 0.5, 0, 0])
    np.testing.assert_allclose(with_weights(row, seen, ((0, 2.0),)), [1, 0, 0, 0])
    sure = np.array([1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(with_weights(sure, seen, ((0, 0.4),)), [0.4, 0.3, 0.3, 0])
    np.testing.assert_allclose(with_weights(sure[:1], seen[:1], ((0, 0.0),)), [1])


def test_products_lead_from_the_vectors_to_the_weights_of_the_model() -> None:
    wish = ProductsOf(SHORT, "transformer/self/1", 1, 11)
    reading, _ = asked("char-gpt", wish, TEXT)
    seen, _ = asked("char-gpt", AttentionOf(SHORT), TEXT)
    assert isinstance(reading, ProductsSeen)
    assert isinstance(seen, AttentionSeen)
    p = reading.plain
    np.testing.assert_allclose(p.k @ p.q, p.scores, atol=1e-5)
    np.testing.assert_allclose(p.inner.sum(1), p.scores, atol=1e-5)
    assert p.divisor == pytest.approx(math.sqrt(p.k.shape[1]))
    scaled = np.where(p.seen, p.scores / p.divisor, -np.inf)
    powers = np.exp(scaled - scaled.max())
    np.testing.assert_allclose(p.weights, powers / powers.sum(), atol=1e-6)
    np.testing.assert_allclose(p.weights, seen.sites[1].weights[1, 11], atol=1e-6)
    np.testing.assert_allclose(p.weights @ p.v, p.context, atol=1e-6)
    assert p.mean == pytest.approx(seen.read.mean, abs=1e-6)
    assert reading.other is None


def test_without_scale_and_positions_both_are_really_left_out() -> None:
    wish = ProductsOf(SHORT, "transformer/self/0", 0, 11, scaled=False)
    reading, _ = asked("char-gpt", wish, TEXT)
    assert isinstance(reading, ProductsSeen)
    assert reading.other is not None
    scores = np.where(reading.plain.seen, reading.plain.scores, -np.inf)
    powers = np.exp(scores - scores.max())
    np.testing.assert_allclose(reading.other.weights, powers / powers.sum(), atol=1e-6)
    assert reading.other.mean != reading.plain.mean
    reading, subject = asked("char-gpt", replace(wish, scaled=True, positions=False), TEXT)
    for place in places_of(subject.model):
        assert place.module.rotary, "put back"
        place.module.rotary = False
    with torch.no_grad(), tapped(subject.model, places_of(subject.model)) as tap:
        subject.model(passage_of(subject, SHORT).inputs)
    np.testing.assert_allclose(
        reading.other.matrix, tap.whole("transformer/self/0")[0][0].numpy(), atol=1e-6
    )


def test_the_net_that_scores_is_taken_apart_too() -> None:
    reading, _ = asked("reverse-attention", ProductsOf(query=3))
    seen, _ = asked("reverse-attention", AttentionOf())
    assert isinstance(reading, ProductsSeen)
    p = reading.plain
    powers = np.exp(p.scores - p.scores.max())
    np.testing.assert_allclose(p.weights, powers / powers.sum(), atol=1e-6)
    np.testing.assert_allclose(p.weights, seen.sites[0].weights[0, 3], atol=1e-6)
    assert (p.divisor, reading.scales, reading.places) == (1.0, False, False)


def test_a_text_of_512_tokens_is_reduced_but_for_what_is_in_view() -> None:
    wish = AttentionOf(AttentionExample(steps=512), "transformer/self/1", 1, 300)
    reading, subject = asked("char-gpt", wish, f"{TEXT}. " * 12)
    assert isinstance(reading, AttentionSeen)
    assert len(reading.read.tokens) == 512
    with torch.no_grad(), tapped(subject.model, places_of(subject.model)) as tap:
        subject.model(passage_of(subject, wish.example).inputs)
    first, second = reading.sites
    assert (first.pool, first.full) == (8, None)
    whole = tap.whole("transformer/self/1")[0].numpy()
    np.testing.assert_array_equal(second.full, whole[1])
    np.testing.assert_array_equal(second.rows, whole[:, 300])
    blocks = whole.reshape(2, 64, 8, 64, 8).max((2, 4))
    np.testing.assert_array_equal(second.weights, blocks)
    np.testing.assert_array_equal(second.masked, np.triu(np.ones((64, 64), bool), 1))


def test_a_written_sequence_is_read_as_the_model_wrote_it() -> None:
    from seqstudio.engine.decoding import written_for

    reading, subject = asked("copy-seq2seq", AttentionOf())
    assert isinstance(reading, LookFailed)
    example = AttentionExample(written=True)
    reading, subject = asked("reverse-transformer", AttentionOf(example), "abcde")
    assert isinstance(reading, AttentionSeen)
    assert reading.read.source == tuple("abcde")
    assert reading.read.written
    words = "".join(reading.read.targets).removesuffix("$")
    assert words == written_for(subject.model, subject.dataset, "abcde")
    assert reading.read.tokens[0] == "^"
    assert reading.read.tokens[1:] == reading.read.targets[:-1]


def test_a_drawn_example_is_cut_to_its_own_length() -> None:
    for number in (0, 5):
        reading, subject = asked("reverse-attention", AttentionOf(AttentionExample(number)))
        assert isinstance(reading, AttentionSeen)
        read = reading.read
        assert "·" not in read.source
        assert "".join(read.targets) == "".join(reversed(read.source)) + "$"
        assert not np.isnan(read.loss).any()
        passage = passage_of(subject, AttentionExample(number))
        assert isinstance(passage, Passage)
        assert passage.examples == 256


@pytest.mark.parametrize("kind", ["self_attention", "transformer"])
def test_attention_drawn_from_blocks_has_the_weights_of_the_fused_one(kind: str) -> None:
    fused, own = pair(kind, {"heads": 2}, torch.float64, deep=True)
    x = torch.randn(1, 7, fused.facts.width, dtype=torch.float64)
    found = []
    for model in (fused, own):
        places = places_of(model)
        off = Change(off=frozenset({(places[0].site.key, 1)}))
        with torch.no_grad(), tapped(model, places) as tap:
            plain = model(x)[0]
        with torch.no_grad(), tapped(model, places, off):
            found.append((*tap.whole(places[0].site.key), plain, model(x)[0]))
    assert places[0].site.kind == "drawn"
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_a_trained_reversal_looks_backwards() -> None:
    """Claim 18: the expected place runs against the step; measured r = -0.98, 4 s of one core."""
    from seqstudio.engine.trainer import Start, Trainer

    plain = make("reverse-attention")
    graph = plain.graph
    for block in plain.graph:
        for name in {"width", "hidden"} & set(block.params):
            graph = graph.with_block(graph.blocks[block.id].with_param(name, 40))
    training = replace(plain.training, budget="steps", steps=70, threads=1, batch=48,
                       precision="float32", learning_rate=8e-3)  # fmt: skip
    small = replace(plain, graph=graph, training=training, data=replace(plain.data, length=6))
    trainer = Trainer.open(Start("here", project_text(small), "", ""), lambda _event: None)
    while trainer.advance():
        pass
    trainer.finish()
    subject = Subject(trainer.model.eval(), trainer.dataset, small, trainer.step, "")
    found, spans = [], []
    with torch.no_grad():
        for number in range(40):
            (reading,) = attention_of(subject, AttentionOf(AttentionExample(number)))
            weights = reading.sites[0].weights[0].astype(float)[:-1]  # without the sign to end
            if len(weights) >= 4:
                places = weights @ np.arange(weights.shape[1])
                spans.append(np.ptp(places) / (weights.shape[1] - 1))
                found.append(np.corrcoef(places, np.arange(len(places)))[0, 1])
    assert len(found) > 10
    assert np.mean(found) <= -0.95
    assert np.mean(spans) > 0.4, "uniform weights can have any correlation"


def test_places_of_a_picture_have_lines_and_columns() -> None:
    reading, _ = asked("caption-attention", AttentionOf())
    assert isinstance(reading, AttentionSeen)
    (shown,) = reading.sites
    assert shown.grid == (6, 6)
    assert reading.read.picture.shape == (1, 24, 24)
    assert reading.read.targets[0] == "a"
    vit, _ = asked("shapes-vit", AttentionOf())
    assert vit.sites[0].grid == (4, 4)
    assert vit.sites[0].keys[0] == "class"


@pytest.mark.parametrize("question", [AttentionOf(), ProductsOf(), RolloutOf(),
                                      HeadAblationOf(), WeightEditOf()])  # fmt: skip
def test_a_model_without_attention_says_so(question: object) -> None:
    told, _ = asked("char-lstm", question, TEXT)
    assert isinstance(told, LookFailed)
    assert told.what == "This model has no attention"
    assert told.hint


def test_nothing_known_in_a_typed_source_is_told() -> None:
    told, _ = asked("reverse-attention", AttentionOf(), "123")
    assert isinstance(told, LookFailed)
    assert told.what == "The model knows nothing of this text"
