"""The node: assembly, start and stop of all components."""
