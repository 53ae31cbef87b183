"""Side by side with plain PyTorch, in one run on one machine: every speed is a ratio."""
