"""The engine: a node without clock, sockets and threads; its parts, and the driver that runs it."""
