"""BABE: claims of slots, and their verification.

Pure functions of headers, epochs and keys; clocks, stores and the network are left to the callers.
Source: Substrate's BABE (w3f/polkadot-spec, "Block Production").
"""
