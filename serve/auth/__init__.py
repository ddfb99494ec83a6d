"""API keys, client identity and rate limits."""
