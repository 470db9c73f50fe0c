"""The market on the whole runtime: every pallet and hook, the executive's blocks, all audited."""

from __future__ import annotations

from functools import lru_cache

from btt_chain.primitives import ss58
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.extrinsic import bare
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from runtime import BttRuntime
from runtime.audits import audit
from runtime.constants import BTT
from runtime.executive import Executive
from runtime.frame import Call, Origin, PostInfo
from runtime.pallets.babe.types import Beacon
from runtime.params import PARAMS_KEY, RuntimeParams, WorkRules
from runtime.transactions import check_signature
from support.economy.chain import Ledger
from support.market import EPOCH, GENESIS, RULES, SLOT_MS, BeaconClock, Keyring, Market
from support.runtime import reconfigure
from support.simulated_vrf import SimulatedVrf

PLAIN = {"c": [1, 4], "allowed_slots": "PrimaryAndSecondaryPlainSlots"}
START = 300_000_000
"""The slot of block 1."""


class ChainClock(BeaconClock):
    """The clock and the beacons of the chain itself; a test may hold the beacons back."""

    def __init__(self, runtime: BttRuntime) -> None:
        super().__init__()
        self.runtime = runtime

    def randomness_after(self, time: int, delay: int, authors: int) -> Beacon | None:
        if self.holds_beacons:
            return None
        return self.runtime.babe.randomness_after(time, delay, authors)


@lru_cache(maxsize=4)
def build_runtime(rules: WorkRules, vrf: SimulatedVrf) -> BttRuntime:
    """Return a runtime that is made once."""
    params = RuntimeParams(u64(SLOT_MS), epoch_slots=u32(EPOCH), work=rules)
    return BttRuntime(params, vrf=vrf)


@lru_cache(maxsize=4)
def ring_of(*names: str) -> tuple[Keyring, SimulatedVrf]:
    """Return the keys of some accounts and their VRF outputs."""
    ring = Keyring(names)
    return ring, SimulatedVrf(ring.pairs.values())


class WholeMarket(Market):
    """The same people and the same calls; each step ends a block, audits it, and begins one.

    The verifiers are the validators. They make blocks in turn, by plain claims, and the next epoch
    is theirs by bonds and work, as everywhere. Beacons are the chain's.
    """

    audit_every = 1
    """Number of blocks from one audit of the whole state to the next."""

    def __init__(self, rules: WorkRules = RULES, *, providers: int = 3, verifiers: int = 6) -> None:
        self.rules = rules
        self.provider_names = [f"provider {number}" for number in range(providers)]
        self.verifier_names = [f"verifier {number}" for number in range(verifiers)]
        self.ring, vrf = ring_of(*self.provider_names, *self.verifier_names)
        self.vrf, self.whole = vrf, build_runtime(rules, vrf)
        self.clock = ChainClock(self.whole)
        self.ledger = Ledger()
        self.ledger.put(PARAMS_KEY, RuntimeParams(u64(SLOT_MS), epoch_slots=u32(EPOCH)).encoded())
        self.number, self.emitted = 0, list[object]()
        self.whole.enter(self.ledger)
        self.executive = Executive(
            self.whole, check_signature=check_signature, ordered_root=lambda _: bytes(32)
        )
        self._bind()
        self.system.genesis({})
        self.whole.babe.genesis({"epochConfig": PLAIN})
        self._begin()
        self._seat()
        self.whole.host.events.clear()
        self.parent = GENESIS
        self.number = 1
        self._open()

    def _bind(self) -> None:
        """Call the pallets by the names that the market has for them."""
        for name in ("system", "balances", "tokenomics", "mining", "models", "providers", "jobs",
                     "receipts"):  # fmt: skip
            setattr(self, name, getattr(self.whole, name))
        reconfigure(self.receipts, clock=self.clock)
        self.give_jobs(clock=self.clock)
        self.host = self.whole.host

    def _seat(self) -> None:
        """Let all verifiers be validators, too: their keys are those of the session."""
        names = [ss58.encode(who) for who in self.verifier_accounts]
        keys = [
            {"babe": ss58.encode(pair.public), "grandpa": "0x" + pair.public.hex()}
            for pair in (self.ring.pairs[who] for who in self.verifier_accounts)
        ]
        bonds = [[name, str(10_000 * BTT)] for name in names]
        self.whole.authorities.genesis({"bonds": bonds})
        rows = [[name, name, one] for name, one in zip(names, keys, strict=True)]
        self.whole.session.genesis({"keys": rows})

    # ---- time

    def step(self, slots: int = 1) -> None:
        """End the block, look at all books, and begin the next one so many slots later."""
        self.emitted += super().announced()
        self.parent = H256(self.executive.finalize_block().hash())
        if self.number % self.audit_every == 0:
            assert audit(self.whole) == []
        self.clock.slot += slots
        self.number += 1
        self._open()

    def audit_money(self) -> None:
        """Do nothing: at a block's end the whole state is audited."""

    def _open(self) -> None:
        slot = START + self.clock.slot
        seats = len(self.whole.babe.epochs.at(slot).authorities)
        claim = SecondaryPlain(SecondaryPlainClaim(u32(slot % seats), Slot(slot)))
        zero = H256(bytes(32))
        header = Header(self.parent, u32(self.number), zero, zero, Digest([pre_runtime(claim)]))
        self.executive.initialize_block(self.ledger, header)
        moment = self.whole.call("Timestamp", "set", now=u64(slot * SLOT_MS))
        assert self.executive.apply_extrinsic(bare(moment.raw)) is None

    def announced(self) -> list[object]:
        """Return the events of all blocks, without phase and pallet."""
        return self.emitted + super().announced()

    # ---- calls

    def dispatch(self, origin: Origin, call: Call, *, bypass_filter: bool = False) -> PostInfo:
        """Make a call in a layer of its own."""
        return self.whole.dispatch(origin, call, bypass_filter=bypass_filter)

    def call(self, pallet: str, name: str, /, **args: object) -> Call:
        """Build a call by name."""
        return self.whole.call(pallet, name, **args)
