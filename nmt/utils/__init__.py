"""Helpers without knowledge of translation: errors, files, locks, signals, progress, array types."""
