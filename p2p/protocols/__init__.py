"""Messages between nodes, their encoding, and how requests are answered."""
