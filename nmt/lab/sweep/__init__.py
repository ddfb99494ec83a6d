"""Sweeps (ablation studies): train a recipe in many settings, with several seeds each, and compare the results."""
