"""The networks of `nmt.model` in NumPy, which return the gates, states and attention weights of a forward pass."""
