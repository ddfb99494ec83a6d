"""Beam search, sampling and forced scoring in NumPy, independent of networks, text and vocabulary."""
