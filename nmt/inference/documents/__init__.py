"""Documents: texts of many sentences, plain or HTML."""
