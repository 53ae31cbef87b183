"""Principal axes and their alignment against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from seqstudio.insight.projecting import aligned, principal_axes, token_class


def cloud(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, 5)) @ np.diag([5.0, 3.0, 1.0, 0.5, 0.1]) + rng.normal(size=5)


def test_axes_are_those_of_the_singular_value_decomposition() -> None:
    points = cloud()
    axes = principal_axes(points)
    _, sizes, right = np.linalg.svd(points - points.mean(0))
    share = sizes**2 / (sizes**2).sum()
    np.testing.assert_allclose(np.abs(axes.axes @ right[:2].T), np.eye(2), atol=1e-10)
    np.testing.assert_allclose(axes.share, share[:2])
    np.testing.assert_allclose(axes.share_of(points), share[:2])
    np.testing.assert_allclose(axes.place(points).mean(0), 0.0, atol=1e-12)


def test_points_of_one_number_and_points_that_do_not_differ_have_a_picture() -> None:
    axes = principal_axes(np.arange(5.0)[:, None])
    np.testing.assert_allclose(axes.place(np.arange(5.0)[:, None])[:, 0], np.arange(-2.0, 3.0))
    still = principal_axes(np.ones((4, 3)))
    np.testing.assert_array_equal(still.share, 0.0)
    np.testing.assert_array_equal(still.place(np.ones((4, 3))), 0.0)


@pytest.mark.parametrize("angle", [0.3, 2.0, 3.1])
@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_a_turned_and_mirrored_picture_is_turned_back(angle: float, mirror: float) -> None:
    points = cloud()
    axes = principal_axes(points)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    before = axes.place(points) @ turn @ np.diag([1.0, mirror])
    back = aligned(axes, points, before)
    np.testing.assert_allclose(back.place(points), before, atol=1e-9)
    np.testing.assert_allclose(back.axes @ back.axes.T, np.eye(2), atol=1e-12)
    assert back.share.sum() == pytest.approx(axes.share.sum())


def test_aligned_axes_come_no_farther_than_any_turn() -> None:
    points, before = cloud(), principal_axes(cloud(1)).place(cloud(1))
    axes = principal_axes(points)
    best = np.linalg.norm(aligned(axes, points, before).place(points) - before)
    placed = axes.place(points)
    for angle in np.linspace(0, 2 * np.pi, 73):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        for mirror in (1.0, -1.0):
            other = placed @ turn @ np.diag([1.0, mirror])
            assert best <= np.linalg.norm(other - before) + 1e-9


def test_tokens_have_kinds() -> None:
    tokens = ["a", "É", "b", "7", "12", " ", "\n", "{", "word"]
    kinds = [
        "vowel",
        "vowel",
        "consonant",
        "digit",
        "digit",
        "blank",
        "line break",
        "sign",
        "word",
    ]
    assert [token_class(token) for token in tokens] == kinds
