"""ristretto255 by libsodium, for checking VRF proofs: the optional package `rbcl`.

Python's own arithmetic in `vrf` gives the same result for every proof, four times slower. libsodium
accepts exactly the encodings of RFC 9496, and refuses a product that is the identity; the caller
checks other differences before (lengths, zero and non-canonical scalars).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from btt_chain.lazyclass import dataclass


@dataclass(frozen=True, slots=True)
class Ristretto:
    """The operations of the group on encoded points and scalars, 32 bytes each."""

    from_hash: Callable[[bytes], bytes]
    """Maps 64 uniform bytes to a point (RFC 9496, 4.3.4)."""
    add: Callable[[bytes, bytes], bytes]
    multiply: Callable[[bytes, bytes], bytes]
    """Scalar times point; RuntimeError for an invalid point, or if the product is the identity."""
    multiply_base: Callable[[bytes], bytes]
    """Scalar times generator; RuntimeError if the scalar is zero."""


@lru_cache(maxsize=1)
def load() -> Ristretto | None:
    """Return libsodium's group, or None where `rbcl` is not installed or cannot be loaded.

    `rbcl` writes its library to a temporary file and loads it from there, which fails where that
    folder is full, read-only or not executable; and it does not remove the file.
    """
    try:
        from rbcl import rbcl  # noqa: PLC0415 - a tenth of a second, only where proofs are checked
    except (ImportError, OSError, RuntimeError):
        return None
    _remove_temporary(Path(str(rbcl._sodium._name)))  # noqa: SLF001 - its library's path
    return Ristretto(
        rbcl.crypto_core_ristretto255_from_hash,
        rbcl.crypto_core_ristretto255_add,
        rbcl.crypto_scalarmult_ristretto255,
        rbcl.crypto_scalarmult_ristretto255_base,
    )


def _remove_temporary(library: Path) -> None:
    """Remove the temporary file that a library was loaded from; it stays mapped."""
    if library.parent == Path(tempfile.gettempdir()):
        with suppress(OSError):
            library.unlink()
