"""Mining: the emission for verified work."""
