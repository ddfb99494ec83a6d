"""Strings around search: what happens to text before it is encoded and after it is decoded."""
