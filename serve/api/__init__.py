"""The HTTP routes, which parse requests, call the translation service and return responses."""
