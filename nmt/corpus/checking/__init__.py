"""Checks of parallel text: problems with line numbers, cleaning, and splits without overlap."""
