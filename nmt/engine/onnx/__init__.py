"""Inference on ONNX Runtime, with graphs that are built node by node instead of traced.

Tracing the torch network would not do: the step graph gathers states by parent row, keeps the memory of a sentence once
for all its hypotheses, and quantises each row by itself.
"""
