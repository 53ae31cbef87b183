"""Text coloured by a unit, and the units that follow a pattern."""
