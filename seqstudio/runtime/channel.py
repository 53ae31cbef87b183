"""The trainer's end of the line: commands in, events out, over a pipe or inside one process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from seqstudio.records.messages import Command, Envelope
from seqstudio.runtime.codec import CodecError, pack, unpack

POLL_S = 0.5


class ChannelClosedError(Exception):
    """Nobody is at the other end any more: save and end."""


class Channel:
    """Commands wait here until the trainer looks; events go straight out.

    `put` and `close` may be called from any thread and from a signal handler.

    Attributes:
        at_once: Called with every command when it comes in, in the thread that brings it: for
            what must reach a step that takes long.
    """

    def __init__(self, send: Callable[[Envelope], None]) -> None:
        # SimpleQueue is the one whose put may interrupt a get: needed by the signal handler.
        self._inbox: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._send = send
        self._closed = False
        self.at_once: Callable[[Command], None] = lambda _: None

    def emit(self, envelope: Envelope) -> None:
        """Send an event. A line that is gone closes the channel: the step is finished first."""
        try:
            self._send(envelope)
        except OSError:
            self.close()

    def receive(self, *, block: bool) -> Command | None:
        """Return the next command; None when there is none and `block` is False.

        Raises:
            ChannelClosedError: There will be no more.
        """
        while not self._closed:
            try:
                command = self._inbox.get(block, POLL_S)
            except queue.Empty:
                if not block:
                    return None
                # A program that ended without closing its runner must not hang in this thread.
                self._closed = not threading.main_thread().is_alive()
                continue
            if command is not None:
                return command
            self._closed = True
        raise ChannelClosedError

    def put(self, command: Command) -> None:
        """Hand in a command."""
        self.at_once(command)
        self._inbox.put(command)

    def close(self) -> None:
        """Say that there will be no more commands after those that wait."""
        self._inbox.put(None)


def pipe_channel(connection: Connection) -> Channel:
    """Return the channel of a trainer process.

    A thread empties the pipe at all times, so that the two ends cannot block each other by
    sending large messages at the same time.
    """

    def send(envelope: Envelope) -> None:
        connection.send_bytes(pack(envelope))

    def read() -> None:
        try:
            while True:
                channel.put(unpack(connection.recv_bytes()))
        except (OSError, EOFError, CodecError):
            channel.close()

    channel = Channel(send)
    threading.Thread(target=read, name="seqstudio-commands", daemon=True).start()
    return channel
