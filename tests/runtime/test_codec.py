"""Messages as bytes: everything comes back equal and read-only, and nothing else comes out."""

import dataclasses
import random

import numpy as np
import pytest

from seqstudio.records.messages import Envelope, Failed, Start, StateChanged
from seqstudio.records.readings import (
    AttentionReading,
    GradientReading,
    Horizon,
    LayerAttention,
    LayerGradient,
    Sample,
)
from seqstudio.runtime.codec import MAGIC, CodecError, pack, unpack


def attention(step: int = 3, size: int = 5) -> AttentionReading:
    weights = np.random.default_rng(step).random((2, size, size), np.float32)
    masked = np.triu(np.ones((size, size), bool), 1)
    return AttentionReading(
        step, ("a", "\n", "ß"), (LayerAttention("b1", 0, weights, masked),), 0.1
    )


def gradient(step: int = 3) -> GradientReading:
    falling = 0.5 ** np.arange(6.0)
    layer = LayerGradient("rnn1", 0, "rnn", falling, falling / 2, None, 0.25, None)
    horizon = Horizon(
        "rnn1", "rnn", "dl/dh", np.arange(6), falling, falling, falling, np.arange(6), -0.3,
        float("inf"),
    )  # fmt: skip
    return GradientReading(step, ("x",) * 6, (layer,), (horizon,), 4, 6, "probe text", 0.01)


def same(one: object, two: object) -> bool:
    if isinstance(one, np.ndarray):
        return (
            isinstance(two, np.ndarray)
            and one.dtype == two.dtype
            and one.shape == two.shape
            and np.array_equal(one, two)
        )
    if isinstance(one, tuple):
        return isinstance(two, tuple) and len(one) == len(two) and all(map(same, one, two))
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return type(one) is type(two) and all(
            same(getattr(one, name), getattr(two, name)) for name in names
        )
    return type(one) is type(two) and one == two


@pytest.mark.parametrize(
    "message",
    [
        Envelope("lstm-1", attention()),
        Envelope("lstm-1", gradient()),
        Start("r", 'text "quoted"\n\ud800', "", "/x/ü", resume=True),
        Failed("a", "b", "c", "trace\n", fatal=False),
        Sample(1, 2, "", "wörd", np.zeros(0, np.float32), (("a", 0.5),), 0.8, 7, True),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_comes_back_equal(message: object) -> None:
    assert same(unpack(pack(message)), message)


def test_arrays_come_back_read_only() -> None:
    weights = unpack(pack(attention())).layers[0].weights
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0, 0] = 1


def test_not_a_number_comes_back() -> None:
    back = unpack(pack(dataclasses.replace(gradient(), cost_s=float("nan"))))
    assert np.isnan(back.cost_s)
    assert back.horizons[0].reach == float("inf")


def test_numpy_scalars_become_numbers() -> None:
    assert unpack(pack(StateChanged("running", np.int64(5)))) == StateChanged("running", 5)


@pytest.mark.parametrize("value", [object(), {"a": 1}, b"bytes", StateChanged])
def test_other_things_do_not_cross(value: object) -> None:
    with pytest.raises(TypeError, match="cannot cross"):
        pack(Envelope("r", value))


def test_object_arrays_do_not_come_out() -> None:
    data = pack(attention()).replace(b'"<f4"', b'"|O8"')
    with pytest.raises(CodecError, match="there is no array"):
        unpack(data)


@pytest.mark.parametrize("name", ["Path", "object", "system", "__class__"])
def test_only_records_come_out(name: str) -> None:
    head = b'{"record":"%s","fields":{}}' % name.encode()
    with pytest.raises(CodecError):
        unpack(MAGIC + len(head).to_bytes(4, "little") + head)


def test_a_message_that_is_cut_short_is_refused() -> None:
    data = pack(attention())
    for length in range(0, len(data) - 16, 7):
        with pytest.raises(CodecError):
            unpack(data[:length])


def test_damaged_bytes_give_a_record_or_a_codec_error() -> None:
    data, chance = pack(Envelope("r", gradient())), random.Random(1)
    refused = 0
    for _ in range(2000):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            unpack(bytes(broken))
        except CodecError:
            refused += 1
    assert refused > 500
