"""Proxy: an account lets others act for it, within limits."""
