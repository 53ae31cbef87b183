"""Vectors of symbols, asked for: a table, its map in two dimensions, how good the map is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqstudio.records.readings import Floats, Ints


@dataclass(frozen=True)
class EmbeddingOf:
    """Ask for the vectors of symbols and their map.

    Attributes:
        table: Key of the table, "" for the first: what the model reads.
        way: "pca" for the axes of most variance, "neighbours" for t-SNE.
        seed: Of the noise that parts equal vectors in t-SNE.
        perplexity: Of t-SNE; 0 takes what suits the number of symbols.
    """

    table: str = ""
    way: str = "pca"
    seed: int = 0
    perplexity: float = 0.0


@dataclass(frozen=True)
class TableName:
    """A table of vectors that a model has.

    Attributes:
        key: What `EmbeddingOf.table` calls it.
        title: What a person calls it.
        of: What its rows stand for: "symbols", "classes", "notes" or "places".
        width: Numbers of a vector, C.
    """

    key: str
    title: str
    of: str
    width: int


@dataclass(frozen=True)
class EmbeddingTable:
    """Vectors of V symbols.

    Attributes:
        table: Which ones.
        tables: All tables of the model.
        symbols: (V,) what the rows stand for.
        vectors: (V, C) float32.
        counts: (V,) how often each stands in the training text (its first five million symbols);
            zeros where that is not known.
        way: How they were laid out.
        places: (V, 2) in the unit of the vectors (PCA) or of t-SNE.
        shares: Share of the variance on the first axes, at most ten.
        progress: 1 when the map is done, less while a better one follows.
        trust: Trustworthiness of the map; NaN while it is not known.
        kept: Share of nearest neighbours that the map keeps; NaN while it is not known.
        neighbours: How many neighbours these two are about.
    """

    table: TableName
    tables: tuple[TableName, ...]
    symbols: tuple[str, ...]
    vectors: NDArray[np.float32]
    counts: Ints
    way: str
    places: Floats
    shares: Floats
    progress: float
    trust: float
    kept: float
    neighbours: int
