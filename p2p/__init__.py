"""Other nodes: identity, discovery, gossip and requests."""
