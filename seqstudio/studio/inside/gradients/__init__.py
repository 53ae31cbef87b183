"""How far the gradient reaches: spectrum, map of losses by states, history."""
