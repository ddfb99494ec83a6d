"""Evaluation of translations: scores with confidence intervals, significance tests, calibration and reports."""
