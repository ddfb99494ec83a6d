"""The bilingual English→French grammar behind the demonstration corpus."""
