"""Providers: the registry of providers and their bonds."""
