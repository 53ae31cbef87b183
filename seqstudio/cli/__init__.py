"""The same product without a window, and the way into it: every command starts here."""
