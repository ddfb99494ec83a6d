"""Helpers that know nothing of translation: errors, files, locks, signals, progress."""
