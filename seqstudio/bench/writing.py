"""Writing one token after the other: against plain PyTorch with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from seqstudio.bench.peers import write_again, write_stateful
from seqstudio.bench.results import Row
from seqstudio.bench.rounds import CPU, alternate
from seqstudio.bench.subjects import Sizes, text, threads, writing_models
from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.engine.model import GraphModel
from seqstudio.engine.sampling import complete
from seqstudio.records.messages import Write

Writer = Callable[[list[int], int, float], list[int]]

CONTEXTS = (64, 256)
PROMPT = 8
LSTM_TEXT = 200
# Past its window a transformer forgets: ours drops the oldest keys, the plain one reads the
# shorter text anew, so their texts differ there and only the speed can be compared.
PAST = 96
GOALS = {64: 2.5, 256: 7.5}


def our_writer(model: GraphModel, vocabulary: Vocabulary) -> Writer:
    """Return what the program does when a person presses Write."""

    def write(prompt: list[int], length: int, heat: float) -> list[int]:
        words = "".join(vocabulary.symbols[i] for i in prompt)
        request = Write(1, words, length, heat, top_k=0, top_p=1.0, seed=0)
        written = complete(model, vocabulary, request, step=0).text
        return [int(i) for i in vocabulary.encode(written)]

    return write


def bench_sampling(
    seconds: float, contexts: Sequence[int] = CONTEXTS, sizes: Sizes | None = None
) -> Iterator[Row]:
    """Measure tokens a CPU second at batch 1 on one thread, after equal greedy texts.

    Raises:
        RunError: Ours and the plain model write different texts.
    """
    sizes, dataset = sizes or Sizes(), text()
    share = seconds / (4 + 2 * len(contexts))
    blocks, heads = sizes.blocks + 2, sizes.heads + 2
    wide = 3 * sizes.width
    large = replace(sizes, width=wide, blocks=blocks, heads=heads, context=contexts[-1])
    with threads(1):
        yield _lstm(replace(sizes, layers=1, hidden=2 * sizes.hidden), dataset, share)
        yield _lstm(sizes, dataset, share)
        for context in contexts:
            yield from _gpt(replace(sizes, context=context), dataset, share)
        yield from _gpt(large, dataset, share)


def _lstm(sizes: Sizes, dataset: Dataset, seconds: float) -> Row:
    model, plain = writing_models("lstm", sizes, dataset)
    ours = our_writer(model, _vocabulary(dataset))

    def peer(prompt: list[int], length: int, heat: float) -> list[int]:
        return write_stateful(plain, prompt, length, heat)

    what = f"lstm {sizes.layers} × {sizes.hidden}, nn.LSTM called once a token"
    _check(what, ours, peer, LSTM_TEXT)
    return _measure(what, ours, peer, PROMPT, LSTM_TEXT, seconds, goal=4.0)


def _gpt(sizes: Sizes, dataset: Dataset, seconds: float) -> Iterator[Row]:
    model, plain = writing_models("gpt", sizes, dataset)
    ours = our_writer(model, _vocabulary(dataset))

    def peer(prompt: list[int], length: int, heat: float) -> list[int]:
        return write_again(plain, prompt, length, heat)

    window = sizes.context
    what = f"gpt {sizes.blocks} × {sizes.width}, context {window}"
    _check(what, ours, peer, window - PROMPT)
    yield _measure(f"{what}, filling it", ours, peer, PROMPT, window - PROMPT, seconds)
    past = f"{what}, past it"
    yield _measure(past, ours, peer, window, PAST, seconds, goal=GOALS.get(window, float("nan")))


def _vocabulary(dataset: Dataset) -> Vocabulary:
    assert dataset.vocabulary is not None  # the built-in text has one
    return dataset.vocabulary


def prompt_of(length: int) -> list[int]:
    """Return a prompt of different symbols."""
    return [(7 * place) % 50 for place in range(length)]


def _check(what: str, ours: Writer, peer: Writer, length: int) -> None:
    prompt = prompt_of(PROMPT)
    first, second = ours(prompt, length, 0.0), peer(prompt, length, 0.0)
    if first != second:
        place = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
        raise RunError(
            f"Ours and the plain model write different texts: {what}",
            f"token {place + 1} of {length} differs",
            "The speeds would compare different things",
        )


def _measure(
    what: str, ours: Writer, peer: Writer, prompt: int, length: int, seconds: float,
    goal: float = float("nan"),
) -> Row:  # fmt: skip
    begin = prompt_of(prompt)

    def steps(writer: Writer) -> Callable[[], int]:
        return lambda: len(writer(begin, length, 1.0))

    found = alternate(steps(ours), steps(peer), seconds, CPU, rounds=5)
    return found.row(what, "tokens/CPU-s", goal)
