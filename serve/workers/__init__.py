"""Decoding workers and their clients."""
