"""WAV files: 16 bit, stereo."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def wav_bytes(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return a 16 bit stereo WAV file.

    Args:
        samples: (n, 2) with left and right, or (n,) for both alike; -1 to 1, clipped outside.
        rate: Frames a second.

    Raises:
        ValueError: `samples` has another shape.
    """
    stereo = np.repeat(samples[:, None], 2, axis=1) if samples.ndim == 1 else samples
    if stereo.ndim != 2 or stereo.shape[1] != 2:
        msg = f"samples must be (n, 2) or (n,), not {samples.shape}"
        raise ValueError(msg)
    whole = np.rint(np.clip(np.nan_to_num(stereo), -1, 1) * 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.tobytes())
    return buffer.getvalue()
