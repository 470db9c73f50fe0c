"""Shared types: accounts, headers, blocks, extrinsics, eras, proportions; each in its module."""
