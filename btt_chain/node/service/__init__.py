"""The service: configuration, start and stop of a whole node, and what it offers to others."""
