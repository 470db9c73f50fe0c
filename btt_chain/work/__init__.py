"""Exact int8 inference, and how anyone finds out that it was done wrong.

A model is a graph of integer operations whose every output byte is defined, on any machine. Who
runs it commits to each layer of each item with Merkle roots; who doubts it re-executes or checks
products with random vectors, and proves one wrong element with a few kilobytes.

Two kinds of modules, kept apart: `graph`, `layout`, `arithmetic`, `shapes`, `elements`, `merkle`,
`commit` and `fraud` are whole numbers and bytes only, so that the runtime can judge with them;
`model`, `execute`, `freivalds`, `recheck` and `admission` need numpy, `onnx_import` also onnx.
Nothing is imported here, so that who needs the first kind does not load the second.
"""
