"""Training data: readers, filters, tokenizer, word aligner, preparation with its cache, and batching."""
