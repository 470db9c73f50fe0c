"""Peer-to-peer network: identity, discovery, gossip and requests."""
