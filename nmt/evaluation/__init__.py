"""How good the translations are."""
