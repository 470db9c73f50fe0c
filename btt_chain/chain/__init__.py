"""The chain: blocks in by one way, questions answered, news told."""
