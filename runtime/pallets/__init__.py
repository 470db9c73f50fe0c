"""The pallets of the runtime, one concern each."""
