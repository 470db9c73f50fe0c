"""Exchange: trade of asset units in auctions, at most one per asset and block."""
