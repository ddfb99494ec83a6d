"""Translation memory: earlier translations that are reused or offered."""
