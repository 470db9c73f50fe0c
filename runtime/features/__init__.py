"""Features: parts of the runtime that a chain has or lacks, and the runtimes made of them.

`runtime/sets.py` lists the runtimes. A feature's modules are only imported with a runtime that has
it.
"""
