"""Recurrent cells of the literature, each defined once for PyTorch and for ONNX graphs."""
