"""The libp2p host. Import this package only when networking starts: the import takes a second."""
