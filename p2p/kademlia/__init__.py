"""Kademlia, as far as a chain needs it: finding nodes by key. Pure; no sockets, no clock.

`table` keeps nodes that we reached, `lookup` walks towards a key, `finder` decides when to do what.
No values and no provider records are kept, for ourselves or for others. What an answer names is
hearsay: it goes to the peer book, which decides about each dial. `p2p/host` does the asking.

Source of the idea: Maymounkov and Mazières, Kademlia, 2002; the disjoint paths are those of
Baumgart and Mies, S/Kademlia, 2007.
"""
