"""Kademlia, limited to finding nodes by key. Pure; no sockets, no clock.

`table` keeps nodes that we reached, `lookup` is a lookup of a key, `finder` schedules lookups,
checks and probes. No values and no provider records are kept, for ourselves or for others.
Addresses in answers are unverified: they go to the peer book, which decides about each dial.
`p2p/host` sends the requests.

Source of the idea: Maymounkov and Mazières, Kademlia, 2002; the disjoint paths are those of
Baumgart and Mies, S/Kademlia, 2007.
"""
