"""A verifier: its decisions, and the check of a provider's work."""
