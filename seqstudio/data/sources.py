"""Opening the corpus or task that a project names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import open_text, open_tunes
from seqstudio.data.music import open_music
from seqstudio.data.programs import open_programs
from seqstudio.data.tasks.audio import open_audio
from seqstudio.data.tasks.ball import open_ball
from seqstudio.data.tasks.clips import open_clip_frames, open_clips
from seqstudio.data.tasks.counting import open_anbn, open_anbncn
from seqstudio.data.tasks.digits import open_digit_pixels, open_digit_rows, open_digits
from seqstudio.data.tasks.dna import open_dna, open_islands
from seqstudio.data.tasks.far import open_copy_memory, open_temporal_order
from seqstudio.data.tasks.forecasting import open_series
from seqstudio.data.tasks.heart import open_heart
from seqstudio.data.tasks.masked import open_masked
from seqstudio.data.tasks.memory import open_adding, open_hello, open_order, open_recall
from seqstudio.data.tasks.notes import open_frames
from seqstudio.data.tasks.order_pairs import open_order_pairs
from seqstudio.data.tasks.pairs import open_pairs
from seqstudio.data.tasks.pictures import open_captions, open_pixels, open_rows, open_shapes
from seqstudio.data.tasks.sentences import open_sentences
from seqstudio.data.tasks.series import open_waves
from seqstudio.data.tasks.tagged import open_tagged
from seqstudio.data.tasks.tagging import open_brackets, open_parity, open_tagging
from seqstudio.data.tasks.words import open_copy, open_reverse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from seqstudio.data.dataset import Dataset
    from seqstudio.document.settings import DataSettings

    Opener = Callable[[DataSettings, Path | None], Dataset]


def open_dataset(settings: DataSettings, base: Path | None = None) -> Dataset:
    """Open what `settings` name.

    Args:
        settings: The project's data settings.
        base: The project's folder, which relative paths start from; None before the first save.

    Raises:
        DataError: The file is missing, empty, not a text, too short or holds nothing usable.
    """
    if settings.kind not in KINDS:
        known = ", ".join(KINDS)
        raise DataError(f'There is no kind of data called "{settings.kind}"', "", f"Use {known}")
    if not 0 < settings.held_out <= 0.5:
        raise DataError(
            f"The held-out share cannot be {settings.held_out:g}",
            "it must lie above 0 and at most at 0.5",
            "Use 0.1 for the last tenth",
        )
    return KINDS[settings.kind](settings, base)


KINDS: Mapping[str, Opener] = {
    "text": open_text,
    "abc": open_tunes,
    "abc-tokens": open_music,
    "events": open_music,
    "voices": open_music,
    "programs": open_programs,
    "hello": open_hello,
    "adding": open_adding,
    "recall": open_recall,
    "order": open_order,
    "copy-memory": open_copy_memory,
    "temporal-order": open_temporal_order,
    "parity": open_parity,
    "brackets": open_brackets,
    "anbn": open_anbn,
    "anbncn": open_anbncn,
    "tagging": open_tagging,
    "tagged": open_tagged,
    "masked": open_masked,
    "copy": open_copy,
    "reverse": open_reverse,
    "shapes": open_shapes,
    "rows": open_rows,
    "pixels": open_pixels,
    "captions": open_captions,
    "digits": open_digits,
    "digit-rows": open_digit_rows,
    "digit-pixels": open_digit_pixels,
    "clips": open_clips,
    "clip-frames": open_clip_frames,
    "waves": open_waves,
    "sentences": open_sentences,
    "order-pairs": open_order_pairs,
    "pairs": open_pairs,
    "frames": open_frames,
    "series": open_series,
    "audio": open_audio,
    "ball": open_ball,
    "ecg": open_heart,
    "dna": open_dna,
    "islands": open_islands,
}
