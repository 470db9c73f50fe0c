"""Bounties: their accounts, the whole runtime, and what holds after any sequence of calls."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.babe import Slot
from btt_chain.scale import codec, u32, u64, u128
from genesis.accounts import dev_account
from genesis.build import build
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime import BttRuntime
from runtime.accounts import GRANTS, TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, Error, Origin, signed
from runtime.pallets.balances.types import is_pool, sub_account
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.bounties.types import (
    Active,
    Approved,
    ApprovedWithCurator,
    AwaitsCurator,
    Awarded,
    Bounty,
    BountyStatus,
    Funded,
    Proposed,
)
from runtime.pallets.treasury.pallet import AssetKind
from runtime.params import PARAMS_KEY, RuntimeParams
from support.bounties import (
    ALICE,
    BASE,
    BOB,
    CAROL,
    DAVE,
    DELAY,
    FIRST,
    POOL,
    TEXT,
    GrantsChain,
    opened,
)
from support.histories import History, seeds, unreached
from support.runtime import DictState


@pytest.fixture
def chain() -> GrantsChain:
    return opened()


# ---- the account of a bounty


def test_a_bountys_account_is_derived_as_wallets_do() -> None:
    account = sub_account(TREASURY, 11)
    assert account == b"modlpy/trsry" + bytes.fromhex("0862740b000000") + bytes(13)


@pytest.mark.parametrize("place", [4, 12, 13, 14, 19, 31])
def test_an_id_like_a_bountys_is_none(place: int) -> None:
    raw = bytearray(sub_account(GRANTS, 5))
    raw[place] ^= 1
    assert is_pool(AccountId(bytes(raw))) is (place == 4)


def test_a_record_has_substrates_bytes() -> None:
    bounty = Bounty(ALICE, u128(1), u128(2), u128(3), u128(4), Awarded(BOB, CAROL, u32(5)))
    numbers = b"".join(bytes((n,)) + bytes(15) for n in (1, 2, 3, 4))
    expected = ALICE + numbers + b"\5" + BOB + CAROL + bytes((5, 0, 0, 0))
    assert codec(Bounty).encode(bounty) == expected


# ---- on the real chain


class Chain:
    """The whole runtime on block zero of the development chain, and a clock that a test sets."""

    def __init__(self) -> None:
        self.state = DictState()
        self.state.data = dict(build(make(CHAINS["dev"])).state)
        self.runtime = BttRuntime(RuntimeParams.decode(self.state.data[PARAMS_KEY]))
        self.runtime.enter(self.state)
        self.runtime.babe.genesis_slot.value = Slot(0)
        self.period = int(self.runtime.treasury.spend_period)
        self.supply = int(self.runtime.balances.total_issuance.value)

    def run(self, origin: Origin, pallet: str, name: str, **args: object) -> None:
        self.runtime.dispatch(origin, self.runtime.call(pallet, name, **args))

    def at(self, period: int) -> None:
        self.runtime.babe.current_slot.value = Slot(period * self.period)
        self.runtime.treasury.on_initialize(1)

    def money(self) -> int:
        rows = self.runtime.system.account.items()
        return sum(int(info.data.free + info.data.reserved) for _, info in rows)


def test_a_grant_counts_as_released_and_waits_while_releases_are_paused_or_at_the_ceiling() -> None:
    chain = Chain()
    runtime, alice = chain.runtime, dev_account("//Alice")
    before = int(runtime.tokenomics.releases.released_total.value)
    grants = int(runtime.balances.free(GRANTS))
    chain.run(signed(alice), "Bounties", "propose_bounty", value=100 * BTT, description=TEXT)
    chain.run(ROOT, "Bounties", "approve_bounty", bounty_id=u32(0))

    table = runtime.tokenomics.releases.release_table.value
    runtime.tokenomics.releases.release_table.value = [u32(0)] * len(table)
    chain.at(1)
    assert runtime.bounties.bounties[FIRST].status == Approved()
    runtime.tokenomics.releases.release_table.value = table
    chain.run(ROOT, "Tokenomics", "pause_discretionary", until=u64(2 * chain.period + 1))
    chain.at(2)
    assert runtime.bounties.bounties[FIRST].status == Approved()
    assert int(runtime.tokenomics.releases.released_total.value) == before
    chain.at(3)
    assert runtime.bounties.bounties[FIRST].status == Funded()
    assert int(runtime.tokenomics.releases.released_total.value) - before == 100 * BTT
    assert runtime.balances.free(runtime.bounties.funding.account_of(FIRST)) == 100 * BTT
    assert grants - int(runtime.balances.free(GRANTS)) == 100 * BTT

    chain.run(ROOT, "Bounties", "close_bounty", bounty_id=u32(0))
    assert int(runtime.balances.free(GRANTS)) == grants
    assert chain.money() == chain.supply


def test_the_treasury_of_the_real_chain_pays_what_root_approves() -> None:
    chain = Chain()
    runtime, bob = chain.runtime, dev_account("//Bob")
    had, funds = int(runtime.balances.free(bob)), int(runtime.treasury.available())
    chain.run(ROOT, "Treasury", "spend_local", amount=5 * BTT, beneficiary=Id(bob))
    chain.run(
        ROOT, "Treasury", "spend",
        asset_kind=AssetKind.Native, amount=7 * BTT, beneficiary=Id(bob), valid_from=None,
    )  # fmt: skip
    chain.run(signed(bob), "Treasury", "payout", index=u32(0))
    chain.at(1)
    assert int(runtime.balances.free(bob)) == had + 12 * BTT
    assert int(runtime.treasury.available()) == funds - 12 * BTT
    assert chain.money() == chain.supply


# ---- whatever happens


class Grants(History):
    """Bounties on every way to their end, with proposers, a curator and a treasury."""

    refusals = (Error, BadOrigin)
    whole = True

    def __init__(self) -> None:
        self.chain = opened()
        super().__init__(self.chain)
        self.bounties = self.chain.bounties

    def step(self) -> None:
        known = dict(self.bounties.bounties.items())
        kind = self.rng.randrange(10)
        if not known or kind == 0:
            self.attempt(
                self.bounties.propose_bounty, signed(ALICE), self.rng.randint(5, 600) * BTT, TEXT
            )
        elif kind == 1:
            self.chain.spend()
        elif kind == 2:
            self.chain.ceiling.headroom = u128(self.one_of((10, 200, 10**6, 10**6))) * BTT
        else:
            index = u32(99) if self.one_in(20) else self.one_of(list(known))
            bounty = known.get(index)
            likely = WAYS[type(bounty.status)] if bounty is not None else ()
            if bounty is not None and isinstance(bounty.status, Approved | ApprovedWithCurator):
                self.chain.spend()
            names = EVERY if self.one_in(6) or not likely else likely
            self.take(self.one_of(names), index, 0 if bounty is None else int(bounty.value))

    def take(self, name: str, index: u32, value: int) -> None:
        bounties, fee = self.bounties, u128(value // self.one_of((1, 2, 3, 10**9)))
        match name:
            case "approve":
                self.attempt(bounties.approve_bounty, ROOT, index)
            case "approve_with":
                self.attempt(bounties.approve_bounty_with_curator, ROOT, index, Id(BOB), fee)
            case "choose":
                self.attempt(bounties.propose_curator, ROOT, index, Id(BOB), fee)
            case "accept":
                self.attempt(bounties.accept_curator, signed(BOB), index)
            case "award":
                self.attempt(bounties.award_bounty, signed(BOB), index, Id(CAROL))
            case "claim":
                self.chain.clock.slot += self.one_of((1, DELAY, DELAY))
                self.attempt(bounties.claim_bounty, signed(DAVE), index)
            case "close":
                self.attempt(bounties.close_bounty, ROOT, index)
            case "unassign":
                self.attempt(bounties.unassign_curator, signed(BOB), index)
            case "dismiss":
                self.attempt(bounties.unassign_curator, ROOT, index)
            case "extend":
                self.attempt(bounties.extend_bounty_expiry, signed(BOB), index, b"")
            case _:
                base = BASE * u128(self.rng.randint(1, 200))
                bounties.deposits.bounty_deposit_base = base
                self.attempt(bounties.poke_deposit, signed(ALICE), index)

    def check(self) -> None:
        chain = self.chain
        deposits: dict[AccountId, int] = {ALICE: 0, BOB: 0}
        waiting = []
        for place, bounty in chain.bounties.bounties.items():
            deposits[bounty.proposer] += int(bounty.bond)
            deposits[BOB] += int(bounty.curator_deposit)
            unfunded = isinstance(bounty.status, Proposed | Approved | ApprovedWithCurator)
            assert chain.money(place) == (0 if unfunded else bounty.value)
            if isinstance(bounty.status, Approved | ApprovedWithCurator):
                waiting.append(place)
        assert {who: chain.deposit(who) for who in deposits} == deposits
        assert sorted(waiting) == sorted(chain.bounties.funding.bounty_approvals.value)
        free = sum(
            int(info.data.free + info.data.reserved) for _, info in chain.system.account.items()
        )
        assert free == chain.balances.total_issuance.value == (4_000 + POOL) * BTT


WAYS: dict[type[BountyStatus], tuple[str, ...]] = {
    Proposed: ("approve", "approve", "approve_with", "approve_with", "poke", "close"),
    Approved: ("approve",),
    ApprovedWithCurator: ("unassign", "dismiss"),
    Funded: ("choose", "choose", "choose", "close"),
    AwaitsCurator: ("accept", "accept", "accept", "unassign", "dismiss"),
    Active: ("award", "award", "extend", "unassign", "dismiss", "close"),
    Awarded: ("claim", "claim", "claim", "dismiss"),
}
"""Steps that may succeed with a bounty."""
EVERY = tuple(dict.fromkeys(name for names in WAYS.values() for name in names))


@settings(max_examples=settings().max_examples // 2)
@given(seeds(20, 50))
def test_deposits_and_money_are_where_the_bounties_say(steps: list[int]) -> None:
    Grants().run(steps)


def test_random_grants_reach_all_calls_and_events() -> None:
    assert unreached(Grants, Bounties, runs=4, steps=120) == set()
