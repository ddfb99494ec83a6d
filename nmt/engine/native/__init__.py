"""The engine in C++, for networks of LSTMs; it translates several times as fast as ONNX Runtime.

The C++ code is a shared library with a few C functions, which `nmt.engine.native.library` calls through ctypes. That
needs no Python headers to compile, one library serves all versions of Python, and ctypes releases the interpreter lock
during a call. A call advances all sentences by a token, or decodes whole sentences, so its overhead does not matter.
"""
