"""Pictures, clips and captions that are tried: every part is what the model says of it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.tasks.base import BEGIN, END
from seqstudio.document.project import Project
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.inside.trying.caption import caption_gallery, tell_picture
from seqstudio.engine.inside.trying.picture import read_picture, watch_clip
from seqstudio.records.inside.trying.caption import (
    CaptionGallery,
    CaptionGalleryOf,
    PictureTold,
    TellPicture,
)
from seqstudio.records.inside.trying.picture import (
    ClipWatched,
    PictureRead,
    ReadPicture,
    WatchClip,
    packed,
    unpacked,
)
from seqstudio.runtime.codec import pack, unpack
from tests.engine.inside.looking import last, small
from tests.engine.inside.looking import subject as subject_of

CHANCE = np.random.default_rng(0)
DIGIT = np.rint(CHANCE.random((1, 8, 8)) * 255) / 255
SCENE = np.rint(CHANCE.random((1, 24, 24)) * 255) / 255


def subject(template: str) -> Subject:
    project: Project = small(template)
    return subject_of(project, "")


def said(model: torch.nn.Module, rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    with torch.no_grad():
        outputs, _ = model(Inputs(torch.from_numpy(rows).double()))
    return np.asarray(outputs.softmax(-1).numpy())


def test_pictures_cross_as_text_and_come_back() -> None:
    np.testing.assert_allclose(unpacked(packed(DIGIT), (1, 8, 8)), DIGIT, atol=1e-6)
    asked = ReadPicture(packed(DIGIT), (1, 8, 8))
    assert unpack(pack(asked)) == asked
    for wrong in ("~~~ no", packed(DIGIT)[:-5]):
        with pytest.raises(ValueError, match="picture"):
            unpacked(wrong, (1, 8, 8))


def test_rows_are_read_one_after_another_and_hidden_squares_are_paper() -> None:
    asked = subject("digits-rows-lstm")
    found = last(read_picture(asked, ReadPicture(packed(DIGIT), (1, 8, 8))))
    assert isinstance(found, PictureRead)
    assert (found.part, found.steps.tolist()) == ("row", list(range(1, 9)))
    rows = DIGIT.astype(np.float32)
    for count in (1, 5, 8):
        alone = said(asked.model, rows[:, :count])
        np.testing.assert_allclose(found.p[count - 1], alone[0], atol=1e-6)
    hidden = rows.copy()
    hidden[0, 2, 3] = 0
    verdict = int(found.p[-1].argmax())
    lost = found.p[-1, verdict] - said(asked.model, hidden)[0, verdict]
    assert found.fall[2, 3] == pytest.approx(lost, abs=1e-6)


def test_patches_are_those_of_the_model_and_the_last_beginning_is_the_picture() -> None:
    asked = subject("digits-vit")
    found = last(read_picture(asked, ReadPicture(packed(DIGIT), (1, 8, 8))))
    assert isinstance(found, PictureRead)
    assert (found.part, len(found.steps), found.fall.shape) == ("patch", 16, (4, 4))
    whole = said(asked.model, DIGIT[None].astype(np.float32))
    np.testing.assert_allclose(found.p[-1], whole[0], atol=1e-6)


def test_pictures_of_another_size_and_other_models_are_refused() -> None:
    asked = subject("digits-rows-lstm")
    with pytest.raises(DataError, match="another size"):
        last(read_picture(asked, ReadPicture(packed(SCENE), (1, 24, 24))))
    with pytest.raises(DataError, match="cannot be read"):
        last(read_picture(asked, ReadPicture("", (1, 8, 8))))
    with pytest.raises(RunError, match="does not watch clips"):
        last(watch_clip(asked, WatchClip("", 4, 8)))
    with pytest.raises(RunError, match="writes nothing"):
        last(tell_picture(asked, TellPicture("", (1, 8, 8))))


@pytest.mark.parametrize(("template", "frames"), [("action-lstm", 16), ("frames-class-gru", 24)])
def test_clips_are_watched_frame_by_frame(template: str, frames: int) -> None:
    asked = subject(template)
    clip = np.rint(CHANCE.random((frames, 12, 12)) * 255) / 255
    found = last(watch_clip(asked, WatchClip(packed(clip), frames, 12)))
    assert isinstance(found, ClipWatched)
    assert found.every == (template == "frames-class-gru")
    part = said(asked.model, clip[:5].reshape(1, 5, -1).astype(np.float32))
    wanted = part[0, -1] if found.every else part[0]
    np.testing.assert_allclose(found.p[4], wanted, atol=1e-6)


@pytest.mark.parametrize("template", ["caption-lstm", "caption-attention", "caption-hard"])
def test_sentences_have_the_probabilities_of_the_model(template: str) -> None:
    asked = subject(template)
    found = last(tell_picture(asked, TellPicture(packed(SCENE), (1, 24, 24), beams=2)))
    assert isinstance(found, PictureTold)
    symbols = found.tree.symbols
    ids = [BEGIN, *(symbols.index(word) for word in found.words[:-1])]
    read = Inputs(torch.tensor([ids]), torch.from_numpy(SCENE[None]).double())
    with torch.no_grad():
        p = asked.model(read)[0].softmax(-1)[0]
    own = [float(p[t, symbols.index(word)]) for t, word in enumerate(found.words)]
    np.testing.assert_allclose(found.p, own, atol=1e-5)
    assert len(found.looks) == (template != "caption-lstm")
    for look in found.looks:
        assert look.weights.shape == (len(found.words), 36)
        np.testing.assert_allclose(look.weights.sum(1), 1, atol=1e-5)
        assert look.hard == (template == "caption-hard")
        if look.hard:
            assert set(np.unique(look.weights)) == {0.0, 1.0}


def test_the_gallery_is_sorted_by_loss_and_measures_all() -> None:
    asked = subject("caption-attention")
    found = last(caption_gallery(asked, CaptionGalleryOf(most=32, shown=4)))
    assert isinstance(found, CaptionGallery)
    assert (found.count, len(found.losses), found.done) == (32, 8, True)
    assert (np.diff(found.losses) >= 0).all()
    assert 0 <= found.overlap <= 1
    assert 0 < found.by_chance < 0.3
    assert found.nouns >= 32
    assert all(END not in map(ord, told) for told in found.told)
    assert unpack(pack(replace(found, told=()))).count == 32
