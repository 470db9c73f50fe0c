"""Utility: batches of calls, and calls for other accounts."""
