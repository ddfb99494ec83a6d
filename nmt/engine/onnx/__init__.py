"""The network as ONNX graphs, written by hand instead of traced.

The step must gather states by parent, keep each sentence's memory once for all its hypotheses, and quantise each row by
itself, none of which the network in torch does.
"""
