"""A chain that makes its blocks by BABE, in memory and without a node: one runtime, all the keys.

Every block goes through the executive like any other; only roots are left out. VRF outputs are
those of `SimulatedVrf` unless a test wants real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from btt_chain.consensus.babe.claim import Claimed, claim_slot, seal
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import Vrf
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import Claim, SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.extrinsic import bare
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.executive import Executive
from runtime.frame import Call, DispatchError, Origin
from runtime.genesis import write_genesis
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.types import Beacon
from runtime.params import RuntimeParams
from runtime.transactions import check_signature
from support.runtime import DictState
from support.simulated_vrf import SimulatedVrf

NAMES = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")
BOND = 10_000 * int(BTT)
START = 300_000_000
"""The slot of block 1."""
EPOCH = 10
"""Slots of an epoch."""


@dataclass(frozen=True)
class Validator:
    """An account that makes blocks and votes, with keys of the same name."""

    name: str

    @property
    def account(self) -> AccountId:
        return AccountId(self.author.public)

    @property
    def author(self) -> KeyPair:
        """The BABE key; the account's, too."""
        return KeyPair.from_uri(f"//{self.name}")

    @property
    def voter(self) -> KeyPair:
        """The GRANDPA key."""
        return KeyPair.from_uri(f"//{self.name}", Scheme.ED25519)

    def genesis_keys(self) -> list[object]:
        """Return the row of the genesis configuration."""
        address = ss58.encode(self.account)
        keys = {"babe": ss58.encode(self.author.public), "grandpa": "0x" + self.voter.public.hex()}
        return [address, address, keys]


def beacon_after(
    babe: Babe, slot: int, *, since: int | None = None, authors: int = 1
) -> Beacon | None:
    """Return the beacon after the first block up to the current one with at least this slot."""
    last = int(babe.system.number.value)
    return babe.beacon_log.after(slot, last, since=since, authors=authors)


def validators(count: int) -> list[Validator]:
    """Return the first validators of development chains."""
    return [Validator(name) for name in NAMES[:count]]


@dataclass
class BabeChain:
    """A chain of `members`, all of whose keys are here; `others` have money only."""

    members: Sequence[Validator] = field(default_factory=lambda: validators(3))
    others: Sequence[Validator] = ()
    params: RuntimeParams = field(
        default_factory=lambda: RuntimeParams(u64(6_000), epoch_slots=u32(EPOCH))
    )
    babe: Mapping[str, object] = field(default_factory=dict)
    """Changes of a test in the genesis configuration of Babe."""
    vrf: Vrf | None = None

    def __post_init__(self) -> None:
        people = [*self.members, *self.others]
        self.pairs = {person.author.public: person.author for person in people}
        self.outputs: Vrf = self.vrf or SimulatedVrf(self.pairs.values())
        self.state = DictState()
        self.headers: list[Header] = []
        self.failures: list[DispatchError] = []
        write_genesis(self.state, self.config(people), "config")
        self.runtime = BttRuntime(self.params, vrf=self.outputs)
        self.executive = Executive(
            self.runtime, check_signature=check_signature, ordered_root=lambda _: bytes(32)
        )
        self.runtime.enter(self.state)
        self.slot = START - 1
        self.parent = H256(bytes(32))

    def config(self, people: Iterable[Validator]) -> dict[str, object]:
        """Return the genesis configuration."""
        params = self.params
        rows = [[ss58.encode(person.account), 10 * BOND] for person in people]
        bonds = [[ss58.encode(person.account), BOND] for person in self.members]
        return {
            "params": {
                "chainId": "babe-test",
                "slotMs": int(params.slot_ms),
                "epochSlots": int(params.epoch_slots),
                "reelectionEpochs": int(params.reelection_epochs),
                "minValidators": int(params.min_validators),
                "maxValidators": int(params.max_validators),
                "unbondingEpochs": int(params.unbonding_epochs),
                "reportEpochs": int(params.report_epochs),
            },
            "balances": {"balances": rows},
            "babe": {"engine": "babe", **self.babe},
            "authorities": {"bonds": bonds},
            "session": {"keys": [member.genesis_keys() for member in self.members]},
        }

    # ---- making blocks

    def claim(self, slot: int) -> Claimed:
        """Return the best claim that any key here has to a slot."""
        epoch = self.runtime.babe.epochs.at(slot)
        claimed = claim_slot(slot, epoch, self.pairs, self.outputs)
        assert claimed is not None, f"no key may make a block in slot {slot}"
        return claimed

    def open(self, slot: int, claim: Claim | None = None) -> None:
        """Open the next block."""
        number = u32(len(self.headers) + 1)
        self.slot = slot
        zero = H256(bytes(32))
        logs = [pre_runtime(claim or self.claim(slot).claim)]
        draft = Header(self.parent, number, zero, zero, Digest(list(logs)))
        self.executive.initialize_block(self.state, draft)

    def close(self) -> Header:
        """Close the block at hand; its header carries no seal."""
        header = self.executive.finalize_block()
        self.headers.append(header)
        self.parent = H256(header.hash())
        return header

    def block(
        self,
        *calls: tuple[Origin, Call],
        slot: int | None = None,
        reports: Sequence[bytes] = (),
        claim: Claim | None = None,
    ) -> Header:
        """Make a block one slot later, or in `slot`; it sets the time and holds these calls.

        `reports` are bare extrinsics. Errors of the calls are added to `failures`.
        """
        self.open(self.slot + 1 if slot is None else slot, claim)
        moment = u64(self.slot * int(self.params.slot_ms))
        timestamp = self.runtime.call("Timestamp", "set", now=moment)
        assert self.executive.apply_extrinsic(bare(timestamp.raw)) is None
        for raw in reports:
            self.failures += [error for error in [self.executive.apply_extrinsic(raw)] if error]
        for origin, call in calls:
            try:
                self.runtime.dispatch(origin, call)
            except DispatchError as error:
                self.failures.append(error)
        return self.close()

    def run_to(self, slot: int) -> Header:
        """Make a block in every slot up to `slot`; return the last header."""
        while self.slot < slot:
            self.block()
        return self.headers[-1]

    def run_to_epoch(self, epoch: int) -> Header:
        """Make blocks up to the first one of `epoch`; return its header."""
        return self.run_to(START + epoch * int(self.params.epoch_slots))

    # ---- looking

    def call(self, pallet: str, name: str, **args: object) -> Call:
        """Build a call by name."""
        return self.runtime.call(pallet, name, **args)

    def events(self) -> list[object]:
        """Return the events of the last block."""
        return [record.event.event for record in self.runtime.system.events.value]

    def doubled(self, cheat: Validator, slot: int) -> EquivocationProof:
        """Return the proof that `cheat`, an author of this session, made two blocks in `slot`."""
        place = list(self.runtime.session.validators_now()).index(cheat.account)
        claim = SecondaryPlain(SecondaryPlainClaim(u32(place), Slot(slot)))
        zero = H256(bytes(32))
        first, second = (
            seal(
                Header(zero, u32(7), H256(bytes([mark]) * 32), zero, Digest([pre_runtime(claim)])),
                cheat.author,
            )
            for mark in (1, 2)
        )
        return EquivocationProof(AuthorityId(cheat.author.public), Slot(slot), first, second)
