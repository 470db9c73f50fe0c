"""GRANDPA: finality of blocks, and its proofs.

Pure functions and state machines over votes, headers and weights; clocks, keys, stores and the
network are left to the callers. The formats are in `btt_chain.primitives.grandpa`. Source: Stewart
and Kokoris-Kogia, "GRANDPA: a Byzantine Finality Gadget" (arXiv:2007.01560); Substrate's
`finality_grandpa`.
"""
