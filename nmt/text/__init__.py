"""Text processing without a model: normalisation, languages, sentence splitting, chunking and tag projection."""
