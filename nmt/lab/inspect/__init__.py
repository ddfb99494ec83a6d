"""A look inside: gates, states, attention and search of a translation, and what single units have learned."""
