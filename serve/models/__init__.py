"""The served models: registry, discovery and pivoting."""
