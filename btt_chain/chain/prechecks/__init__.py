"""Checks of the next blocks' signatures in a process beside the importing one, during a long sync.

    keys      the keys of verdicts: hashes of exactly what was checked
    wire      requests and answers, and their frames
    checker   checks the blocks of a request; pure
    process   the program of the helper process
    store     the verdicts that the importing process looks up
    helper    starts the process, passes requests and answers

A verdict only says that a check succeeded. What has none is checked by the importing process, so
nothing depends on the helper but the speed.
"""
