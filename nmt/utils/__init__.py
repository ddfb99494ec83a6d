"""Helpers that are independent of translation: errors, files, locks, signals, progress, array types."""
