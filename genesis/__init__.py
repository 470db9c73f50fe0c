"""Block zero: allocation presets, chain specifications and the state they build."""
