"""Where in a song each frame lies that goes to the output: through loops, tempos and waiting."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seqstudio.audio.arrangement import Song

#: An unfinished song begins, and goes on after waiting, with so much of it written.
ENOUGH_S = 0.5
_SHORTEST_LOOP_S = 0.01
#: Notes so far ahead must be ready before the first one is played.
_READY_S = 0.5


@dataclass(frozen=True, slots=True)
class Span:
    """Frames of output that are one stretch of a song.

    Attributes:
        offset: Frame in the block at which it begins.
        frames: Its length.
        at: Frame in the song at its beginning.
        moving: Whether the song goes on in it; if not, it stays at `at`.
        first: Index of the first note that begins in it.
        last: Index behind the last one.
        stop: Frame in the song at which held notes end even if they are longer: the end of a loop.
    """

    offset: int
    frames: int
    at: int
    moving: bool
    first: int = 0
    last: int = 0
    stop: int | None = None


class Timeline:
    """The place in a song that is to be made next.

    Attributes:
        song: What is played.
        at: Frame in the song that comes next.
        starved: Whether it waits for more of an unfinished song.
        ended: Whether the end of the song has been taken.

    Args:
        song: What is played.
        ready: Tells whether a note of a song can be played; the place waits for it.
    """

    def __init__(self, song: Song, ready: Callable[[Song, int], bool]) -> None:
        self.song = song
        self.at = 0
        self.starved = False
        self.ended = False
        self._ready = ready
        self._next = 0
        self._loop: tuple[float, float] | None = None

    @property
    def loop(self) -> tuple[float, float] | None:
        """Range in beats that repeats, None for none. See `set_loop`."""
        return self._loop

    def set_loop(self, loop: tuple[float, float] | None, heard: int) -> None:
        """Repeat a range in beats; one shorter than 10 ms counts as none.

        Args:
            loop: (first, end) in any order, or None.
            heard: Frame in the song that is heard now. A place behind the end plays on; but
                where only what has been made ahead is behind it, the loop is entered.
        """
        self._loop = None if loop is None else (min(loop), max(loop))
        bounds = self._bounds()
        if bounds is None:
            self._loop = None
        elif bounds[0] <= heard < bounds[1] <= self.at:
            self._jump(bounds[0] + (self.at - bounds[1]) % (bounds[1] - bounds[0]))

    def seek(self, at: int) -> None:
        """Go to a frame of the song; places outside are brought inside."""
        self.ended = self.starved = False
        self._jump(min(max(0, at), self.song.end))
        self.starved = not self._enough()

    def take_song(self, song: Song) -> None:
        """Go on in another song at the same beat; what has begun is not begun again."""
        before, passed = self.song, self._next
        last = before.notes[passed - 1].start if passed else None
        if not song.same_times(before):
            self.at = song.frame(before.beats(self.at))
        self.song = song
        if self.at < song.end or not song.arrangement.complete:
            self.ended = False
        self.at = min(self.at, song.end) if song.arrangement.complete else self.at
        self._next = bisect_left(song.onset, self.at - 2)
        if last is not None:
            while self._next < len(song.notes) and song.notes[self._next].start <= last:
                self._next += 1
        if self.starved and self._enough():
            self.starved = False

    def take(self, frames: int) -> Iterator[Span]:
        """Yield what the next `frames` frames of output are, and go on behind them."""
        offset = 0
        while offset < frames:
            span = self._stretch(offset, frames - offset)
            yield span
            offset += span.frames

    def _stretch(self, offset: int, frames: int) -> Span:
        bounds = self._bounds()
        looping = bounds is not None and self.at <= bounds[1]
        if bounds is not None and self.at == bounds[1]:
            self._jump(bounds[0])
        song = self.song
        stop = bounds[1] if bounds is not None and looping else song.end
        limit = min(stop, song.limit)
        if self.starved and not self._enough():
            return Span(offset, frames, self.at, moving=False)
        self.starved = False
        if self.at >= limit:
            self.starved = not song.arrangement.complete
            self.ended = not self.starved
            return Span(offset, frames, self.at, moving=False)
        first, at = self._next, self.at
        until = self._until(min(at + frames, limit))
        if until <= at:
            return Span(offset, frames, at, moving=False)
        self.at = until
        self._next = bisect_left(song.onset, until, lo=first)
        return Span(offset, until - at, at, True, first, self._next, stop)

    def _until(self, end: int) -> int:
        """Return `end`, or the onset before it of a note that is not ready."""
        song = self.song
        for index in range(self._next, bisect_left(song.onset, end, lo=self._next)):
            if not self._ready(song, index):
                return int(song.onset[index])
        return end

    @property
    def can_begin(self) -> bool:
        """Whether there is music to begin with."""
        end = self.at + round(_READY_S * self.song.rate)
        return self._enough() and self._until(end) == end

    def _enough(self) -> bool:
        song = self.song
        wanted = self.at + ENOUGH_S * song.rate
        return song.arrangement.complete or song.limit >= wanted

    def _bounds(self) -> tuple[int, int] | None:
        """Return the loop in frames, None without one or while its end is not written."""
        if self._loop is None:
            return None
        song = self.song
        first, end = (song.frame(max(0.0, beats)) for beats in self._loop)
        if not song.arrangement.complete and end > song.limit:
            return None
        first, end = min(first, song.end), min(end, song.end)
        return (first, end) if end - first >= _SHORTEST_LOOP_S * song.rate else None

    def _jump(self, at: int) -> None:
        self.at = at
        self._next = bisect_left(self.song.onset, at)


class PlaceLog:
    """Which place in which song each frame of output is, for as long as it has not been heard."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, Song, int, bool]] = deque()

    def __bool__(self) -> bool:
        """Whether anything is noted."""
        return bool(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def add(self, frame: int, song: Song, at: int, *, moving: bool) -> None:
        """Note that output frame `frame` and those behind it go on from frame `at` of a song."""
        if self._entries:
            began, before, place, moved = self._entries[-1]
            if before is song and moved == moving and place + (frame - began) * moving == at:
                return
        self._entries.append((frame, song, at, moving))

    def at(self, frame: int) -> tuple[Song, int] | None:
        """Return the song and the frame in it that output frame `frame` is; forget earlier ones.

        None before anything has been noted.
        """
        entries = self._entries
        while len(entries) > 1 and entries[1][0] <= frame:
            entries.popleft()
        if not entries:
            return None
        began, song, at, moving = entries[0]
        return song, at + max(0, frame - began) * moving
