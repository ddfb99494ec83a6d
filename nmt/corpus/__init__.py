"""Training data: file readers, filters, tokenizer, word aligner, cached preparation, and batching."""
