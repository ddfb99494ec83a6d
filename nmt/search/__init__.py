"""Decoding: hypotheses and candidates, in NumPy. Knows no network, no text, and no vocabulary."""
