"""AssetRegistry: real-world assets, verified by bonded verifiers, owned in units."""
