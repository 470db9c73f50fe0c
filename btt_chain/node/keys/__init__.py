"""Keys of a node: its identity on the network, its session keys, and the records of signatures."""
