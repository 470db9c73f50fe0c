"""Providers, models and validators on a small runtime, with eras that turn by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import MINING
from runtime.constants import BTT
from runtime.frame import DispatchError, Reason, ensure_root, signed
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.authorities.types import NoAbsences
from runtime.pallets.models.pallet import Models, licence_slots
from runtime.pallets.providers.pallet import Providers
from runtime.pallets.providers.types import Ledger, ProviderInfo, ProviderKind
from support.stakes import StakeChain, stash

ERA = 600
SLOT_MS = 6_000
"""An era is an hour."""
POOL = 1_000_000 * int(BTT)
CPU = 0
ENDPOINT = b"/ip4/203.0.113.7/tcp/30335/p2p/12D3KooWProvider"


def provider_info(*classes: int, capacity: int = 4, endpoints: bytes = ENDPOINT) -> ProviderInfo:
    """Return the information of a provider of these classes."""
    return ProviderInfo(
        ProviderKind.Home,
        u16(3),
        [u16(model_class) for model_class in classes or (CPU,)],
        u32(capacity),
        bytes(32),
        bytes(32),
        endpoints,
    )


A, B, C, D, E = (stash(number) for number in range(1, 6))
PRICE = int(BTT)
NEED = 10 * PRICE
SEED = bytes(range(32))


def job(number: int) -> H256:
    return H256(number.to_bytes(32, "big"))


class Companies:
    """Operators: every account its own, but for those that a test says belong together."""

    def __init__(self) -> None:
        self.owners: dict[AccountId, AccountId] = {}

    def operator_of(self, account: AccountId) -> AccountId:
        return self.owners.get(account, account)


class ProviderChain(StakeChain):
    """Validators' chain with Tokenomics, Mining, Models and Providers on it."""

    def __init__(
        self,
        *,
        members: int = 256,
        delegators: int = 16,
        chunks: int = 32,
        seats: int = 4,
        settling: int = 0,
    ) -> None:
        self.members, self.delegators, self.chunks = u32(members), u32(delegators), u32(chunks)
        self.settling, self.companies = u32(settling), Companies()
        super().__init__(seats=seats, candidates=64)

    def build(self) -> None:
        super().build()
        self.balances.fungible_hold.offsetting = (
            Reason(5, Authorities.HoldReason.ValidatorBond),
            Reason(40, Providers.HoldReason.ProviderBond),
        )
        self.tokenomics = self.add_tokenomics(self.balances, window=u64(100), slot_ms=u64(SLOT_MS))
        self.mining = self.add_mining(self.balances, self.tokenomics, era=ERA)
        self.models = self.add(
            41,
            Models(
                licence_slots=licence_slots(SLOT_MS),
                currency=self.balances,
                burns=self.tokenomics,
                clock=self.clock,
                params_origin=ensure_root,
            ),
        )
        self.providers = self.add(
            40,
            Providers(
                registration_deposit=BTT,
                unbonding_eras=u32(6),
                era_slots=u32(ERA),
                slot_ms=u64(SLOT_MS),
                settling_slots=self.settling,
                max_members=self.members,
                max_delegators=self.delegators,
                max_chunks=self.chunks,
                currency=self.balances,
                burns=self.tokenomics,
                clock=self.clock,
                measures=self.mining,
                operators=self.companies,
                classes=self.models,
                params_origin=ensure_root,
            ),
        )
        self.authorities.connect(self.sessions, NoAbsences(), self.providers.work_scores)
        self.mining.connect(self.providers.engagements)

    def begin(self, bonds: Iterable[int] = (), *, accounts: int = 12) -> None:
        """Make block zero: stash 1 is a validator with the first of `bonds` (planck), and so on."""
        self.open(list(bonds), accounts=accounts, others=[(MINING, POOL)])
        self.models.genesis({})
        self.mining.genesis({})

    def join(self, number: int, bond: int, *classes: int, capacity: int = 4) -> AccountId:
        """Register a provider with a bond in BTT."""
        who = stash(number)
        info = provider_info(*classes, capacity=capacity)
        self.providers.register(signed(who), info, u128(bond * int(BTT)))
        return who

    def dispatch_refused(self, who: AccountId, name: str, **args: object) -> DispatchError | None:
        """Make a call of Providers in a layer of its own; return what it failed with."""
        try:
            self.dispatch(signed(who), self.call("Providers", name, **args))
        except DispatchError as error:
            return error
        return None

    def turn(self, times: int = 1, *, skipped: int = 0, beating: Iterable[AccountId] = ()) -> None:
        """Begin the next era, so often; each time so many epochs stay empty before it.

        In the order of a block: the session turns, and plans, before Mining closes the era.
        """
        for _ in range(times):
            self.clock.slot = (self.clock.slot // ERA + 1 + skipped) * ERA
            if self.sessions.active:
                self.sessions.turn()
            self.mining.on_initialize(1)
            for who in beating:
                self.providers.heartbeat(signed(who))

    def bond_of(self, who: AccountId) -> Ledger:
        ledger = self.providers.ledgers.get(who)
        assert ledger is not None
        return ledger

    def audit(self) -> None:
        """Check what always holds: holds are bonds, reserves are jobs', lists are true."""
        providers = self.providers
        ledgers = dict(providers.ledgers.items())
        jobs: dict[AccountId, list[int]] = {}
        for (who, _), amount in providers.engagements.reservations.items():
            jobs.setdefault(who, []).append(int(amount))
        assert jobs.keys() <= ledgers.keys()
        for who in dict(self.system.account.items()):
            ledger = ledgers.get(who)
            held = self.balances.held(providers.reason, who)
            assert held == (0 if ledger is None else ledger.bond + ledger.leaving)
            deposit = self.balances.held(providers.deposit_reason, who)
            assert deposit == (0 if ledger is None else providers.registration_deposit)
        for who, ledger in ledgers.items():
            assert ledger.reserved == sum(jobs.get(who, [])), who
            assert ledger.busy == len(jobs.get(who, []))
            assert all(chunk.value for chunk in ledger.unlocking)
            assert len(ledger.unlocking) <= self.chunks
        for model_class, members in providers.membership.members.items():
            assert len(dict.fromkeys(members)) == len(members) <= self.members
            for who in members:
                assert model_class in providers.providers[who].classes
                assert not ledgers[who].chilled
        assert all(
            len(row) <= self.delegators
            for row in dict(providers.work_scores.delegators.items()).values()
        )
        assert list(dict(providers.providers.items())) == list(ledgers)


def begun() -> ProviderChain:
    """Return a chain in its first era, without providers."""
    chain = ProviderChain()
    chain.begin()
    return chain


def selected(
    chain: ProviderChain,
    *,
    seed: bytes = SEED,
    model_class: int = CPU,
    need: int = NEED,
    requester: AccountId | None = None,
    refused: Sequence[AccountId] = (),
    protocol: bool = False,
) -> tuple[AccountId | None, int]:
    """Select a provider for a job; return it, and the number of operators to select from."""
    return chain.providers.engagements.select(seed, model_class, need, requester, refused, protocol)
