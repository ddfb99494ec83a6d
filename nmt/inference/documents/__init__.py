"""Translation of documents: texts of many sentences, plain or HTML."""
