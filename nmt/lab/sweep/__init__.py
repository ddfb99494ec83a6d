"""Experiments: the same recipe trained in many settings, each with several seeds, and a table of what came of them."""
