"""render: panels and pages as pictures of the right size that show the run."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PySide6")

from PySide6.QtGui import QImage

from seqstudio.cli.rendering import _size
from seqstudio.cli.usage import UsageError
from seqstudio.studio.render import CANVAS, PANELS


def pixels(path: Path) -> np.ndarray:
    """Return a picture as (height, width, 3) uint8."""
    image = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)
    return rows[:, : image.width(), :3].copy()


@pytest.mark.parametrize("name", [CANVAS, *PANELS])
def test_every_panel_is_drawn_in_the_size_asked_for(
    call, qapp, made: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "p.png"
    told = call("render", made / "small.seq", "--panel", name, "--size", "640x400", "--out", out)
    assert told.code == 0, told.err
    assert told.err == ""
    shown = pixels(out)
    assert shown.shape == (400, 640, 3)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 8


def test_the_theme_is_that_asked_for_and_the_old_one_comes_back(
    call, qapp, made: Path, tmp_path: Path
) -> None:
    from seqstudio.studio.theme import theme, themes

    themes().apply()
    before = theme()
    brightness = {}
    for mode in ("dark", "light"):
        out = tmp_path / f"{mode}.png"
        words = ("render", made / "small.seq", "--panel", "curves", "--theme", mode, "--out", out)
        assert call(*words).code == 0
        brightness[mode] = pixels(out).mean()
    assert brightness["dark"] < 60
    assert brightness["light"] > 200
    assert theme() == before


def test_the_run_that_is_named_is_shown(call, qapp, project: Path, tmp_path: Path) -> None:
    assert call("train", project, "--steps", "6", "--threads", "1", "--run", "other").code == 0
    shown = {}
    for run in ("lstm-1", "other"):
        out = tmp_path / f"{run}.png"
        words = ("render", project, "--panel", "curves", "--run", run, "--out", out)
        assert call(*words).code == 0
        shown[run] = pixels(out)
    newest = tmp_path / "newest.png"
    assert call("render", project, "--panel", "curves", "--out", newest).code == 0
    assert not np.array_equal(shown["lstm-1"], shown["other"])
    assert np.array_equal(shown["other"], pixels(newest))


def test_a_project_without_a_run_shows_the_empty_panel(call, qapp, tmp_path: Path) -> None:
    path, out = tmp_path / "h.seq", tmp_path / "p.png"
    assert call("new", "hello-rnn", path).code == 0
    assert call("render", path, "--panel", "curves", "--out", out).code == 0
    assert out.exists()
    assert not (tmp_path / "h.runs").exists()


@pytest.mark.parametrize("name", ["window", "train"])
def test_the_whole_window_is_drawn(call, qapp, made: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "w.png"
    told = call("render", made / "small.seq", "--panel", name, "--size", "1100x700", "--out", out)
    assert told.code == 0, told.err
    assert pixels(out).shape == (700, 1100, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--panel", "curve"), "There is no panel 'curve'. Choose one of: canvas, curves"),
        (("--panel", "curves", "--run", "gone"), "There is no run 'gone'. Choose one of: lstm-1"),
        (("--panel", "curves", "--size", "9x9"), "The picture cannot have that size"),
        (("--panel", "window", "--size", "300x300"), "The window cannot be that small"),
    ],
)
def test_a_wrong_wish_is_one_line(
    call, qapp, made: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    told = call("render", made / "small.seq", *words, "--out", tmp_path / "p.png")
    assert told.code == 2
    assert said in told.err
    assert told.err.count("\n") == 1
    assert not (tmp_path / "p.png").exists()


def test_inspect_draws_the_panels(call, qapp, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "g.png"
    assert call("inspect", "gradients", made / "small.seq", "--out", out).code == 0
    shown = pixels(out)
    assert shown.shape == (760, 1120, 3)
    # both halves hold a drawing, not one colour
    for half in (shown[:380], shown[380:]):
        assert len(np.unique(half.reshape(-1, 3), axis=0)) > 30


def test_a_picture_says_when_the_data_are_gone(call, qapp, project: Path, tmp_path: Path) -> None:
    (project.parent / "text.txt").unlink()
    told = call("render", project, "--panel", "data", "--out", tmp_path / "p.png")
    assert told.code == 2
    assert "There is no file" in told.err


def test_sizes_as_typed() -> None:
    assert _size(None) is None
    assert _size("1200x800") == (1200, 800)
    with pytest.raises(UsageError):
        _size("1200")
