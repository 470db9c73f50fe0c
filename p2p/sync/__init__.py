"""Synchronization with other nodes: pure state machines.

`Sync` (machine.py) is the public interface. It receives the network's events, the reports of its
owner, and the time; it returns actions: for the network, and for its owner. It reads no clock and
does no I/O. The same seed and the same events give the same actions.

    requests.py        peers, in-flight requests, selection of the peer to ask
    fork_sync.py       fork sync: a few blocks, by hash
    range_sync.py      range sync: headers of one peer, bodies of all, in order to the import
    ancestor.py        search for the highest common block
    window.py          blocks of range sync, on the way to the import
    justifications.py  required proofs of finality
    warp.py            warp sync: voters from set to set, then the state in ranges
    history.py         gap sync: the blocks below a fetched state
    progress.py        heights, speed, time left
"""
