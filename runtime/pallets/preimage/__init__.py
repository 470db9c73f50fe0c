"""Preimage: the bytes behind a hash, stored until they are needed."""
