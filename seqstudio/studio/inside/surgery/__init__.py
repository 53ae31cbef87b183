"""Units held at a value, and what it costs."""
