"""Translation of text with a trained model."""
