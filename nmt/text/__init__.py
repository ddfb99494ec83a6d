"""Text processing that needs no translation model, from normalisation and sentence splitting to tag projection."""
