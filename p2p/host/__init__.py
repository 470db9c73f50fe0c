"""libp2p, contained. Import this package only when networking starts: it takes a second."""
