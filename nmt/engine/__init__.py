"""Engines: networks behind the interface of `nmt.search.protocol`, on ONNX Runtime and on PyTorch."""
