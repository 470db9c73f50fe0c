"""Conservation: whatever is called by whomever, no planck comes into being or gets lost.

Random signers make random calls of every pallet, nested at random, with amounts that lie where
rules change. Each goes through the pool into a real block, and a second node imports it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, AccountInfo, Id, Index, MultiAddress
from btt_chain.primitives.babe_digests import AllowedSlots, NextConfigDescriptor
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import AuthorityId as GrandpaId
from btt_chain.scale import codec, u16, u32, u64, u128
from btt_chain.txpool import PoolError
from runtime import BttRuntime
from runtime.accounts import DEVELOPMENT_FUND, TREASURY
from runtime.constants import BTT, MILLI_BTT
from runtime.frame import ROOT, Call, DispatchError, Weight
from runtime.pallets.authorities import LOWEST_MINIMUM
from runtime.pallets.balances import Balances
from runtime.pallets.balances.steps import lock_level
from runtime.pallets.multisig import Timepoint, multi_account_id
from runtime.pallets.proxy import Proxy, ProxyType
from runtime.pallets.session import SessionKeys
from runtime.pallets.system import System
from runtime.pallets.transaction_payment import TransactionPayment
from runtime.pallets.utility import RawNone, RawRoot, RawSigned, SystemOrigin, derivative
from runtime.pallets.vesting import VestingInfo
from support.chain import ALICE, BOB, CHARLIE, DAVE, START, DevChain, account, in_transaction

T = TypeVar("T")
SEEDS = st.integers(0, 2**40)

POOR = KeyPair.from_uri("//Poor")
SIGNERS = (ALICE, BOB, CHARLIE, DAVE, POOR)
KNOWN = [account(pair) for pair in SIGNERS]
STRANGERS = [AccountId(bytes((number,)) * 32) for number in (0, 7, 8)]
JOINT = multi_account_id(KNOWN[1:4], 2)
SHARED_1 = multi_account_id(KNOWN[1:4], 1)
ED = int(MILLI_BTT)
EXTREMES = (0, 1, ED - 1, ED, ED + 1, int(BTT), 100 * int(BTT), START, u128.MAX)
FAR = u32.MAX

# What any block changes, whatever is in it.
BOOKKEEPING = (
    "system.number",
    "system.parent_hash",
    "system.digest",
    "system.block_hash",
    "system.block_weight",
    "system.events",
    "system.event_count",
    "timestamp.now",
    "babe.current_slot",
    "babe.genesis_slot",
    "babe.author_vrf_randomness",
    "babe.lateness",
    "babe.beacon",
    "babe.beacons",
    "fees.next_fee_multiplier",
)


class Chooser:
    """Draws calls that fit the state well enough to do something, often.

    By a lot of its own: hypothesis would like small and simple calls best.
    """

    def __init__(self, seed: int, world: World) -> None:
        self._luck = random.Random(seed)
        self.world = world
        self.runtime: BttRuntime = world.chain.at()

    def one_of(self, options: Sequence[T]) -> T:
        return self._luck.choice(options)

    def flag(self) -> bool:
        return self.one_of((False, True))

    def who(self) -> AccountId:
        pools = [TREASURY, DEVELOPMENT_FUND, JOINT, SHARED_1]
        return self.one_of([*KNOWN, *KNOWN, *STRANGERS, *pools, *self.world.pures])

    def address(self) -> MultiAddress:
        return self.one_of([Id(self.who())] * 20 + [Index(())])

    def amount(self) -> u128:
        """An amount at which a rule may change: an extreme, or about what somebody has."""
        data = self.runtime.system.account[self.one_of(KNOWN)].data
        near = [
            int(data.free) - ED,
            int(data.free) - 2 * ED,
            int(data.free),
            int(data.free) - int(data.frozen),
            int(data.reserved),
            int(data.free) // 2,
            int(data.free) - int(BTT),
        ]
        return u128(self.one_of([*EXTREMES, *(max(0, about) for about in near)]))

    def weight(self) -> Weight:
        return Weight(u64(self.one_of((0, 10**9, 10**10, 10**11, u64.MAX))))

    def real(self) -> MultiAddress:
        """Return whom the signer is a proxy of; sometimes anybody."""
        proxies, signer = self.runtime.proxy.proxies, self.world.signer
        served = [
            one
            for one in [*KNOWN, *self.world.pures]
            if any(definition.delegate == signer for definition in proxies[one][0])
        ]
        return self.one_of([*map(Id, served * 5), self.address()])

    def number(self) -> u32:
        return u32(self.one_of((0, 1, 2, 5, FAR)))

    def kind(self) -> ProxyType:
        return self.one_of([ProxyType.Any] * 4 + list(ProxyType))

    def others(self) -> list[AccountId]:
        """Return the other owners of the joint account; sometimes not."""
        mine = [one for one in KNOWN[1:4] if one != self.world.signer]
        return sorted(self.one_of((mine, mine, mine, KNOWN[1:4], [])))

    def when(self) -> Timepoint | None:
        waiting = [operation.when for _, operation in self.runtime.multisig.multisigs.under(JOINT)]
        return self.one_of((None, Timepoint(u32(1), u32(1)), *waiting * 3))

    def inner(self, depth: int) -> Call:
        if self.world.made and self._luck.random() < 1 / 3:
            return self.one_of(self.world.made)
        return self.call(depth + 1)

    def call(self, depth: int = 0) -> Call:
        names = NESTING + PLAIN if depth < 3 else PLAIN
        (name,) = self._luck.choices(names, [LIKELY.get(name, 2) for name in names])
        pallet, _, method = name.partition(".")
        made = self.runtime.call(pallet, method, **CALLS[name](self, depth))
        if depth == 0 and len(made.raw) < 500:
            self.world.remember(made)
        return made


Arguments = Callable[[Chooser, int], dict[str, object]]


def calls(c: Chooser, depth: int) -> dict[str, object]:
    return {"calls": [c.inner(depth) for _ in range(c.one_of((0, 1, 2, 3)))]}


def origin(c: Chooser) -> SystemOrigin:
    options: list[RawRoot | RawSigned | RawNone] = [RawSigned(c.who()), RawRoot(), RawNone()]
    return SystemOrigin(c.one_of(options))


def schedule(c: Chooser) -> VestingInfo:
    now = c.runtime.babe.now()
    locked = c.one_of((c.amount(), u128(100 * BTT), u128(101 * BTT), u128(250 * BTT)))
    per_block = u128(c.one_of((0, 1, 10**18, int(locked) // 5, int(locked) // 2, u128.MAX)))
    return VestingInfo(locked, per_block, c.one_of((c.number(), u32(now), u32(now + 2))))


def definition(c: Chooser) -> dict[str, object]:
    return {"delegate": c.address(), "proxy_type": c.kind(), "delay": c.one_of((u32(0), u32(1)))}


def announced(c: Chooser) -> H256:
    made = c.one_of(c.world.made) if c.world.made else None
    return H256(blake2_256(made.raw if made else b""))


def report(pallet: str) -> Arguments:
    """Return how to draw a report of double signing: one that proves nothing."""

    def draw(c: Chooser, depth: int) -> dict[str, object]:
        (entry,) = [
            entry
            for entry in c.runtime.pallets[PLACES[pallet]].CALLS.values()
            if entry.name == "report_equivocation"
        ]
        return {name: kind.decode(bytes(1_000), 0)[0] for name, kind in entry.args}

    return draw


def session_keys(c: Chooser) -> SessionKeys:
    mark = bytes((c.one_of(range(4)),)) * 32
    return SessionKeys(BabeId(mark), GrandpaId(mark))


def config(c: Chooser) -> NextConfigDescriptor:
    return NextConfigDescriptor((u64(c.one_of((0, 1, 5))), u64(4)), c.one_of(list(AllowedSlots)))


PLACES = {"Babe": 2, "Grandpa": 8}

CALLS: dict[str, Arguments] = {
    "System.remark": lambda c, _: {"remark": b"x"},
    "System.remark_with_event": lambda c, _: {"remark": b"x"},
    "Timestamp.set": lambda c, _: {"now": u64(1)},
    "Balances.transfer_allow_death": lambda c, _: {"dest": c.address(), "value": c.amount()},
    "Balances.transfer_keep_alive": lambda c, _: {"dest": c.address(), "value": c.amount()},
    "Balances.transfer_all": lambda c, _: {"dest": c.address(), "keep_alive": c.flag()},
    "Balances.burn": lambda c, _: {"value": c.amount(), "keep_alive": c.flag()},
    "Balances.force_transfer": lambda c, _: {
        "source": c.address(), "dest": c.address(), "value": c.amount(),
    },
    "Balances.force_unreserve": lambda c, _: {"who": c.address(), "amount": c.amount()},
    "Balances.force_set_balance": lambda c, _: {"who": c.address(), "new_free": c.amount()},
    "Utility.batch": calls,
    "Utility.batch_all": calls,
    "Utility.force_batch": calls,
    "Utility.as_derivative": lambda c, d: {"index": u16(1), "call": c.inner(d)},
    "Utility.dispatch_as": lambda c, d: {"as_origin": origin(c), "call": c.inner(d)},
    "Utility.dispatch_as_fallible": lambda c, d: {"as_origin": origin(c), "call": c.inner(d)},
    "Utility.with_weight": lambda c, d: {"call": c.inner(d), "weight": c.weight()},
    "Utility.if_else": lambda c, d: {"main": c.inner(d), "fallback": c.inner(d)},
    "Multisig.as_multi_threshold_1": lambda c, d: {
        "other_signatories": c.others(), "call": c.inner(d),
    },
    "Multisig.as_multi": lambda c, d: {
        "threshold": u16(2), "other_signatories": c.others(), "maybe_timepoint": c.when(),
        "call": c.inner(d), "max_weight": c.weight(),
    },
    "Multisig.approve_as_multi": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(), "maybe_timepoint": c.when(),
        "call_hash": announced(c), "max_weight": c.weight(),
    },
    "Multisig.cancel_as_multi": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(),
        "timepoint": c.when() or Timepoint(u32(1), u32(1)), "call_hash": announced(c),
    },
    "Multisig.poke_deposit": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(), "call_hash": announced(c),
    },
    "Proxy.proxy": lambda c, d: {
        "real": c.real(), "force_proxy_type": None, "call": c.inner(d),
    },
    "Proxy.add_proxy": lambda c, _: definition(c),
    "Proxy.remove_proxy": lambda c, _: definition(c),
    "Proxy.remove_proxies": lambda c, _: {},
    "Proxy.create_pure": lambda c, _: {
        "proxy_type": c.kind(), "delay": u32(0), "index": u16(0),
    },
    "Proxy.kill_pure": lambda c, _: {
        "spawner": c.address(), "proxy_type": ProxyType.Any, "index": u16(0),
        "height": u32(c.one_of(range(6))), "ext_index": u32(1),
    },
    "Proxy.poke_deposit": lambda c, _: {},
    "Proxy.announce": lambda c, _: {"real": c.real(), "call_hash": announced(c)},
    "Proxy.remove_announcement": lambda c, _: {"real": c.address(), "call_hash": announced(c)},
    "Proxy.reject_announcement": lambda c, _: {"delegate": c.address(), "call_hash": announced(c)},
    "Proxy.proxy_announced": lambda c, d: {
        "delegate": c.address(), "real": c.address(), "force_proxy_type": None,
        "call": c.inner(d),
    },
    "Vesting.vest": lambda c, _: {},
    "Vesting.vest_other": lambda c, _: {"target": c.address()},
    "Vesting.vested_transfer": lambda c, _: {"target": c.address(), "schedule": schedule(c)},
    "Vesting.force_vested_transfer": lambda c, _: {
        "source": c.address(), "target": c.address(), "schedule": schedule(c),
    },
    "Vesting.merge_schedules": lambda c, _: {
        "schedule1_index": c.number(), "schedule2_index": c.number(),
    },
    "Vesting.force_remove_vesting_schedule": lambda c, _: {
        "target": c.address(), "schedule_index": u32(0),
    },
    "Authorities.bond": lambda c, _: {"amount": c.amount()},
    "Authorities.bond_extra": lambda c, _: {"amount": c.amount()},
    "Authorities.unbond": lambda c, _: {"amount": c.amount()},
    "Authorities.withdraw_unbonded": lambda c, _: {},
    "Authorities.validate": lambda c, _: {},
    "Authorities.chill": lambda c, _: {},
    "Authorities.chill_other": lambda c, _: {"stash": c.address()},
    "Authorities.set_minimum_bond": lambda c, _: {
        "amount": c.one_of((c.amount(), LOWEST_MINIMUM)),
    },
    "Authorities.set_validator_count": lambda c, _: {"count": c.number()},
    "Session.set_keys": lambda c, _: {"keys": session_keys(c), "proof": b""},
    "Session.purge_keys": lambda c, _: {},
    "Babe.report_equivocation": report("Babe"),
    "Babe.report_equivocation_unsigned": report("Babe"),
    "Babe.plan_config_change": lambda c, _: {"config": config(c)},
    "Grandpa.report_equivocation": report("Grandpa"),
    "Grandpa.report_equivocation_unsigned": report("Grandpa"),
    "Grandpa.note_stalled": lambda c, _: {
        "delay": c.number(), "best_finalized_block_number": c.number(),
    },
    "Sudo.sudo": lambda c, d: {"call": c.inner(d)},
    "Sudo.sudo_unchecked_weight": lambda c, d: {"call": c.inner(d), "weight": c.weight()},
    "Sudo.sudo_as": lambda c, d: {"who": c.address(), "call": c.inner(d)},
    "Sudo.set_key": lambda c, _: {"new": c.address()},
    "Sudo.remove_key": lambda c, _: {},
}  # fmt: skip
"""How to draw the arguments of every call there is."""

NESTING = [
    *(name for name in CALLS if name.startswith("Utility.")),
    "Sudo.sudo",
    "Sudo.sudo_unchecked_weight",
    "Sudo.sudo_as",
    "Multisig.as_multi_threshold_1",
    "Multisig.as_multi",
    "Proxy.proxy",
    "Proxy.proxy_announced",
]
PLAIN = [name for name in CALLS if name not in NESTING]
LIKELY = {
    # What ends a story early comes late; what begins one comes often.
    "Sudo.remove_key": 0.05,
    "Sudo.set_key": 0.2,
    "Timestamp.set": 0.5,
    "Proxy.remove_proxies": 0.5,
    "Proxy.kill_pure": 1,
    "Proxy.add_proxy": 5,
    "Multisig.as_multi": 5,
    "Multisig.cancel_as_multi": 1,
    "Multisig.poke_deposit": 1,
    "Vesting.vested_transfer": 6,
    "Vesting.merge_schedules": 3,
    "Balances.transfer_allow_death": 4,
    "Balances.transfer_all": 3,
    "Authorities.bond": 6,
    "Authorities.validate": 3,
    "Babe.report_equivocation": 0.2,
    "Babe.report_equivocation_unsigned": 0.2,
    "Babe.plan_config_change": 0.5,
    "Grandpa.report_equivocation": 0.2,
    "Grandpa.report_equivocation_unsigned": 0.2,
    "Grandpa.note_stalled": 0.5,
}


def test_every_call_of_the_runtime_is_tried() -> None:
    runtime = DevChain().runtime
    every = {
        f"{pallet.name}.{entry.name}"
        for pallet in runtime.pallets.values()
        for entry in pallet.CALLS.values()
    }
    assert set(CALLS) == every == {*NESTING, *PLAIN}


AMOUNT = u128(200 * BTT)
PLAN = VestingInfo(AMOUNT, u128(BTT), u32(0))
TO_BOB = {"dest": Id(KNOWN[1]), "value": AMOUNT}


def root_calls(runtime: BttRuntime, pool: AccountId) -> dict[str, Call]:
    """Return each call by which root could take from a pool, if pools were not out of reach."""
    call, whom = runtime.call, Id(pool)
    pay = call("Balances", "transfer_allow_death", **TO_BOB)
    as_pool = {"as_origin": SystemOrigin(RawSigned(pool)), "call": pay}
    vested = {"source": whom, "target": Id(KNOWN[1]), "schedule": PLAN}
    removed = {"target": whom, "schedule_index": u32(0)}
    return {
        "transfer": call("Balances", "force_transfer", source=whom, **TO_BOB),
        "set": call("Balances", "force_set_balance", who=whom, new_free=u128(BTT)),
        "dispatch": call("Utility", "dispatch_as_fallible", **as_pool),
        "quiet dispatch": call("Utility", "dispatch_as", **as_pool),
        "sudo_as": call("Sudo", "sudo_as", who=whom, call=pay),
        "vested": call("Vesting", "force_vested_transfer", **vested),
        "removal": call("Vesting", "force_remove_vesting_schedule", **removed),
    }


@pytest.mark.parametrize("pool", [TREASURY, DEVELOPMENT_FUND])
def test_no_call_of_root_takes_from_a_pool(pool: AccountId) -> None:
    chain = DevChain(extra={pool: START}, shared=True)
    given = chain.call("Vesting", "vested_transfer", target=Id(pool), schedule=PLAN)
    chain.run(BOB, given)
    runtime = chain.at()
    had = runtime.balances.total(pool)
    for name, made in root_calls(runtime, pool).items():
        with pytest.raises(DispatchError):
            runtime.dispatch(ROOT, made)
        assert runtime.balances.total(pool) == had, name
        assert runtime.vesting.unvested(pool), name


class World(RuleBasedStateMachine):
    """A chain, a second node that follows it, and what has been made so far."""

    @initialize()
    def begin(self) -> None:
        self.chain = DevChain(
            extra={POOR.account_id: 3 * ED, JOINT: START, SHARED_1: START, TREASURY: START},
            shared=True,
        )
        self.peer = self.chain.another()
        self.supply = self.chain.total()
        self.pures: list[AccountId] = [derivative(KNOWN[1], u16(1))]
        self.made: list[Call] = []
        self.signer = KNOWN[0]
        self.pool_money: dict[AccountId, int] = {}
        self.set_by_force = False

    def remember(self, made: Call) -> None:
        if made.raw not in [other.raw for other in self.made]:
            self.made = [*self.made[-5:], made]

    # ---- what happens

    @rule(seed=SEEDS, pair=st.sampled_from(SIGNERS), tip=st.sampled_from((0, 0, 1, 10**18)))
    def somebody_calls(self, seed: int, pair: KeyPair, tip: int) -> None:
        self.signer = account(pair)
        made = Chooser(seed, self).call()
        before = self.chain.storage()
        try:
            self.chain.send(pair, made, tip=tip)
        except PoolError:
            assert self.chain.storage() == before
            return
        self._seal()
        events = self._of_transaction()
        if events and isinstance(events[-1], System.ExtrinsicFailed):
            self._nothing_but_fee_and_nonce(before, account(pair), events)

    @rule(seed=SEEDS)
    def several_call_in_one_block(self, seed: int) -> None:
        for place, pair in enumerate(SIGNERS):
            self.signer = account(pair)
            with suppress(PoolError):
                self.chain.send(pair, Chooser(seed + place, self).call())
        self._seal()

    @rule(seed=SEEDS)
    def two_owners_agree(self, seed: int) -> None:
        """Propose a call of the joint account and approve it: too rare a chance otherwise."""
        made = Chooser(seed, self).call(2)
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

    @rule(blocks=st.sampled_from((1, 2, 7)))
    def time_passes(self, blocks: int) -> None:
        self.chain.now += blocks * self.chain.slot_ms / 1000
        self._seal()

    @precondition(lambda self: bool(self.chain.pool.pool.status().future))
    @rule()
    def nothing_waits_for_ever(self) -> None:
        self._seal()

    def _seal(self) -> None:
        hash = self.chain.seal()
        self.peer.import_block(*self.chain.block(hash))  # refuses any other root
        for record in self.chain.events(hash):
            event = record.event.event
            if isinstance(event, Proxy.PureCreated):
                self.pures = [*self.pures[-3:], event.pure]
            self.set_by_force |= isinstance(event, Balances.BalanceSet)

    def _of_transaction(self) -> list[object]:
        records = self.chain.events(self.chain.client.best().hash)
        return [record.event.event for record in records if in_transaction(record)]

    # ---- what must hold

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
        told = TransactionPayment.TransactionFeePaid
        fee = sum(int(event.actual_fee) for event in events if isinstance(event, told))
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
        assert issuance + int(runtime.balances.total_burned.value) == self.supply

    @invariant()
    def nobody_reaches_into_a_pool(self) -> None:
        """The treasury pays what `force_set_balance` gives; else pools only take."""
        balances = self.chain.at().balances
        for pool in (TREASURY, DEVELOPMENT_FUND):
            money = int(balances.total(pool))
            may_fall = pool == TREASURY and self.set_by_force
            assert may_fall or money >= self.pool_money.get(pool, 0)
            self.pool_money[pool] = money
        self.set_by_force = False

    @invariant()
    def references_are_counted(self) -> None:
        runtime = self.chain.at()
        pools = {TREASURY, DEVELOPMENT_FUND}
        for who, info in runtime.system.account.items():
            data = info.data
            provides = data.free >= ED
            assert info.providers == provides + (who in pools), who.hex()
            consumers = bool(data.reserved or data.frozen) + runtime.session.has_keys(who)
            assert int(info.consumers) == consumers, who.hex()
            assert info.providers or info.sufficients, who.hex()

    @invariant()
    def locks_and_reserves_add_up(self) -> None:
        runtime = self.chain.at()
        balances: Balances = runtime.balances
        for who, info in runtime.system.account.items():
            locks = balances.locks[who]
            assert info.data.frozen == lock_level(locks, balances.freezes[who])
            held = sum(int(hold.amount) for hold in balances.holds[who])
            assert held == runtime.authorities.bonded(who), "only bonds are on hold"
            named = sum(int(entry.amount) for entry in balances.reserves[who])
            assert held + named == info.data.reserved, "every reserve has a name"
            schedules = runtime.vesting.schedules_ext.get(who) or []
            assert bool(schedules) == bool(locks)
            told = runtime.vesting.vesting.get(who) or []
            assert told == [one.info() for one in schedules]

    @invariant()
    def a_follower_agrees(self) -> None:
        assert self.peer.best() == self.chain.client.best()


FAILURE_EVENTS = {
    Balances.Endowed,  # author or fund, by the fee
    System.NewAccount,
    Balances.Withdraw,
    Balances.Deposit,
    TransactionPayment.TransactionFeePaid,
    System.ExtrinsicFailed,
}


def info_in(state: dict[bytes, bytes], key: bytes) -> AccountInfo:
    raw = state.get(key)
    return AccountInfo() if raw is None else codec(AccountInfo).decode_all(raw)


def item_prefix(runtime: BttRuntime, name: str) -> bytes:
    pallet, item = name.split(".")
    prefix: bytes = getattr(getattr(runtime, pallet), item).prefix
    return prefix


World.TestCase.settings = settings(
    max_examples=max(20, settings().max_examples // 5),
    stateful_step_count=25,
)
TestConservation = World.TestCase
