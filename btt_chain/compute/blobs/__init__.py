"""Blobs of useful work: stored, sealed, served and fetched."""
