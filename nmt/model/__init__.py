"""The neural network: modules on tensors, without files, text or search."""
