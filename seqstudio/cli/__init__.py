"""The same product without a window, and the way into it: every command starts here."""

from seqstudio.cli.entry import main

__all__ = ["main"]
