"""A chain with a document's own genesis, in memory, whose blocks lie as far apart as a test likes.

Everything goes through the executive and the runtime's own dispatch; only signatures, roots and
selections are left out: the claims are plain ones, which the runtime takes as the node would have
checked them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Final

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.extrinsic import bare
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from genesis.catalogue import chain_named, make
from genesis.holders import table
from genesis.placement import Placement
from genesis.spec import Plain
from runtime import BttRuntime
from runtime.accounts import TREASURY
from runtime.audits import Finding, audit
from runtime.executive import Executive
from runtime.frame import ROOT, Call, DispatchError, Origin, signed
from runtime.genesis import write_genesis
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.params import PARAMS_KEY, RuntimeParams
from runtime.transactions import check_signature
from storage.overlay import Overlay
from support.economy.oracle import BTT, DAY

Step = tuple[Origin, Call] | Callable[[], object]
"""A call by an account, or a pallet's interface that another pallet would go through."""

PRESETS: Final = ("seed-000", "seed-001", "seed-002", "seed-004")
START: Final = 300_000_000
"""The slot of block 1."""
BOND: Final = 10_000 * BTT
ALICE: Final = KeyPair.from_uri("//Alice")


def person(name: str) -> AccountId:
    """Return an account that no test needs the key of."""
    return AccountId(name.encode().ljust(32, b"."))


BALANCES: Final = {
    person(name): thousands * 1_000 * BTT
    for name, thousands in (
        ("ann", 150), ("ben", 120), ("cho", 30), ("dee", 20), ("eli", 10), ("fay", 10),
    )
}  # fmt: skip
"""Balances of people at genesis, out of the liquid row or the treasury."""
PEOPLE: Final = tuple(BALANCES)


class Operators:
    """Each of `PEOPLE` is an operator of its own; the number of hospitals can be set."""

    def __init__(self) -> None:
        self.hospitals = 0

    def found(self, hospitals: int) -> None:
        """Let there be so many more hospitals."""
        self.hospitals += hospitals

    def exists(self, who: AccountId) -> bool:
        """Report whether `who` is registered."""
        return who in BALANCES

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return the account that earns by the work of a provider."""
        return provider if self.exists(provider) else None

    def count(self) -> int:
        """Return how many hospitals there are."""
        return self.hospitals


class Ledger(Overlay):
    """A state over nothing, all in memory; its root is not worked out."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lambda _: None, lambda _prefix, _after: iter(()))

    def root(self) -> bytes:
        """Return the account that stands for the root."""
        return bytes(32)


class EconomyChain:
    """The chain of a preset, with one validator, whose bond lies under its row's vesting lock."""

    def __init__(self, preset: str, *, manual: bool = False, epoch_slots: int = 0) -> None:
        chain = chain_named(preset)
        assert chain is not None
        self.preset = preset
        self.table = table(chain.document)
        spec = make(chain)
        assert isinstance(spec.genesis, Plain)
        assert spec.genesis.placement is not None
        self.placement: Placement = spec.genesis.placement
        config = deepcopy(dict(spec.genesis.config))
        self.vests = list(self.placement.vesting(chain.slot_ms))
        self.founder = self.vests[0].account
        if not chain.is_manual:
            self._seat(config, manual=manual, epoch_slots=epoch_slots)
        config.pop("receipts", None)  # the allowances of those who verify work go to `PEOPLE`
        config.pop("oracle", None)  # and those who feed prices have no money
        self._endow(config)
        self.config: Mapping[str, object] = config
        self.state = Ledger()
        write_genesis(self.state, config, "config")
        self.params = RuntimeParams.decode(self.state.get(PARAMS_KEY) or b"")
        self.runtime = BttRuntime(self.params)
        self.executive = Executive(
            self.runtime, check_signature=check_signature, ordered_root=lambda _: bytes(32)
        )
        self.runtime.enter(self.state)
        self.tokenomics = self.runtime.pallet(Tokenomics)
        self.mining = self.runtime.pallet(Mining)
        self.staking = self.runtime.pallet(TierStaking)
        self.operators = Operators()
        self.mining.providers = self.tokenomics.milestone_burns.hospitals = self.operators
        self.slot = START - 1
        self.number = 0
        self.parent = H256(bytes(32))
        self.failures: list[DispatchError] = []

    # ---- genesis

    def _seat(self, config: dict[str, object], *, manual: bool, epoch_slots: int) -> None:
        """Let the founder validate, by plain claims or by hand."""
        params = config["params"]
        assert isinstance(params, dict)
        params["minValidators"] = 1
        if epoch_slots:
            params["epochSlots"] = epoch_slots
        address = ss58.encode(self.founder)
        if manual:
            config["babe"] = {"engine": "manual", "sealer": address}
            return
        babe = config["babe"]
        assert isinstance(babe, dict)
        babe["epochConfig"] = {"c": [1, 4], "allowed_slots": "PrimaryAndSecondaryPlainSlots"}
        voter = KeyPair.from_uri("//Alice", Scheme.ED25519).public
        keys = {"babe": ss58.encode(ALICE.public), "grandpa": "0x" + voter.hex()}
        config["authorities"] = {"bonds": [[address, str(BOND)]]}
        config["session"] = {"keys": [[address, address, keys]]}

    def _endow(self, config: dict[str, object]) -> None:
        """Give `PEOPLE` their allowances, of the row that is free at once or the treasury's."""
        balances = config["balances"]
        assert isinstance(balances, dict)
        rows: list[list[str]] = balances["balances"]
        liquid = [
            held.account
            for row in self.placement.rows
            if row.row.kind == "immediate"
            for held in row.holdings
            if held.account != TREASURY
        ]
        payers = [ss58.encode(account) for account in liquid or [TREASURY]]
        left = sum(BALANCES.values())
        for row in rows:
            if row[0] in payers:
                part = min(left, int(row[1]) - BTT)
                row[1], left = str(int(row[1]) - part), left - part
        assert not left
        rows += [[ss58.encode(who), str(allowance)] for who, allowance in BALANCES.items()]

    # ---- time

    @property
    def slot_ms(self) -> int:
        """The length of a slot, in milliseconds."""
        return int(self.params.slot_ms)

    @property
    def time(self) -> int:
        """Protocol time of the last block, in milliseconds since the first."""
        return max(0, self.slot - START) * self.slot_ms

    def slots(self, span: int) -> int:
        """Return how many slots a span of milliseconds is."""
        return span // self.slot_ms

    # ---- blocks

    def block(self, *steps: Step, slot: int | None = None) -> list[DispatchError]:
        """Make a block in the next slot, or in `slot`; return why its steps failed, if any did."""
        self.slot = self.slot + 1 if slot is None else slot
        self.number += 1
        claim = SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(self.slot)))
        zero = H256(bytes(32))
        header = Header(self.parent, u32(self.number), zero, zero, Digest([pre_runtime(claim)]))
        self.executive.initialize_block(self.state, header)
        moment = self.runtime.call("Timestamp", "set", now=u64(self.slot * self.slot_ms))
        assert self.executive.apply_extrinsic(bare(moment.raw)) is None
        failed = [error for step in steps if (error := self.take(step))]
        self.parent = H256(self.executive.finalize_block().hash())
        self.failures += failed
        return failed

    def take(self, step: Step) -> DispatchError | None:
        """Take one step within a block, in a layer of its own; return why it failed, if it did.

        Nothing is left of what failed, neither state nor events.
        """
        before, announced = self.state.changes(), len(self.runtime.host.events)
        try:
            if isinstance(step, tuple):
                self.runtime.dispatch(*step)
            else:
                self._through(step)
        except DispatchError as error:
            assert self.state.changes() == before
            assert len(self.runtime.host.events) == announced
            return error
        return None

    def _through(self, door: Callable[[], object]) -> None:
        events = self.runtime.host.events
        before = len(events)
        self.state.begin()
        try:
            door()
        except DispatchError:
            self.state.rollback()
            del events[before:]
            raise
        self.state.commit()

    def at(self, time: int, *steps: Step) -> list[DispatchError]:
        """Make a block at a protocol time in milliseconds."""
        return self.block(*steps, slot=START + self.slots(time))

    def days(self, days: int, *steps: Step) -> list[DispatchError]:
        """Make a block so many days after the last one."""
        return self.block(*steps, slot=self.slot + days * self.slots(DAY))

    # ---- calls

    def call(self, pallet: str, name: str, **args: object) -> Call:
        """Build a call by name."""
        return self.runtime.call(pallet, name, **args)

    def by(self, who: AccountId, pallet: str, name: str, **args: object) -> tuple[Origin, Call]:
        """Build a call and have it signed."""
        return signed(who), self.call(pallet, name, **args)

    def root(self, pallet: str, name: str, **args: object) -> tuple[Origin, Call]:
        """Build a call and have the chain itself make it."""
        return ROOT, self.call(pallet, name, **args)

    def run(self, *steps: Step) -> None:
        """Make a block of steps that must all succeed."""
        failed = self.block(*steps)
        assert not failed, failed

    # ---- looking

    def audit(self) -> list[Finding]:
        """Look the state through."""
        return audit(self.runtime)

    def free(self, who: AccountId) -> int:
        """Return the free balance of an account, locked or not."""
        return int(self.runtime.balances.free(who))

    def usable(self, who: AccountId) -> int:
        """Return the amount that an account could spend."""
        return int(self.runtime.balances.reducible_balance(who))

    def events(self) -> list[object]:
        """Return the events of the last block."""
        return [record.event.event for record in self.runtime.system.events.value]
