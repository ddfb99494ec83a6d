"""The ``nmt`` command: each function parses its arguments, calls one function and prints the result."""
