"""A provider: its decisions, its records, and the program that runs it."""
