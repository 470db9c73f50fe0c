"""grandpa_*: the voters' rounds, proofs of finality, and each new justification.

Source: Substrate's `sc_consensus_grandpa_rpc`, for shapes and error codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from btt_chain.consensus.finality.proofs import FinalityProof, NotFinal
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.voters import AuthorityId, Power
from btt_chain.rpc.connection import Subscription
from btt_chain.rpc.hub import Audience
from btt_chain.rpc.params import BlockNumber
from btt_chain.rpc.protocol import RpcError
from btt_chain.rpc.registry import HEAVY, method, subscription
from btt_chain.scale import u32

if TYPE_CHECKING:
    from btt_chain.consensus.finality.environment import RoundReport

NOT_READY: Final = 1
NUMBERS_TOO_LARGE: Final = 3
PROVE_FAILED: Final = 4
"""Substrate's codes of this group."""


class Rounds(NamedTuple):
    """The rounds of the current voters."""

    set_id: int
    best: RoundReport
    background: Sequence[RoundReport]
    """Earlier rounds that still take votes."""


class Finality(Protocol):
    """GRANDPA, for the RPC."""

    def rounds(self) -> Rounds | None:
        """Return the voters' rounds; None while there are no voters here."""
        ...

    def prove(self, number: int) -> FinalityProof | None:
        """Return the proof of the final block at a height; None if there is none.

        Raises NotFinal.
        """
        ...

    def listen(self, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `listener` with each new justification (SCALE) until the returned one is called."""
        ...


class GrandpaApi:
    """Finality, for light clients and bridges."""

    def __init__(self, finality: Finality) -> None:
        self.finality = finality
        self.justifications = Audience()
        self._unlisten: Callable[[], None] | None = None

    @method("grandpa_roundState")
    def round_state(self) -> dict[str, object]:
        """Return the rounds in progress: their votes, and the missing voters."""
        rounds = self.finality.rounds()
        if rounds is None:
            raise RpcError(NOT_READY, "GRANDPA RPC endpoint not ready")
        reports = (rounds.best, *rounds.background)
        if any(report.round > u32.MAX for report in reports):
            message = "GRANDPA reports voter state as unreasonably large"
            raise RpcError(NUMBERS_TOO_LARGE, message)
        return {
            "setId": rounds.set_id,
            "best": _round(rounds.best),
            "background": [_round(report) for report in rounds.background],
        }

    @method("grandpa_proveFinality", cost=HEAVY)
    def prove_finality(self, block: BlockNumber) -> str | None:
        """Return the finality proof of a block by height (SCALE FinalityProof, hex), or null."""
        try:
            proof = self.finality.prove(block)
        except NotFinal:
            message = "GRANDPA prove finality rpc failed: Block not yet finalized"
            raise RpcError(PROVE_FAILED, message) from None
        return None if proof is None else to_hex(proof.encode())

    @subscription(
        "grandpa_subscribeJustifications",
        event="grandpa_justifications",
        unsubscribe=("grandpa_unsubscribeJustifications",),
    )
    def subscribe_justifications(self, subscription: Subscription) -> None:
        """Report each new justification, as SCALE in hex."""
        self.justifications.join(subscription)
        if self._unlisten is None:
            self._unlisten = self.finality.listen(self._on_proof)

    def close(self) -> None:
        """Stop listening."""
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    def _on_proof(self, raw: bytes) -> None:
        if self.justifications.members:
            self.justifications.notify(to_hex(raw))


def _round(report: RoundReport) -> dict[str, object]:
    """Return a round with weights that Substrate's clients can read.

    Their weights are u32, and a large bond exceeds that. So all weights of a round are scaled to
    thousands, or to millions and so on; a quorum is never shown before it is reached. The numbers
    of voters ("heads") are fields of this chain, where both decide.
    """
    unit = 1
    while report.total.weight // unit > u32.MAX:
        unit *= 1_000
    return {
        "round": report.round,
        "totalWeight": report.total.weight // unit,
        "thresholdWeight": -(-report.threshold.weight // unit),
        "totalHeads": report.total.heads,
        "thresholdHeads": report.threshold.heads,
        "prevotes": _votes(report.prevotes, unit, report.prevote_missing),
        "precommits": _votes(report.precommits, unit, report.precommit_missing),
    }


def _votes(power: Power, unit: int, missing: Sequence[AuthorityId]) -> dict[str, object]:
    return {
        "currentWeight": power.weight // unit,
        "currentHeads": power.heads,
        "missing": [ss58.encode(who) for who in missing],
    }
