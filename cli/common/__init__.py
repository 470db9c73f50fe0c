"""Shared by commands: connections, options, amounts, and output of results and errors."""
