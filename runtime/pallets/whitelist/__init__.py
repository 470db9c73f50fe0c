"""Whitelist: approved calls that a faster track may make as root."""
