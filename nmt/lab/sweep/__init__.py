"""Sweeps (ablation studies), which train a recipe in many settings, with several seeds each, and compare results."""
