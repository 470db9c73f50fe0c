"""One bounded HTTP server for all programs that answer callers from outside."""
