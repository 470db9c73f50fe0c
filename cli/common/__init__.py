"""Shared by commands: connections, options, amounts, and how results and errors are printed."""
