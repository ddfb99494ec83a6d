"""Recipes: the typed configuration of a training run, read from YAML."""
