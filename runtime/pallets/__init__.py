"""What the chain can do, one concern each."""
