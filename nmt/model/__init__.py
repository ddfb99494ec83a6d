"""The network. Knows tensors only: no files, no text, no search."""
