"""The map of symbols, their neighbours, analogies."""
