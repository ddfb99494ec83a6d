"""Training, which turns a recipe into a model directory."""
