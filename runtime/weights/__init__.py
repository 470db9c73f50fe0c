"""Weights of calls, in picoseconds: generated modules, one for each pallet.

`make weights` writes them from the benchmarks in `bench/weights`; `docs/pallets.md` explains how.
"""
