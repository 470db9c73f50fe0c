"""The base-16 Merkle trie of Substrate, state versions 0 and 1.

from storage.trie import EMPTY_ROOT, ProofError, Trie, ordered_root, state_root, verify_proof
"""

from storage.trie.node import NodeError
from storage.trie.proof import ProofError, read_proof, verify_proof
from storage.trie.root import ordered_root, state_root
from storage.trie.trie import EMPTY_ROOT, MissingNode, Sealed, Trie

__all__ = [
    "EMPTY_ROOT",
    "MissingNode",
    "NodeError",
    "ProofError",
    "Sealed",
    "Trie",
    "ordered_root",
    "read_proof",
    "state_root",
    "verify_proof",
]
