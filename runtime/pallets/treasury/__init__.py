"""Treasury: the chain's common funds, and their spending."""
