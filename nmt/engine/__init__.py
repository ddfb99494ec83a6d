"""What search drives: networks behind the protocol of `nmt.search.protocol`."""
