"""Oracle: prices by bonded feeders."""
