"""Votes that contradict each other, for the benchmarks of Grandpa."""

from __future__ import annotations

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    Prevote,
    PrevoteMessage,
    signing_payload,
)
from btt_chain.primitives.grandpa_equivocation import (
    DoublePrevote,
    EquivocationProof,
    PrevoteEquivocation,
)
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32, u64


def equivocation(key: KeyPair, set_id: int, round_: int) -> EquivocationProof:
    """Return two prevotes of one voter in one round."""

    def vote(mark: int) -> tuple[Prevote, AuthoritySignature]:
        made = Prevote(H256(bytes([mark]) * 32), u32(mark))
        payload = signing_payload(PrevoteMessage(made), round_, set_id)
        return made, AuthoritySignature(key.sign(payload))

    double = DoublePrevote(u64(round_), AuthorityId(key.public), vote(1), vote(2))
    return EquivocationProof(u64(set_id), PrevoteEquivocation(double))
