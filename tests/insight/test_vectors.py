"""Axes, neighbours, analogies and maps of vectors against closed forms and made examples."""

from __future__ import annotations

import numpy as np
import pytest

from seqstudio.insight.vectors import (
    Quality,
    analogy,
    laid_over,
    nearest,
    neighbour_map,
    principal_axes,
    quality_of,
    similarities,
    squared_distances,
)


def vectors(rows: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width))


def clusters(groups: int, each: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Groups whose middles are all equally far apart, in more dimensions than two."""
    rng = np.random.default_rng(4)
    label = np.repeat(np.arange(groups), each)
    return 4.0 * np.eye(groups, width)[label] + 0.5 * rng.normal(size=(len(label), width)), label


def judged(x: np.ndarray, places: np.ndarray) -> Quality:
    work = quality_of(x, places)
    while True:
        try:
            next(work)
        except StopIteration as over:
            return over.value


def laid_out(x: np.ndarray, perplexity: float, seed: int = 0) -> np.ndarray:
    *_, (done, places) = (found for found in neighbour_map(x, perplexity, seed) if found)
    assert done == 1.0
    return places


@pytest.mark.parametrize("shape", [(40, 12), (9, 30)])
def test_principal_axes_equal_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    x = vectors(*shape)
    axes = principal_axes(x)
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(axes.places), np.abs(u[:, :2] * s[:2]), atol=1e-12)
    np.testing.assert_allclose(axes.shares, s**2 / (s**2).sum(), atol=1e-14)
    assert (axes.places.max(0) >= -axes.places.min(0)).all(), "the larger side is the positive one"


def test_equal_vectors_lie_at_one_place() -> None:
    axes = principal_axes(np.ones((5, 3)))
    np.testing.assert_array_equal(axes.places, 0.0)
    assert np.isfinite(axes.shares).all()


def test_neighbours_are_those_of_a_plain_loop() -> None:
    x = vectors(30, 7)
    want = sorted(
        (-float(x[4] @ x[i] / np.linalg.norm(x[4]) / np.linalg.norm(x[i])), i)
        for i in range(30)
        if i != 4
    )
    found = nearest(x, x[4], (4,), 6)
    assert [i for i, _ in found] == [i for _, i in want[:6]]
    np.testing.assert_allclose([c for _, c in found], [-c for c, _ in want[:6]], atol=1e-14)


def test_a_vector_of_zeros_is_nobodys_neighbour() -> None:
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.9, 0.1]])
    assert nearest(x, x[1], (1,), 2) == [(2, pytest.approx(0.9938837)), (0, 0.0)]


def test_analogy_follows_a_made_offset() -> None:
    royal, male, rest = np.eye(6)[:3]
    words = np.array([male, -male, royal + male, royal - male, rest, -rest, -royal])
    best = analogy(words, 0, 2, 1)  # man : king = woman : ?
    assert best[0][0] == 3
    assert {0, 1, 2}.isdisjoint(i for i, _ in best)


def test_procrustes_keeps_distances_and_undoes_a_turn() -> None:
    fixed = vectors(12, 2)
    angle = 1.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moving = fixed @ turn @ np.diag([1.0, -1.0]) + [3.0, -2.0]
    np.testing.assert_allclose(laid_over(moving, fixed), fixed, atol=1e-12)
    other = vectors(12, 2, seed=1)
    np.testing.assert_allclose(
        squared_distances(laid_over(other, fixed), laid_over(other, fixed)),
        squared_distances(other, other),
        atol=1e-10,
    )


def test_similarities_have_the_perplexity_that_was_asked() -> None:
    x = vectors(50, 5)
    p = similarities(x, slice(0, 50), 8.0)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(1)
    np.testing.assert_allclose(np.exp(entropy), 8.0, rtol=1e-6)
    np.testing.assert_allclose(p.sum(1), 1.0, atol=1e-12)
    assert (np.diag(p) == 0).all()


def test_map_of_neighbours_separates_groups_that_two_axes_cannot() -> None:
    x, label = clusters(6, 14, 10)
    places, axes = laid_out(x, 10.0), principal_axes(x).places
    ours, theirs = judged(x, places), judged(x, axes)
    assert ours.kept > theirs.kept + 0.15
    assert ours.trust > max(0.97, theirs.trust)
    distance = squared_distances(places, places)
    same = label[:, None] == label
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(1)] == label).all()
    assert distance[same & np.isfinite(distance)].max() < np.median(distance[~same])


def test_the_same_seed_gives_the_same_map() -> None:
    x, _ = clusters(3, 6, 5)
    np.testing.assert_array_equal(laid_out(x, 5.0, 3), laid_out(x, 5.0, 3))


def test_equal_vectors_do_not_break_the_map() -> None:
    x = np.vstack([np.zeros((4, 3)), np.ones((4, 3))])
    assert np.isfinite(laid_out(x, 2.0)).all()


def test_quality_is_perfect_for_an_equal_layout_and_falls_for_a_shuffled_one() -> None:
    x = vectors(40, 2)
    assert judged(x, x) == Quality(1.0, 1.0, 10)
    worse = judged(x, x[np.random.default_rng(1).permutation(40)])
    assert worse.kept < 0.5
    assert worse.trust < 0.7


def test_trustworthiness_of_one_false_neighbour_by_hand() -> None:
    x = np.arange(5.0)[:, None]
    places = np.array([[0.0, 0], [1.1, 0], [2.3, 0], [3.6, 0], [-0.5, 0]])  # 4 moved beside 0
    found = judged(x, places)
    assert found.count == 2
    # Near in the map: 0: {4, 1}, 1: {0, 2}, 2: {1, 3}, 3: {2, 1}, 4: {0, 1}; ranks by the line:
    # 0: 4 is 4th; 1, 2: true; 3: 1 is 3rd; 4: 0 is 4th and 1 is 3rd.
    penalty = (4 - 2) + (3 - 2) + (4 - 2) + (3 - 2)
    assert found.trust == pytest.approx(1 - 2 * penalty / (5 * 2 * (2 * 5 - 3 * 2 - 1)))
    assert found.kept == pytest.approx(6 / 10)
