"""The queue that decides which sentences are translated next."""
