"""The gadget's environment: the chain and the keys that it needs, and the actions it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.graph import Ancestry
from btt_chain.consensus.finality.justification import HeaderSource
from btt_chain.consensus.finality.round import Round
from btt_chain.consensus.finality.voter import Finalize
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import AnyMessage, Justification, SignedMessage, Stage, Target
from btt_chain.primitives.grandpa_equivocation import EquivocationProof
from btt_chain.primitives.voters import AuthorityId, Power
from p2p.network import Penalise, Publish, SendNote

# --- environment ----------------------------------------------------------------------


class Blocks(Ancestry, HeaderSource, Protocol):
    """The chain that the gadget needs (`client_chain.ClientChain`)."""

    def number(self, hash: H256) -> int | None:
        """Return the height of a block; None if it is not known."""
        ...

    def height(self) -> int:
        """Return the height of the best block."""
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
    """Our keys, and the record of the votes they signed."""

    def keys(self) -> Sequence[AuthorityId]:
        """Return the keys that may vote now."""
        ...

    def sign(
        self, set_id: int, round_number: int, message: AnyMessage, who: AuthorityId
    ) -> SignedMessage | None:
        """Record a vote durably, then sign it; None if it is refused.

        The same content again gives the same signature; other content at or below the record is
        refused.
        """
        ...

    def recorded(self, set_id: int, who: AuthorityId) -> Mapping[tuple[int, Stage], Target]:
        """Return the votes of this set that are on record, by round and stage."""
        ...


Sync: TypeAlias = Callable[[records.Changes], None]
"""Write auxiliary keys; return once they, and all that was stored before, are durable."""


# --- actions --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Save:
    """Write these auxiliary keys (None: delete), in the order of actions; no fsync is needed."""

    changes: records.Changes


@dataclass(frozen=True, slots=True)
class Offence:
    """A voter voted twice: report it to the runtime. The key may be ours, used elsewhere too."""

    proof: EquivocationProof


@dataclass(frozen=True, slots=True)
class Want:
    """Votes from `peer` name this block and it is not here; it may not exist."""

    hash: H256
    number: int
    peer: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A proven block excludes a final one: voters with a third of the weight or more cheat.

    Emitted once. From then on the gadget casts no vote and makes nothing final; `Offence` names the
    cheaters. Operators must decide which chain goes on.
    """

    final: Target
    proof: Justification


@dataclass(frozen=True, slots=True)
class ArmTimer:
    """Call `Gadget.tick` at this time; replaces any earlier request."""

    at: int


Action: TypeAlias = (
    Publish | SendNote | Penalise | Finalize | Save | Offence | Want | Broken | ArmTimer
)
"""`Publish`, `SendNote` and `Penalise` are for the network; `Finalize(justification)` is for the
client, to finalize the target, store the justification, and call `Gadget.finalized`."""


class BadHeader(ValueError):
    """A header announces an impossible change of voters; the block is not valid."""


# --- for queries ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoundReport:
    """A round's state (`grandpa_roundState`)."""

    round: int
    total: Power
    threshold: Power
    prevotes: Power
    prevote_missing: Sequence[AuthorityId]
    precommits: Power
    precommit_missing: Sequence[AuthorityId]

    @classmethod
    def of(cls, votes: Round) -> RoundReport:
        """Return the report of a round."""
        return cls(
            votes.number,
            votes.voters.total,
            votes.voters.threshold,
            votes.power_of(Stage.PREVOTE),
            votes.missing(Stage.PREVOTE),
            votes.power_of(Stage.PRECOMMIT),
            votes.missing(Stage.PRECOMMIT),
        )
