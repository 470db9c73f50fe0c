"""Conservation of money: no sequence of calls creates or loses a planck.

Random signers make random calls of every pallet, nested at random, with amounts that lie where
rules change. Each passes the pool and a real block, and a second node imports the block. The whole
state of every block is audited.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, AccountInfo, Id
from btt_chain.scale import codec, u16, u64
from btt_chain.txpool import PoolError
from runtime import BttRuntime
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    EXCHANGE,
    GRANTS,
    OPERATIONS,
    PAYFI,
    TREASURY,
)
from runtime.audits import audit, records
from runtime.constants import BTT, YEAR_MS
from runtime.frame import ROOT, BadOrigin, Call, Reason, Weight
from runtime.pallets.assets.types import Consumer
from runtime.pallets.balances import events as balances_events
from runtime.pallets.balances.formulas import amount_of, lock_level
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.bounties.types import RESERVE_ID
from runtime.pallets.proxy import events as proxy_events
from runtime.pallets.system.pallet import System
from runtime.pallets.tokenomics import errors as tokenomics_errors
from runtime.pallets.tokenomics.ledger import ALL_POOLS, id_of
from runtime.pallets.tokenomics.types import NO_HASH
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from support.chain import BOB, CHARLIE, DAVE, START, DevChain, account, in_transaction
from support.conservation.arguments import LIKELY, RULES, TOGETHER, dispatchables
from support.conservation.chain import new_chain
from support.conservation.chooser import Chooser, Situation
from support.conservation.signers import ED, JOINT, KNOWN, SIGNERS
from support.conservation.steps import Step, next_purchase, next_step
from support.pool_watch import PoolWatch

SEEDS = st.integers(0, 2**40)
# Items that every transaction may change, failed ones included.
BOOKKEEPING = (
    "scheduler.incomplete_since",
    "system.block_weight",
    "system.events",
    "system.event_count",
    "fees.next_fee_multiplier",
    "fees.era_paid",
)


def test_arguments_of_every_call_can_be_chosen() -> None:
    chain = new_chain()
    arguments = set[str]()
    for name, entry in dispatchables(chain.runtime).items():
        for seed in range(3):
            Chooser(seed, Situation(chain)).named(name, 1)
        pallet = name.partition(".")[0]
        for argument, _ in entry.args:
            arguments |= {argument, f"{pallet}.{argument}", f"{name}.{argument}"}
    assert arguments >= RULES.keys()
    assert dispatchables(chain.runtime).keys() >= {*TOGETHER, *LIKELY}


@pytest.mark.parametrize("pool", [pytest.param(pool, id=pool[4:12].decode()) for pool in ALL_POOLS])
def test_root_spends_only_pools_that_it_decides_about(pool: AccountId) -> None:
    chain = DevChain(extra={pool: START}, economy={}, shared=True)
    runtime = chain.at()
    given = {"pool": id_of(pool), "amount": 200 * BTT, "beneficiary": Id(KNOWN[1])}
    release = runtime.call("Tokenomics", "release_discretionary", **given)
    if pool in (ECOSYSTEM, GRANTS, DEVELOPMENT_FUND, OPERATIONS):
        runtime.dispatch(ROOT, release)
        assert runtime.balances.total(pool) == START - 200 * BTT
    else:
        with pytest.raises(tokenomics_errors.NotDiscretionary):
            runtime.dispatch(ROOT, release)
    reserved = {"amount": 200 * BTT, "beneficiary": Id(KNOWN[1]), "reason_hash": NO_HASH}
    with pytest.raises(BadOrigin):
        runtime.dispatch(ROOT, runtime.call("Tokenomics", "spend_reserve", **reserved))


LONGER = (100, 30_000, 450_000)
"""Slots in which something ends: a period of the treasury, a short stake, a month."""
YEAR = YEAR_MS // 6_000
"""Slots of a year: the chain may stand still for as long."""


class World(RuleBasedStateMachine):
    """A chain and a second node that follows it."""

    @initialize()
    def begin(self) -> None:
        self.chain = new_chain()
        self.peer = self.chain.another()
        self.supply = self.chain.total() + int(self.chain.at().balances.total_burned.value)
        self.situation = Situation(self.chain)
        self.watch = PoolWatch(self.chain)

    # ---- rules

    @rule(seed=SEEDS)
    def something_happens(self, seed: int) -> None:
        """Make one of the steps, by chance: as rules of their own, most runs would lack some."""
        # Hypothesis repeats seeds: each block begins others.
        seed += int(self.chain.client.best().number) << 41
        rng = Random(seed)
        steps = (
            lambda: self.an_account_calls(seed, rng.choice(SIGNERS), rng.choice((0, 1, 10**18))),
            lambda: self.several_accounts_call_in_one_block(seed),
            lambda: self.several_accounts_call_in_one_block(seed),
            lambda: self.two_owners_agree(seed),
            lambda: self.steps_continue_earlier_calls(seed),
            lambda: self.steps_continue_work_and_trade(seed),
            lambda: self.steps_continue_work_and_trade(seed),
            lambda: self.merchants_are_paid(seed),
            lambda: self.time_passes(rng.choice((1, 2, 7, *LONGER, YEAR))),
        )
        rng.choice(steps)()

    def an_account_calls(self, seed: int, pair: KeyPair, tip: int) -> None:
        made = self._choose(seed, pair)
        before = self.chain.storage()
        try:
            self.chain.send(pair, made, tip=tip)
        except PoolError:
            assert self.chain.storage() == before
            return
        self._seal()
        events = self._of_transaction()
        if events and isinstance(events[-1], System.ExtrinsicFailed):
            self._nothing_but_fee_and_nonce(self._without_transactions(), account(pair), events)

    def _choose(self, seed: int, signer: KeyPair) -> Call:
        self.situation.signer = account(signer)
        chooser = Chooser(seed, self.situation)
        made = chooser.call()
        if len(made.raw) < 500:
            self.situation.remember(made)
        return made

    def several_accounts_call_in_one_block(self, seed: int) -> None:
        """Let each account make four calls, and root four, whose key one of them has."""
        sudo = self.chain.at().sudo.key.get()
        for place, pair in enumerate(SIGNERS):
            calls = [self._choose(seed + 10 * place + number, pair) for number in range(4)]
            if account(pair) == sudo:
                rooted = [self._choose(seed + 100 + number, pair) for number in range(4)]
                calls += [self.chain.call("Sudo", "sudo", call=made) for made in rooted]
            made = self.chain.call("Utility", "force_batch", calls=calls)
            with suppress(PoolError):
                self.chain.send(pair, made)
        self._seal()

    def two_owners_agree(self, seed: int) -> None:
        """Propose a call of the joint account and approve it: random calls rarely match."""
        made = Chooser(seed, self.situation).call(2)
        for pair in (BOB, CHARLIE):
            operation = self.chain.at().multisig.multisigs.get((JOINT, blake2_256(made.raw)))
            others = sorted({account(one) for one in (BOB, CHARLIE, DAVE)} - {account(pair)})
            approval = self.chain.call(
                "Multisig",
                "as_multi",
                threshold=u16(2),
                other_signatories=others,
                maybe_timepoint=operation.when if operation else None,
                call=made,
                max_weight=Weight(u64(10**10)),
            )
            with suppress(PoolError):
                self.chain.send(pair, approval)
            self._seal()

    def steps_continue_earlier_calls(self, seed: int) -> None:
        """Continue bounties, payments and stakes: random calls rarely do."""
        for place in range(5):
            for number in range(3):
                chooser = Chooser(seed + 10 * place + number, self.situation)
                self._take(chooser, next_step(chooser, trade=False))
            if chooser.flag():
                self.chain.now += chooser.one_of((0, 80, 80, *LONGER)) * self.chain.slot_ms / 1000
            self._seal()

    def steps_continue_work_and_trade(self, seed: int) -> None:
        """Continue jobs, assets, vaults and referenda, several steps in each block."""
        for place in range(5):
            for number in range(3):
                chooser = Chooser(seed + 10 * place + number, self.situation)
                self._take(chooser, next_step(chooser, trade=True))
            self.chain.now += chooser.one_of((0, 0, 1, 3, 12)) * self.chain.slot_ms / 1000
            self._seal()

    def merchants_are_paid(self, seed: int) -> None:
        """Pay merchants, refund and dispute: two steps a block, and sometimes their settlement."""
        for place in range(6):
            for number in range(2):
                chooser = Chooser(seed + 10 * place + number, self.situation)
                self._take(chooser, next_purchase(chooser))
            self.chain.now += chooser.one_of((0, 0, 100, 700)) * self.chain.slot_ms / 1000
            self._seal()

    def _take(self, chooser: Chooser, step: Step) -> None:
        """Send the call of a step if its signer is one of the test's."""
        who, name, args = step
        made, signer = chooser.named(name, 1, **args), who or self.chain.at().sudo.key.get()
        if who is None:
            made = self.chain.call("Sudo", "sudo", call=made)
        for pair in SIGNERS:
            if account(pair) == signer:
                with suppress(PoolError):
                    self.chain.send(pair, made)

    def time_passes(self, blocks: int) -> None:
        self.chain.now += blocks * self.chain.slot_ms / 1000
        self._seal()

    @precondition(lambda self: bool(self.chain.pool.pool.status().future))
    @rule()
    def future_transactions_are_sealed(self) -> None:
        self._seal()

    def _seal(self) -> None:
        hash = self.chain.seal()
        self.peer.import_block(*self.chain.block(hash))  # refuses any other root
        for record in self.chain.events(hash):
            event = record.event.event
            if isinstance(event, proxy_events.PureCreated):
                self.situation.pures = [*self.situation.pures[-3:], event.pure]
        self.watch.look(hash)
        assert not audit(self.chain.at())

    def _without_transactions(self) -> dict[bytes, bytes]:
        """Return the state that the best block would have led to if it were empty."""
        header, body = self.chain.block(self.chain.client.best().hash)
        overlay = self.chain.client.overlay(header.parent_hash)
        executive = self.chain.client.runtime_at(header.parent_hash).blocks
        executive.initialize_block(overlay, header)
        executive.apply_extrinsic(body[0])
        executive.finalize_block()
        state = self.chain.storage(header.parent_hash)
        for key, value in overlay.changes().items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        return state

    def _of_transaction(self) -> list[object]:
        records = self.chain.events(self.chain.client.best().hash)
        return [record.event.event for record in records if in_transaction(record)]

    # ---- invariants

    def _nothing_but_fee_and_nonce(
        self, before: dict[bytes, bytes], who: AccountId, events: list[object]
    ) -> None:
        kinds = {type(event) for event in events}
        assert kinds <= FAILURE_EVENTS, kinds
        after, runtime = self.chain.storage(), self.chain.at()
        accounts = runtime.system.account
        # The author's share may open the account anew, or be too little to, and go to the treasury.
        ours = {accounts.key(one): one for one in (who, KNOWN[0], DEVELOPMENT_FUND, TREASURY)}
        prefixes = tuple(item_prefix(runtime, name) for name in BOOKKEEPING)
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert not [key for key in changed - ours.keys() if not key.startswith(prefixes)]
        paid = TransactionPayment.TransactionFeePaid
        fee = sum(int(event.actual_fee) for event in events if isinstance(event, paid))
        change = 0
        for key, one in ours.items():
            old, new = (info_in(state, key).data for state in (before, after))
            assert (new.reserved, new.frozen) == (old.reserved, old.frozen)
            moved = int(new.free) - int(old.free)
            assert moved >= 0 or one == who
            if one == who and who != KNOWN[0]:
                assert moved == -fee
            change += moved
        assert change == 0
        nonces = [info_in(state, accounts.key(who)).nonce for state in (before, after)]
        assert nonces[1] == nonces[0] + 1

    @invariant()
    def money_is_conserved(self) -> None:
        runtime = self.chain.at()
        issuance = int(runtime.balances.total_issuance.value)
        assert self.chain.total() == issuance
        burned = int(runtime.balances.total_burned.value)
        assert issuance + burned == self.supply
        assert sum(int(part) for _, part in runtime.tokenomics.burned_by.items()) == burned

    @invariant()
    def references_are_counted(self) -> None:
        runtime = self.chain.at()
        units = runtime.assets.account.items()
        referring = [who for (_, who), one in units if isinstance(one.reason, Consumer)]
        vaults = [runtime.vaults.account_of(id) for id, _ in runtime.vaults.vaults.items()]
        for who, info in runtime.system.account.items():
            data = info.data
            provides = data.free >= ED
            chain_own = who in (*ALL_POOLS, EXCHANGE, PAYFI) or who in vaults
            assert info.providers == provides + chain_own, who.hex()
            consumers = bool(data.reserved or data.frozen) + runtime.session.has_keys(who)
            consumers += referring.count(who)
            assert int(info.consumers) == consumers, who.hex()
            assert info.providers or info.sufficients, who.hex()

    @invariant()
    def locks_and_reserves_add_up(self) -> None:
        runtime = self.chain.at()
        balances: Balances = runtime.balances
        due: dict[AccountId, dict[Reason, int]] = {}
        for who, why, amount in on_record(runtime):
            if amount:
                mine = due.setdefault(who, {})
                mine[why] = mine.get(why, 0) + amount
        for who, info in runtime.system.account.items():
            locks = balances.locks[who]
            level = lock_level(locks, balances.freezes[who])
            holds = {hold.id: int(hold.amount) for hold in balances.holds[who]}
            # Stakes and escrows never stand in for locked money.
            firm = sum(held for why, held in holds.items() if why not in balances.offsetting)
            assert info.data.frozen == (level + firm if level else 0)
            assert holds == due.get(who, {}), "only what has a record is on hold"
            reserves = balances.reserves[who]
            named = sum(int(entry.amount) for entry in reserves)
            assert sum(holds.values()) + named == info.data.reserved, "every reserve has a name"
            assert amount_of(reserves, RESERVE_ID) == deposits_of(runtime, who)
            schedules = runtime.vesting.schedules_ext.get(who) or []
            votes = bool(runtime.conviction_voting.class_locks_for[who])
            backs = who in runtime.chambers.elections.approvals
            objects = who in runtime.chambers.objections.own_objections
            assert len(locks) == bool(schedules) + votes + backs + objects
            shown = runtime.vesting.vesting.get(who) or []
            assert shown == [one.info() for one in schedules]

    @invariant()
    def a_follower_agrees(self) -> None:
        assert self.peer.best() == self.chain.client.best()


FAILURE_EVENTS = {
    balances_events.Endowed,  # author or fund, by the fee
    TransactionPayment.AuthorLimitReached,
    System.NewAccount,
    balances_events.Withdraw,
    balances_events.Deposit,
    TransactionPayment.TransactionFeePaid,
    System.ExtrinsicFailed,
}


def on_record(runtime: BttRuntime) -> Iterator[tuple[AccountId, Reason, int]]:
    """Yield the account, reason and planck of every hold that records ask for."""
    yield from records(runtime)
    for who, info in runtime.system.account.items():
        if not info.data.reserved:
            continue
        yield who, runtime.authorities.reason, int(runtime.authorities.bonded(who))
        staked = runtime.tier_staking.staked_of(who)
        yield who, runtime.tier_staking.reason, int(staked.long) + int(staked.short)


def info_in(state: dict[bytes, bytes], key: bytes) -> AccountInfo:
    raw = state.get(key)
    return AccountInfo() if raw is None else codec(AccountInfo).decode_all(raw)


def deposits_of(runtime: BttRuntime, who: AccountId) -> int:
    """Return the deposits of an account for bounties, added up from the bounties."""
    bounties = [bounty for _, bounty in runtime.bounties.bounties.items()]
    proposed = sum(int(bounty.bond) for bounty in bounties if bounty.proposer == who)
    return proposed + sum(
        int(bounty.curator_deposit)
        for bounty in bounties
        if getattr(bounty.status, "curator", None) == who
    )


def item_prefix(runtime: BttRuntime, name: str) -> bytes:
    pallet, item = name.split(".")
    prefix: bytes = getattr(getattr(runtime, pallet), item).prefix
    return prefix


World.TestCase.settings = settings(
    max_examples=settings().max_examples // 5, stateful_step_count=25
)
TestConservation = World.TestCase
