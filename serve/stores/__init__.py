"""Stores of glossaries and of translated files."""
