"""The catalogue: one declaration a block, shape rules, templates. No Qt, no torch."""
