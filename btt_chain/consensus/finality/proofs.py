"""Proofs of finality for external clients: the next stored justification at or above a block, and
the headers up to it.

Source: `FinalityProof` of Substrate's `sc_consensus_grandpa`. Substrate goes up to the end of the
set; here every head that was proven final has its justification, so the path is shorter.
"""

from __future__ import annotations

from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Target
from btt_chain.primitives.header import Header
from btt_chain.scale import MaxLen, TypeName, codec

MAX_HEADERS: Final = 16_384
"""Maximum number of headers of one proof, about 3 MiB."""


class NotFinal(Exception):
    """The block is not final yet."""

    def __init__(self, number: int) -> None:
        super().__init__(f"block {number} is not final")
        self.number = number


class FinalChain(Protocol):
    """The final blocks, with what was stored beside them (`client_chain.ClientChain`)."""

    def at(self, number: int) -> Target | None:
        """Return the final block at a height; None above the last one."""
        ...

    def header(self, block: Target) -> Header | None:
        """Return the header of a block; None if no such block is known at that height."""
        ...

    def proof(self, block: Target) -> bytes | None:
        """Return the justification that is stored with a block; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class FinalityProof:
    """A proof that `block` is final, with the headers above the requested block up to it."""

    block: Annotated[H256, TypeName("Header::Hash")]
    justification: Annotated[bytes, TypeName("Vec<u8>")]
    unknown_headers: Annotated[list[Header], MaxLen(MAX_HEADERS), TypeName("Vec<Header>")]

    def encode(self) -> bytes:
        """Return the proof's encoding."""
        return _PROOF.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> FinalityProof:
        """Return the decoded proof; raise DecodeError if `raw` is none."""
        return _PROOF.decode_all(raw)


_PROOF: Final = codec(FinalityProof)


def prove_finality(number: int, chain: FinalChain) -> FinalityProof | None:
    """Return the proof of the final block at a height; None if no justification is near enough.

    Raises NotFinal.
    """
    block = chain.at(number)
    if block is None:
        raise NotFinal(number)
    above: list[Header] = []
    while (raw := chain.proof(block)) is None:
        following = chain.at(block.number + 1)
        header = None if following is None else chain.header(following)
        if following is None or header is None or len(above) == MAX_HEADERS:
            return None
        above.append(header)
        block = following
    return FinalityProof(block.hash, raw, above)
