"""The queue of sentences and the order in which they are decoded."""
