"""Inspection of trained models: gates, states, attention, the beam search tree, and what single units have learned."""
