"""Referenda: votes on calls, which are enacted when approved."""
