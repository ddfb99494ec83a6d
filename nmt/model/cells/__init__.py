"""Recurrent cells, each defined once for torch and for ONNX graphs."""
