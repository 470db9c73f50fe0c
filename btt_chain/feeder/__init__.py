"""The program of a feeder: reads prices from sources, and feeds their median to the oracle.

`values` parses prices, `sources` parses where they come from, `machine` decides, all without I/O.
`reading` reads files, addresses and the exchange, `daemon` drives. Described in `docs/oracle.md`.
"""
