"""BABE: who may make the block of a slot, and how everybody else can tell.

Pure functions of headers, epochs and keys; clocks, stores and wires are their callers' business.
Source: Substrate's BABE (w3f/polkadot-spec, "Block Production").
"""
