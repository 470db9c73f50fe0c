"""GRANDPA: which blocks are final, and how that is proven.

Pure functions and state machines over votes, headers and weights; clocks, keys, stores and wires
are their callers' business. The formats lie in `btt_chain.primitives.grandpa`.
Source: Stewart and Kokoris-Kogia, "GRANDPA: a Byzantine Finality Gadget" (arXiv:2007.01560);
Substrate's `finality_grandpa`.
"""
