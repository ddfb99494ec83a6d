"""The served models: loading, replacing and combining them."""
