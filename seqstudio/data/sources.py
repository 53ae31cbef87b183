"""Opening the corpus or task that a project names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import open_text, open_tunes
from seqstudio.data.tasks import masked, memory, notes, pictures, series, tagging, words

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
    "hello": memory.open_hello,
    "adding": memory.open_adding,
    "recall": memory.open_recall,
    "order": memory.open_order,
    "parity": tagging.open_parity,
    "brackets": tagging.open_brackets,
    "tagging": tagging.open_tagging,
    "masked": masked.open_masked,
    "copy": words.open_copy,
    "reverse": words.open_reverse,
    "shapes": pictures.open_shapes,
    "rows": pictures.open_rows,
    "pixels": pictures.open_pixels,
    "captions": pictures.open_captions,
    "waves": series.open_waves,
    "frames": notes.open_frames,
}
