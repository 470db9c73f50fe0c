"""What goes in and out of the gadget: the chain and the keys that it needs, what it wants done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.graph import Ancestry
from btt_chain.consensus.finality.justification import HeaderSource
from btt_chain.consensus.finality.round import Round
from btt_chain.consensus.finality.voter import ArmTimer, Finalise
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AnyMessage,
    AuthorityId,
    EquivocationProof,
    Justification,
    SignedMessage,
    Stage,
    Target,
)
from p2p.network import Penalise, Publish, Tell

# --- what the gadget needs ------------------------------------------------------------


class Blocks(Ancestry, HeaderSource, Protocol):
    """The chain as the gadget asks for it (`client_chain.ClientChain`)."""

    def number(self, hash: H256) -> int | None:
        """Return the height of a block; None if it is not known."""
        ...

    def best_containing(self, block: Target) -> Target | None:
        """Return the head of the best chain through `block`; None if it is not known any more."""
        ...

    def final(self) -> Target:
        """Return the highest final block."""
        ...

    def leaves(self) -> Sequence[Target]:
        """Return the tips above the highest final block, or that block."""
        ...

    def at(self, number: int) -> Target | None:
        """Return the final block at a height; None above the last one."""
        ...

    def proof(self, block: Target) -> bytes | None:
        """Return the justification that is stored with a block; None if there is none."""
        ...


class VoteSigner(Protocol):
    """Our keys, and the record of what they signed."""

    def keys(self) -> Sequence[AuthorityId]:
        """Return the keys that may vote now."""
        ...

    def sign(
        self, set_id: int, round_number: int, message: AnyMessage, who: AuthorityId
    ) -> SignedMessage | None:
        """Record a vote where no crash can lose it, then sign it; None if it is refused.

        The same content again gives the same signature; other content at or below what is on
        record is refused.
        """
        ...

    def recorded(self, set_id: int, who: AuthorityId) -> Mapping[tuple[int, Stage], Target]:
        """Return the votes of this set that are on record, by round and stage."""
        ...


Sync: TypeAlias = Callable[[records.Changes], None]
"""Write auxiliary keys, and return once they, and all that was stored before, cannot be lost."""


# --- actions --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Save:
    """Write these auxiliary keys (None: delete), in the order of actions; no fsync is needed."""

    changes: records.Changes


@dataclass(frozen=True, slots=True)
class Offence:
    """A voter voted twice: report it to the runtime. It may be our own key, used elsewhere too."""

    proof: EquivocationProof


@dataclass(frozen=True, slots=True)
class Want:
    """Votes name this block and it is not here; `peer` handed them over. It may not exist."""

    hash: H256
    number: int
    peer: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A block is proven that excludes a final one: a third and more of the voters cheats.

    It comes once. From then on the gadget casts no vote and calls nothing final; who cheated is
    told by `Offence`. People must decide which chain goes on.
    """

    final: Target
    proof: Justification


Action: TypeAlias = Publish | Tell | Penalise | Finalise | Save | Offence | Want | Broken | ArmTimer
"""`Publish`, `Tell` and `Penalise` are the network's; `Finalise(justification)` is to be carried
out by the client, with the justification stored, and answered by `Gadget.finalised`;
`ArmTimer(at)` asks for a `tick` at that time, in place of any that was asked for before."""


class BadHeader(ValueError):
    """A header announces a change of voters that cannot be; the block is not valid."""


# --- for those who ask ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoundReport:
    """A round as it is told to those who ask (`grandpa_roundState`)."""

    round: int
    total_weight: int
    threshold_weight: int
    prevote_weight: int
    prevote_missing: Sequence[AuthorityId]
    precommit_weight: int
    precommit_missing: Sequence[AuthorityId]

    @classmethod
    def of(cls, votes: Round) -> RoundReport:
        """Return what a round tells."""
        return cls(
            votes.number,
            votes.voters.total,
            votes.voters.threshold,
            votes.weight_of(Stage.PREVOTE),
            votes.missing(Stage.PREVOTE),
            votes.weight_of(Stage.PRECOMMIT),
            votes.missing(Stage.PRECOMMIT),
        )
