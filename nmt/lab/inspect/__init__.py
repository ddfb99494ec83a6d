"""Inspection of trained models: gates, states, attention, beam search trees, and signals that single units follow."""
