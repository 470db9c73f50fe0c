"""Development controls: time, state, head and signatures of a chain that is sealed by hand."""
