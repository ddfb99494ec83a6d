"""From a recipe to a model directory."""
