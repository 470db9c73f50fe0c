"""The checkpoint of a chain specification: a final block and the voters after it.

It has the form of `lightSyncState`, in which Substrate's nodes write it and light clients read it,
with the parts that such clients use: the voters of GRANDPA without pending changes, and the epochs
of BABE in which the block and the next one may lie. A node that warps begins at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.grandpa import AuthorityList, ChangeForced, announced
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import DecodeError, decode, encode, u8, u32, u64
from genesis.spec import CHECKPOINT, ChainSpec, Json, SpecError, parse_hex
from runtime.apis.core import WireEpoch
from runtime.params import RuntimeParams

EPOCHS: Final = "babeEpochChanges"
WEIGHT: Final = "babeFinalizedBlockWeight"
HEADER: Final = "finalizedBlockHeader"
VOTERS: Final = "grandpaAuthoritySet"
FIELDS: Final = (EPOCHS, WEIGHT, HEADER, VOTERS)
REGULAR: Final = 1
"""Variant of an epoch that is not the chain's first."""


class UntrustedDatabase(Exception):
    """A database does not have a trusted block where it should be."""


@dataclass(frozen=True, slots=True)
class _EpochAt:
    hash: H256
    number: u32
    variant: u8
    epoch: WireEpoch


@dataclass(frozen=True, slots=True)
class _Epochs:
    """Substrate's `EpochChanges`, with an empty tree."""

    roots: list[u8]
    finalized: u32 | None
    epochs: list[_EpochAt]


@dataclass(frozen=True, slots=True)
class _Voters:
    """Substrate's `AuthoritySet`, without pending changes and earlier sets."""

    authorities: AuthorityList
    set_id: u64
    pending_roots: list[u8]
    pending_finalized: u32 | None
    forced: list[u8]
    earlier: list[u8]


CURRENT_EPOCH: Final = "BabeApi_current_epoch"
NEXT_EPOCH: Final = "BabeApi_next_epoch"
AUTHORITIES: Final = "GrandpaApi_grandpa_authorities"
SET_ID: Final = "GrandpaApi_current_set_id"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A final block, the voters on the blocks after it, and its epoch and the next one.

    ValueError if they contradict each other.
    """

    header: Header
    set_id: int
    authorities: tuple[tuple[AuthorityId, int], ...]
    epoch: WireEpoch
    next_epoch: WireEpoch

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError(
                "block 0 needs no checkpoint: its voters follow from the genesis state"
            )
        VoterSet(self.authorities)
        change = announced(self.header.digest.logs)
        if isinstance(change, ChangeForced) or (change is not None and change.change.delay):
            raise ValueError(f"block {self.number} announces voters that vote later: take another")
        begun = int(self.epoch.start_slot)
        if not begun <= self.slot < begun + int(self.epoch.duration):
            raise ValueError(f"slot {self.slot} of its block does not lie in its epoch")

    @classmethod
    def at(cls, header: Header, call: Callable[[str], bytes]) -> Checkpoint:
        """Return the checkpoint of a final block.

        `call` returns the encoded result of a runtime function without arguments in the block's
        state. ValueError if the block cannot be one, DecodeError for other results.
        """
        voters = decode(AuthorityList, call(AUTHORITIES))
        return cls(
            header,
            int(decode(u64, call(SET_ID))),
            tuple((who, int(weight)) for who, weight in voters),
            decode(WireEpoch, call(CURRENT_EPOCH)),
            decode(WireEpoch, call(NEXT_EPOCH)),
        )

    @property
    def number(self) -> int:
        """The height of the block."""
        return int(self.header.number)

    @property
    def hash(self) -> bytes:
        """The hash of the block."""
        return bytes(self.header.hash())

    @property
    def slot(self) -> int:
        """The slot of the block. ValueError if its header claims none."""
        try:
            return int(pre_digest(self.header.digest.logs).claim.slot)
        except NoPreDigest as error:
            raise ValueError(f"its block claims no slot: {error}") from error

    def to_json(self) -> dict[str, object]:
        """Return it as in a specification."""
        number, voters = u32(self.number), [(who, u64(weight)) for who, weight in self.authorities]
        parent = _EpochAt(self.header.parent_hash, u32(number - 1), u8(REGULAR), self.epoch)
        block = _EpochAt(self.header.hash(), number, u8(REGULAR), self.next_epoch)
        authorities = _Voters(voters, u64(self.set_id), [], None, [], [])
        return {
            EPOCHS: to_hex(encode(_Epochs, _Epochs([], None, [parent, block]))),
            WEIGHT: 0,
            HEADER: to_hex(self.header.encode()),
            VOTERS: to_hex(encode(_Voters, authorities)),
        }


def good_for_ms(params: RuntimeParams) -> int:
    """Return how long a checkpoint is good: two thirds of the time until a bond is free.

    Until then a validator that signs another past loses its bond; a third is left to report it.
    """
    epochs = int(params.unbonding_epochs) * int(params.epoch_slots)
    return epochs * int(params.slot_ms) * 2 // 3


def good_until_ms(checkpoint: Checkpoint, params: RuntimeParams) -> int:
    """Return the unix time in milliseconds until which a checkpoint is good."""
    return checkpoint.slot * int(params.slot_ms) + good_for_ms(params)


def with_checkpoint(spec: ChainSpec, checkpoint: Checkpoint) -> ChainSpec:
    """Return a specification that begins at a checkpoint."""
    return replace(spec, more={**spec.more, CHECKPOINT: checkpoint.to_json()})


def checkpoint_of(spec: ChainSpec) -> Checkpoint | None:
    """Return the checkpoint of a specification, None if it has none. Raises SpecError."""
    found = spec.more.get(CHECKPOINT)
    if found is None:
        return None
    try:
        return _read(found)
    except (DecodeError, ValueError) as error:
        raise SpecError(
            f"spec.{CHECKPOINT}: {error}. `btt-chain build-spec --checkpoint` makes one"
        ) from None


def _read(found: object) -> Checkpoint:
    if not isinstance(found, Mapping) or set(found) != set(FIELDS):
        raise ValueError(f"expected an object with exactly {', '.join(FIELDS)}")
    if type(found[WEIGHT]) is not int or found[WEIGHT] < 0:
        raise ValueError(f"{WEIGHT}: expected a whole number")
    header = decode(Header, _bytes(found, HEADER))
    voters = decode(_Voters, _bytes(found, VOTERS))
    changes = decode(_Epochs, _bytes(found, EPOCHS))
    if voters.pending_roots or voters.forced or voters.earlier:
        raise ValueError(f"{VOTERS}: pending changes of voters are not supported")
    blocks = [(bytes(at.hash), int(at.number), int(at.variant)) for at in changes.epochs]
    number = int(header.number)
    if changes.roots or blocks != [
        (bytes(header.parent_hash), number - 1, REGULAR),
        (bytes(header.hash()), number, REGULAR),
    ]:
        raise ValueError(f"{EPOCHS}: expected the epochs at the block's parent and at the block")
    return Checkpoint(
        header,
        int(voters.set_id),
        tuple((who, int(weight)) for who, weight in voters.authorities),
        *(at.epoch for at in changes.epochs),
    )


def _bytes(found: Json, name: str) -> bytes:
    value = found[name]
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected 0x and pairs of hex digits")
    return parse_hex(value, name)
