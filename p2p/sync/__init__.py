"""Catching up with others and staying there: pure state machines.

`Sync` (machine.py) is the one to talk to. It hears the network's events, the results of what it
asked its owner to do, and the time; it returns actions: for the network, and for its owner. It
reads no clock and does no I/O. The same seed and the same events give the same actions.

    desk.py            peers as sync sees them, requests that are out, whom to ask next
    near.py            a few blocks, by hash: announces, forks
    far.py             many blocks: headers of one peer, bodies of all, in order to the import
    justifications.py  proofs of finality that must be had
    warp.py            voters from set to set, then the state in ranges
    history.py         the blocks below a state that was fetched
    progress.py        heights, speed, time left
"""
