"""Translation of documents with many sentences, as plain text or HTML."""
