"""Conversion of ONNX models of 8-bit integers to graphs of this library.

Needs the package onnx. `reader` maps operators of ONNX to functions, one module for each family.
"""

from btt_chain.work.onnx_import.reader import Imported, load, loads

__all__ = ["Imported", "load", "loads"]
