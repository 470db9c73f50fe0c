"""Exact int8 inference, and detection of wrong results.

A model is a graph of integer operations with a defined value of every output byte, on any machine.
A provider commits to each layer of each item with Merkle roots; a verifier re-executes or checks
products with random vectors, and proves one wrong element with a few kilobytes.

Two kinds of modules, kept apart: `tensors`, `operators`, `graph`, `layout`, `arithmetic`, `shapes`,
`elements`, `merkle`, `commit` and `fraud` use only integers and bytes, so that the runtime can
verify proofs with them; `model`, `operators.numeric`, `execute`, `freivalds`, `recheck`, `build`
and `admission` need numpy, `onnx_import` also onnx. Nothing is imported here, so that users of the
first kind do not load the second.
"""
