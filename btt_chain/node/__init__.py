"""The node: everything put together, started and stopped."""
