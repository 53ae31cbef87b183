"""What lies before and behind a block, against paths counted by a power of the matrix of wires."""

from __future__ import annotations

import numpy as np
import pytest

from seqstudio.document.graph import Block, Graph, Wire


def random_graph(seed: int) -> tuple[Graph, np.ndarray]:
    chance = np.random.default_rng(seed)
    size = int(chance.integers(2, 9))
    linked = chance.random((size, size)) < 0.25  # loops too: a drawing may have them
    blocks = {f"b{i}": Block(f"b{i}", "linear") for i in range(size)}
    wires = [Wire(f"b{i}", "out", f"b{j}", f"in{i}") for i, j in np.argwhere(linked)]
    return Graph(blocks, tuple(wires)), linked


@pytest.mark.parametrize("seed", range(20))
def test_downstream_upstream_and_reaches_agree_with_paths(seed: int) -> None:
    graph, linked = random_graph(seed)
    size = len(linked)
    reach = np.linalg.matrix_power(linked + np.eye(size, dtype=np.int64), size) > 0
    for i in range(size):
        assert graph.downstream({f"b{i}"}) == {f"b{j}" for j in range(size) if reach[i, j]}
        assert graph.upstream({f"b{i}"}) == {f"b{j}" for j in range(size) if reach[j, i]}
        assert all(graph.reaches(f"b{i}", f"b{j}") == reach[i, j] for j in range(size))
