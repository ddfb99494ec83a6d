"""Recurrent cells from the literature, each defined once for PyTorch and for ONNX graphs."""
