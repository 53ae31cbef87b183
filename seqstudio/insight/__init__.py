"""What the numbers inside a model say, in plain numpy: for the trainer and for the window.

choosing     from scores to probabilities to a token
features     patterns of texts that a unit may follow
follow       which units follow a pattern, checked on another part of the text
gating       saturation, time constants and decay of gates
projecting   states in a plane that stays put while a model learns
vectors      axes, neighbours, analogies and maps of symbols
symbols      kinds of symbols

Definitions: docs/diagnostics. No Qt, no torch.
"""
