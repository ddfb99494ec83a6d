"""Experiments and demonstrations: inspection of trained models, sweeps, vanishing gradients and text generation."""
