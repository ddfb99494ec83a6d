"""The `nmt` command."""
