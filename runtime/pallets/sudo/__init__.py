"""Sudo: one key with root rights on development networks."""
