"""Reading, filtering, tokenization, word alignment, preparation and batching of training data."""
