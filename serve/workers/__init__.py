"""Worker threads of the server, and the worker processes that decode for them."""
