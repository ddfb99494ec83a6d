"""Model directories, which training writes and translation reads."""
