"""Vectors of symbols: the tables of a model, and their map in two dimensions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor, nn

from seqstudio.blocks.plan import Node
from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.notes import LOWEST
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.layers import Positions, Recurrent
from seqstudio.engine.model import GraphModel
from seqstudio.insight.vectors import (
    neighbour_map,
    neighbours_meant,
    principal_axes,
    quality_of,
    usual_perplexity,
)
from seqstudio.music.keys import pitch_name
from seqstudio.records.inside.embedding import EmbeddingOf, EmbeddingTable, TableName
from seqstudio.records.readings import Floats, Ints, freeze

MOST_FOR_NEIGHBOURS = 2_000
COUNTED = 5_000_000
SHOWN_EVERY_S, SLICE_S = 0.25, 0.012
SHARES = 10


@dataclass(frozen=True)
class Table:
    """A table of a model: its name, its symbols (V,) and its vectors (V, C)."""

    name: TableName
    symbols: tuple[str, ...]
    vectors: Tensor


def tables_of(model: GraphModel, dataset: Dataset) -> list[Table]:
    """Return every table of vectors: embeddings, weights of one-hot symbols, output weights."""
    found = [table for node in model.nodes for table in _inputs(model, dataset, node)]
    head = _head(model, dataset)
    if head is not None and all(head.vectors is not each.vectors for each in found):
        found.append(head)
    return found


def _inputs(model: GraphModel, dataset: Dataset, node: Node) -> Iterator[Table]:
    module = model.blocks[node.name]
    if node.kind == "one_hot":
        yield from _after_one_hot(model, dataset, node)
    for path, part in module.named_modules():
        if isinstance(part, nn.Embedding):
            vectors = part.weight
            owner = module.get_submodule(path.rpartition(".")[0]) if path else None
            of, symbols = _symbols(model, dataset, node, len(vectors))
            if isinstance(owner, Positions):
                of, symbols = "places", tuple(map(str, range(len(vectors))))
            title = model.graph.blocks[node.block].title or _titled(node.block)
            title += ", source" if _reads_source(model, node) else ""
            key = f"{node.block}/{path}" if path else node.block
            yield Table(TableName(key, title, of, vectors.shape[1]), symbols, vectors)


def _reads_source(model: GraphModel, node: Node) -> bool:
    streams = {each.block: each.stream for each in model.nodes}
    return any(streams.get(source) == "source" for source in node.sources)


def _titled(block: str) -> str:
    return block.replace("_", " ").capitalize()


def _symbols(
    model: GraphModel, dataset: Dataset, node: Node, count: int
) -> tuple[str, tuple[str, ...]]:
    """Return what the rows of a table stand for: symbols of the stream that the node reads."""
    beside = _reads_source(model, node)
    vocabulary = dataset.source_vocabulary if beside else dataset.vocabulary
    if vocabulary is not None and len(vocabulary.symbols) == count:
        return "symbols", vocabulary.symbols
    return "symbols", tuple(map(str, range(count)))


def _after_one_hot(model: GraphModel, dataset: Dataset, node: Node) -> Iterator[Table]:
    """Yield the weights that pick a vector for each symbol: columns of what reads one-hot."""
    for reader in model.nodes:
        if reader.reads[:1] != ((node.block, "out"),):
            continue
        module = model.blocks[reader.name]
        weight: Tensor | None = None
        if isinstance(module, Recurrent):
            weight = module.cells[0].get_parameter("weight_ih_l0")
        elif isinstance(module, nn.Linear):
            weight = module.weight
        if weight is not None:
            _, symbols = _symbols(model, dataset, node, weight.shape[1])
            name = TableName(reader.block, f"{_titled(reader.block)}, input weights", "symbols",
                             weight.shape[0])  # fmt: skip
            yield Table(name, symbols, weight.T)


def _head(model: GraphModel, dataset: Dataset) -> Table | None:
    linear = getattr(model.module(model.head), "linear", None)
    named = {
        "next token": ("symbols", dataset.vocabulary.symbols if dataset.vocabulary else ()),
        "class": ("classes", dataset.classes),
        "class per step": ("classes", dataset.classes),
        "notes": ("notes", tuple(key_name(LOWEST + i) for i in range(dataset.outputs))),
    }
    of, symbols = named.get(model.pattern, ("", ()))
    if linear is None or len(symbols) != len(linear.weight):
        return None
    name = TableName(f"{model.head}/weight", "Output weights", of, linear.weight.shape[1])
    return Table(name, symbols, linear.weight)


def key_name(pitch: int) -> str:
    """Return a key of the piano with its octave: "C#4"."""
    return f"{pitch_name(pitch)}{pitch // 12 - 1}"


def embedding(subject: Subject, wish: EmbeddingOf) -> Iterator[EmbeddingTable | None]:
    """Answer `EmbeddingOf`: vectors and principal axes at once, then the map of neighbours.

    Raises:
        RunError: The model has no such table, or too many symbols for the map.
    """
    tables = tables_of(subject.model, subject.dataset)
    table = next((each for each in tables if each.name.key == wish.table), None)
    table = table or (tables[0] if tables else None)
    if table is None or len(table.symbols) < 2:
        raise RunError(
            "This model has no vectors for symbols",
            "it reads and predicts numbers, which have no table with a vector for each symbol",
            "Use data of symbols with an Embedding block, or a head that scores classes",
        )
    if wish.way == "neighbours" and len(table.symbols) > MOST_FOR_NEIGHBOURS:
        raise RunError(
            f"{len(table.symbols):,} symbols are too many for a map of neighbours",
            f"it compares all pairs: {MOST_FOR_NEIGHBOURS:,} symbols at most",
            "Look at the principal axes",
        )
    vectors = table.vectors.detach().double().numpy()
    reading = _reading(subject, table, [each.name for each in tables], vectors)
    if wish.way == "neighbours":
        for shown in _neighbours(reading, vectors, wish):
            reading = shown or reading
            yield shown
    yield reading
    yield from _judged(reading, vectors)


def _reading(
    subject: Subject, table: Table, names: list[TableName], vectors: Floats
) -> EmbeddingTable:
    axes = principal_axes(vectors)
    return EmbeddingTable(
        table.name, tuple(names), table.symbols, freeze(vectors.astype(np.float32)),
        freeze(_counts(subject.dataset, table)), "pca", freeze(axes.places),
        freeze(axes.shares[:SHARES]), 1.0, np.nan, np.nan, neighbours_meant(len(vectors)),
    )  # fmt: skip


def _counts(dataset: Dataset, table: Table) -> Ints:
    size = len(table.symbols)
    known = dataset.vocabulary is not None and table.symbols == dataset.vocabulary.symbols
    if not known or not len(dataset.train):
        return np.zeros(size, np.int64)
    return np.bincount(dataset.train[:COUNTED], minlength=size).astype(np.int64)


def _neighbours(
    reading: EmbeddingTable, vectors: Floats, wish: EmbeddingOf
) -> Iterator[EmbeddingTable | None]:
    """Yield the map of neighbours on its way; the last one is done."""
    perplexity = wish.perplexity or usual_perplexity(len(vectors))
    reading = replace(reading, way="neighbours", progress=0.0)
    shown_s = rested_s = time.perf_counter()
    for found in neighbour_map(vectors, perplexity, wish.seed):
        done, places = found or (0.0, None)
        if places is not None and (done >= 1.0 or time.perf_counter() - shown_s > SHOWN_EVERY_S):
            yield replace(reading, progress=done, places=freeze(places))
            shown_s = rested_s = time.perf_counter()
        elif time.perf_counter() - rested_s > SLICE_S:
            yield None
            rested_s = time.perf_counter()


def _judged(reading: EmbeddingTable, vectors: Floats) -> Iterator[EmbeddingTable | None]:
    """Yield the reading with the quality of its map."""
    quality = yield from quality_of(vectors, reading.places)
    yield replace(reading, trust=quality.trust, kept=quality.kept)


ANSWERS: dict[type, Answer] = {EmbeddingOf: embedding}
