"""Calls drawn by lot, of every pallet that money moves through, with arguments that may well work.

The arguments of a call are drawn by their names, so that a new call is tried as soon as it is
there. Draws come from a lot of their own: hypothesis would like small and simple ones best.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime import accounts
from runtime.constants import BTT, MILLI_BTT
from runtime.frame import NONE, ROOT, Call, DispatchInfo, Origin, Weight, signed
from runtime.frame.call import Dispatchable
from runtime.pallets.authorities import LOWEST_MINIMUM
from runtime.pallets.bounties import Bounties
from runtime.pallets.mining import Params
from runtime.pallets.multisig import Timepoint
from runtime.pallets.proxy import ProxyType
from runtime.pallets.tier_staking import Contribution, Tier
from runtime.pallets.tokenomics import BurnId, BurnReason, CeilingMode, MilestoneStatus, PoolId
from runtime.pallets.tokenomics.ledger import id_of
from runtime.pallets.treasury import AssetKind, Treasury
from runtime.pallets.vesting import VestingInfo
from runtime.splits import ASSET, PAYFI, split_compute, split_platform
from support.economy.chain import PEOPLE, EconomyChain, Step
from support.economy.oracle import DAY

T = TypeVar("T")

PALLETS: Final = (
    "Balances", "Vesting", "Authorities", "Multisig", "Proxy", "Tokenomics", "Mining",
    "TierStaking", "Treasury", "Bounties",
)  # fmt: skip
"""Whose calls are drawn, all of them."""
ED: Final = int(MILLI_BTT)
POOLS: Final = (*accounts.POOLS, accounts.TREASURY)


@dataclass(frozen=True)
class Door:
    """What another pallet would do, under a name."""

    name: str
    go: Callable[[], object]

    def __call__(self) -> object:
        """Go through it."""
        return self.go()


class Deck:
    """Steps for one block of a chain."""

    def __init__(self, chain: EconomyChain, seed: int) -> None:
        self.rng = random.Random(seed)
        self.chain = chain
        self.runtime = chain.runtime
        self.signer = PEOPLE[0]

    # ---- lots

    def one_of(self, options: Sequence[T]) -> T:
        """Draw one."""
        return self.rng.choice(options)

    def chance(self, percent: int) -> bool:
        """Say yes so often."""
        return self.rng.randrange(100) < percent

    # ---- values

    def holders(self) -> list[AccountId]:
        """Return those whose rows vest."""
        return [vests.account for vests in self.chain.vests]

    def who(self) -> AccountId:
        """Draw an account: mostly a person, sometimes a holder of a row, a pool or nobody yet."""
        strangers = [AccountId(bytes((number,)) * 32) for number in (7, 8)]
        return self.one_of([*PEOPLE * 6, *self.holders(), *strangers, self.one_of(POOLS)])

    def amount(self) -> u128:
        """Draw an amount at which a rule may change, or about what the signer has."""
        data = self.runtime.system.account[self.signer].data
        free, locked = int(data.free), int(data.frozen)
        near = [free, free - ED, free - locked, free - locked + 1, free // 2, free // 7]
        fixed = [0, 1, ED - 1, ED, int(BTT), 100 * int(BTT), 1_000 * int(BTT), 5_000 * int(BTT)]
        odd = self.rng.randrange(10**22)
        return u128(max(0, self.one_of([*near, *fixed, odd, u128.MAX])))

    def modest(self) -> u128:
        """Draw an amount that the signer most often has."""
        usable = int(self.runtime.balances.reducible_balance(self.signer))
        return u128(self.one_of((usable // 2, usable // 3, usable // 10, 1_000 * int(BTT))))

    def some_id(self, known: Iterable[int]) -> u32:
        """Draw a number that there is, most often."""
        return u32(self.one_of([*known, 0] if self.chance(95) else [7]))

    def stake_id(self) -> u32:
        """Draw a stake, of the signer if there is one."""
        return self.some_id(
            int(number) for number, _ in self.chain.staking.ledger.stakes.under(self.signer)
        )

    def stake_amount(self) -> u128:
        """Draw what may be staked."""
        usable = int(self.runtime.balances.reducible_balance(self.signer))
        minimums = [int(tier.minimum) for tier in self.chain.staking.tier_terms.current_tiers.value]
        odd = self.rng.randrange(1, 10**22)
        return u128(self.one_of([*minimums, *minimums, *(one + odd for one in minimums), usable]))

    def slot(self) -> int:
        """Draw a slot, not long from now."""
        now = self.runtime.babe.now()
        return self.one_of((0, now + 1, now + 14_400, now + 5_000_000))

    def era(self) -> u32:
        """Draw an era, of those that are over most often."""
        now = int(self.chain.mining.eras.era_index.value)
        return u32(max(0, now - self.one_of((0, 1, 1, 1, 2, 3, 5))))

    def pool(self) -> PoolId:
        """Draw the name of a pool; those that decisions pay from, most often."""
        decided = (accounts.ECOSYSTEM, accounts.GRANTS)
        rarely = (accounts.DEVELOPMENT_FUND, accounts.OPERATIONS)
        return id_of(self.one_of([*decided * 16, *rarely * 4, *POOLS]))

    def share(self) -> u128:
        """Draw an amount for a pool to pay: little, or about what the release ceiling leaves."""
        room = self.chain.tokenomics.releases.headroom()
        little = self.rng.randrange(10**22)
        most = (
            room,
            room + 1,
            room // 2,
            int(self.chain.tokenomics.payments.available(accounts.ECOSYSTEM)),
        )
        return u128(self.one_of((little, little, *most)))

    def milestone(self) -> tuple[u32, u32]:
        """Draw an item of a programme."""
        programmes = [number for number, _ in self.chain.tokenomics.programmes.programmes.items()]
        return self.some_id(map(int, programmes)), u32(self.rng.randrange(17))

    def terms(self) -> Tier:
        """Draw the terms of a tier, near those that there are."""
        tier = self.one_of(self.chain.staking.tier_terms.current_tiers.value)
        return replace(
            tier,
            reward_bps=u32(int(tier.reward_bps) * self.one_of((1, 1, 2)) // self.one_of((1, 2))),
            minimum=u128(int(tier.minimum) * self.one_of((1, 2, 3)) // 2),
        )

    def spend(self) -> u32:
        """Draw a promised payment."""
        return self.some_id(
            int(number) for number, _ in self.runtime.pallet(Treasury).spends.items()
        )

    def bounties(self) -> Iterator[int]:
        """Return the bounties that there are."""
        return (int(number) for number, _ in self.runtime.pallet(Bounties).bounties.items())

    def schedule(self) -> VestingInfo:
        """Draw a vesting schedule; now and then one that makes no sense."""
        now = self.runtime.babe.now()
        locked = self.one_of((self.amount(), u128(100 * BTT), self.modest()))
        lasts = self.one_of((1, 10, 14_400, 438_300, 5_000_000))
        per_block = u128(self.one_of((0, 1, max(1, int(locked) // lasts), u128.MAX)))
        return VestingInfo(locked, per_block, u32(self.one_of((0, now, now + 2, now + 438_300))))

    # ---- steps

    def steps(self, most: int) -> Iterator[Step]:
        """Draw up to so many steps."""
        for _ in range(self.rng.randrange(most + 1)):
            yield self.step()

    def step(self) -> Step:
        """Draw one step."""
        self.signer = self.one_of([*PEOPLE * 3, *self.holders()])
        if self.chance(30):
            return self.door()
        names = [name for name in self.calls() for _ in range(LIKELY.get(name, 2))]
        return self.call(self.one_of(names))

    def door(self) -> Door:
        """Draw what a pallet that is still to come would do."""
        name = self.one_of(list(DOORS))
        return Door(name, DOORS[name](self))

    def calls(self) -> dict[str, Dispatchable]:
        """Return the calls that can be drawn, by name."""
        return {
            f"{pallet.name}.{entry.name}": entry
            for pallet in self.runtime.pallets.values()
            if pallet.name in PALLETS
            for entry in pallet.CALLS.values()
        }

    def call(self, name: str) -> Step:
        """Draw the origin and the arguments of a call."""
        entry = self.calls()[name]
        chosen: dict[str, object] = {}
        if name in TOGETHER and self.chance(90):
            chosen = TOGETHER[name](self)
        origin = self.origin(name)
        args = {
            arg: chosen[arg] if arg in chosen else self.argument(name, arg) for arg, _ in entry.args
        }
        pallet, _, method = name.partition(".")
        return origin, self.runtime.call(pallet, method, **args)

    def name_of(self, call: Call) -> str:
        """Return what a call is named."""
        pallet = self.runtime.pallets[call.pallet]
        return f"{pallet.name}.{self.runtime.dispatchable(call).name}"

    def origin(self, name: str) -> Origin:
        """Draw who calls: whom the call is for, most often."""
        if self.chance(5):
            return self.one_of((ROOT, NONE, signed(self.who())))
        if name in ROOT_CALLS:
            return ROOT
        signers: dict[str, AccountId | None] = {
            "Tokenomics.attest_milestone": self.chain.tokenomics.foundation.get(),
            "Tokenomics.spend_reserve": self.chain.tokenomics.reserve_fund.reserve.get(),
        }
        self.signer = signers.get(name) or self.signer
        return signed(self.signer)

    def argument(self, call: str, name: str) -> object:
        """Draw a value for an argument, by its call's rule for it or its name's."""
        draw = ARGUMENTS.get(f"{call}.{name}") or ARGUMENTS[name]
        return draw(self)

    def inner(self) -> object:
        """Select the inner call of a call."""
        carried = self.call(self.one_of([name for name in self.calls() if "Proxy" not in name]))
        assert isinstance(carried, tuple)
        return carried[1]

    def others(self) -> list[AccountId]:
        """Return who acts with the signer for a shared account."""
        return sorted(who for who in PEOPLE[:3] if who != self.signer)

    # ---- stories: what rarely comes about call by call

    def a_bounty_is_earned(self) -> Iterator[tuple[int, Step]]:
        """Propose a bounty, fund it, do the work, and have it paid."""
        proposer, curator, worker = self.rng.sample(PEOPLE, 3)
        by, root, wait = self.chain.by, self.chain.root, 8 * DAY
        number = self.runtime.pallet(Bounties).bounty_count.value
        value, named = u128(self.rng.randrange(10**19, 10**22)), {"bounty_id": number}
        fee, text = u128(self.rng.randrange(10**18)), b"x" * self.rng.randrange(50)
        yield 0, by(proposer, "Bounties", "propose_bounty", value=value, description=text)
        yield 0, root("Bounties", "approve_bounty", **named)
        chosen = {"curator": Id(curator), "fee": fee}
        yield wait, root("Bounties", "propose_curator", **named, **chosen)
        yield 0, by(curator, "Bounties", "accept_curator", **named)
        yield 0, by(curator, "Bounties", "extend_bounty_expiry", **named, remark=b"")
        yield 0, by(curator, "Bounties", "award_bounty", **named, beneficiary=Id(worker))
        if self.chance(20):
            yield 0, root("Bounties", "unassign_curator", **named)
        yield wait, by(worker, "Bounties", "claim_bounty", **named)

    def a_bond_comes_back(self) -> Iterator[tuple[int, Step]]:
        """Bond, unbond, wait and withdraw."""
        self.signer = self.one_of([*PEOPLE, *self.holders()])
        amount, by = self.modest(), self.chain.by
        yield 0, by(self.signer, "Authorities", "bond", amount=amount)
        yield DAY, by(self.signer, "Authorities", "unbond", amount=u128(int(amount) // 2))
        for _ in range(8):  # sessions count, and a block begins one at most
            yield DAY, Door("wait", lambda: None)
        yield 0, by(self.signer, "Authorities", "withdraw_unbonded")

    def a_promise_is_paid(self) -> Iterator[tuple[int, Step]]:
        """Have the treasury promise something, and have it paid twice, if it may be."""
        args = {"asset_kind": AssetKind.Native, "amount": self.modest(), "valid_from": None}
        index, by = self.runtime.pallet(Treasury).spend_count.value, self.chain.by
        yield 0, self.chain.root("Treasury", "spend", **args, beneficiary=Id(self.who()))
        for name in ("payout", "payout", "check_status", "check_status"):
            yield self.one_of((0, DAY)), by(self.signer, "Treasury", name, index=index)

    def a_stake_runs_its_term(self) -> Iterator[tuple[int, Step]]:
        """Stake, claim now and then, and close after the term."""
        chosen = self.a_new_stake()
        if not chosen:
            return
        number, by = self.chain.staking.ledger.next_id.value, self.chain.by
        term = (
            int(self.chain.staking.tier_terms.current_tiers.value[int(str(chosen["tier"]))].days)
            * DAY
        )
        yield 0, by(self.signer, "TierStaking", "stake", **chosen, min_reward=u128(0))
        for part in sorted(self.rng.sample(range(1, 100), 3)):
            yield term * part // 300, by(self.signer, "TierStaking", "claim", id=number)
        yield term, by(self.signer, "TierStaking", "claim_dividend", id=number)
        yield 0, by(self.signer, "TierStaking", "unstake", id=number)

    # ---- arguments that go together: they set the signer, too

    def a_new_stake(self) -> dict[str, object]:
        """Choose a tier and somebody who has enough for it."""
        tiers = self.chain.staking.tier_terms.current_tiers.value
        least = min(int(tier.minimum) for tier in tiers)
        usable = {who: int(self.runtime.balances.reducible_balance(who)) for who in PEOPLE}
        rich = [who for who in PEOPLE if usable[who] > least]
        if not rich:
            return {}
        self.signer = self.one_of(rich)
        has = usable[self.signer]
        place = self.one_of([at for at, tier in enumerate(tiers) if tier.minimum <= has])
        minimum = int(tiers[place].minimum)
        amount = self.one_of((minimum, minimum, self.rng.randrange(minimum, has + 1)))
        return {"tier": u8(place), "amount": u128(amount)}

    def a_promise(self) -> dict[str, object]:
        """Unlock a part of the reserve for long."""
        room = int(self.chain.tokenomics.payments.available(accounts.RESERVE))
        expiry = u64(self.runtime.babe.now() + self.one_of((14_400, 5_000_000)))
        return {"cap": u128(room // self.one_of((1, 2, 10))), "expiry": expiry}

    def a_payment_of_the_reserve(self) -> dict[str, object]:
        """Spend about what is unlocked."""
        unlock = self.chain.tokenomics.reserve_fund.reserve_unlock.get()
        room = 0 if unlock is None else int(unlock.cap) - int(unlock.spent)
        return {"amount": u128(room // self.one_of((1, 1, 2, 5)) + self.one_of((0, 0, 0, 1)))}

    def a_spend(self) -> dict[str, object]:
        """Choose a promised payment."""
        known = [number for number, _ in self.runtime.pallet(Treasury).spends.items()]
        return {"index": self.one_of(known)} if known else {}

    def served(self) -> dict[str, object]:
        """Choose somebody who has a proxy, and the proxy."""
        known = [
            (who, definition.delegate)
            for who, (definitions, _) in self.runtime.proxy.proxies.items()
            for definition in definitions
        ]
        if not known:
            return {}
        real, self.signer = self.one_of(known)
        return {"real": Id(real)}

    def a_stake(self) -> dict[str, object]:
        """Choose a stake and its owner."""
        known = [keys for keys, _ in self.chain.staking.ledger.stakes.items()]
        if not known:
            return {}
        self.signer, number = self.one_of(known)
        return {"id": number, "who": Id(self.signer)}

    def some_eras(self) -> dict[str, object]:
        """Choose eras in which somebody worked."""
        known = [keys for keys, _ in self.chain.mining.eras.shares.items()]
        if not known:
            return {}
        era, self.signer = self.one_of(known)
        return {"era_from": u32(max(0, int(era) - self.one_of((0, 0, 3)))), "era_to": era}

    def some_points(self) -> dict[str, object]:
        """Choose a quarter in which somebody contributed."""
        known = [keys for keys, _ in self.chain.staking.contributions.contrib_points.items()]
        if not known:
            return {}
        quarter, self.signer = self.one_of(known)
        return {"quarter": quarter}

    def a_bounty(self) -> dict[str, object]:
        """Choose a bounty, and its curator or proposer."""
        known = dict(self.runtime.pallet(Bounties).bounties.items())
        if not known:
            return {}
        number, bounty = self.one_of(list(known.items()))
        self.signer = getattr(bounty.status, "curator", bounty.proposer)
        return {"bounty_id": number}

    def an_attested(self) -> dict[str, object]:
        """Choose an item that somebody may object to or confirm."""
        known = [
            (number, u32(place))
            for number, programme in self.chain.tokenomics.programmes.programmes.items()
            for place, item in enumerate(programme.milestones)
            if item.status in (MilestoneStatus.Attested, MilestoneStatus.Objected)
        ]
        if not known:
            return {}
        programme, index = self.one_of(known)
        return {"programme": programme, "index": index}

    def merging(self) -> dict[str, object]:
        """Choose somebody with several schedules."""
        rows = self.runtime.vesting.schedules_ext.items()
        known = [who for who, schedules in rows if len(schedules) > 1]
        if known:
            self.signer = self.one_of(known)
        return {}

    def bonded(self) -> dict[str, object]:
        """Choose somebody who has bonded."""
        self.signer = self.one_of(
            [who for who, _ in self.runtime.authorities.bonds.ledger.items()] or PEOPLE
        )
        return {}

    # ---- doors

    def work(self) -> Callable[[], object]:
        """Record a receipt of somebody's work."""
        price, units = (
            int(self.chain.mining.prices.fee_price.value),
            self.one_of((1, 10**3, 10**6, 10**8)),
        )
        fees = u128(min(units * price * self.one_of((0, 1, 1, 3)) // self.one_of((1, 2)), 10**24))
        receipt, provider = H256(self.rng.randbytes(32)), self.one_of(PEOPLE)
        verified, requester = self.chance(30), self.one_of(PEOPLE)
        return lambda: self.chain.mining.record(
            provider, receipt, units, fees, verified=verified, requester=requester
        )

    def measured(self) -> Callable[[], object]:
        """Tell of uptime and quality."""
        who, part = self.one_of(PEOPLE), self.rng.randrange(0, 101)
        mining = self.chain.mining

        def go() -> None:
            mining.record_uptime(who, part, 100)
            mining.record_quality(who, self.rng.randrange(1, 5_000), part, 100)

        return go

    def protocol_job(self) -> Callable[[], object]:
        """Pay a job of the chain from the unallocated emission."""
        mining, who = self.chain.mining, self.who()
        units = self.one_of((1, 10**3, 10**6, 10**9))
        return lambda: mining.spend_carry(
            who, u128(units * int(mining.prices.protocol_price.value))
        )

    def compute_fee(self) -> Callable[[], object]:
        """Pay for a job."""
        tokenomics, who, worker = self.chain.tokenomics, self.signer, self.one_of(PEOPLE)
        gross = int(self.one_of((self.modest(), u128(self.rng.randrange(10**21)), u128(3))))

        def go() -> None:
            split = split_compute(gross, int(tokenomics.threshold()))
            tokenomics.take(who, split, BurnReason.Compute, [(worker, split.contributors)])

        return go

    def platform_fee(self) -> Callable[[], object]:
        """Pay a fee of the asset platform or for a payment."""
        tokenomics, who, voter = self.chain.tokenomics, self.signer, self.one_of(PEOPLE)
        ramp, reason = self.one_of(((ASSET, BurnReason.Asset), (PAYFI, BurnReason.Payfi)))
        fee, voters = self.rng.randrange(10**20), self.one_of((0, 1_000))

        def go() -> None:
            limit = int(tokenomics.threshold())
            split = split_platform(fee, ramp, fee * 100, limit, voters_bps=voters)
            tokenomics.take(who, split, reason, [(voter, split.voters)] if voters else [])

        return go

    def network_fee(self) -> Callable[[], object]:
        """Pay for a transaction."""
        fees, who = self.runtime.fees, self.signer
        info, length = DispatchInfo(10**9), self.rng.randrange(100, 1_000)
        tip = u128(self.one_of((0, 0, 10**17)))

        def go() -> None:
            taken = fees.charge(who, info, length, tip, discount=fees.discount_of(who))
            fees.settle(who, taken, taken, tip)

        return go

    def penalty(self) -> Callable[[], object]:
        """Destroy somebody's money."""
        who, amount = self.signer, u128(self.rng.randrange(10**20))
        return lambda: self.chain.tokenomics.destroy(who, amount, BurnReason.Slash)

    def contribution(self) -> Callable[[], object]:
        """Count what somebody contributed."""
        who, kind, times = self.signer, self.one_of(list(Contribution)), self.rng.randrange(30)
        return lambda: self.chain.staking.contributions.add_points(who, kind, times)

    def hospital(self) -> Callable[[], object]:
        """Let there be more hospitals; they stay, whatever becomes of the block."""
        return lambda: self.chain.operators.found(self.one_of((1, 60, 500)))


STORIES: Final = (
    Deck.a_bounty_is_earned,
    Deck.a_bond_comes_back,
    Deck.a_promise_is_paid,
    Deck.a_stake_runs_its_term,
)

DOORS: Final[dict[str, Callable[[Deck], Callable[[], object]]]] = {
    "work": Deck.work,
    "more work": Deck.work,
    "measured": Deck.measured,
    "protocol job": Deck.protocol_job,
    "compute fee": Deck.compute_fee,
    "platform fee": Deck.platform_fee,
    "network fee": Deck.network_fee,
    "penalty": Deck.penalty,
    "contribution": Deck.contribution,
    "hospital": Deck.hospital,
}

Draw = Callable[[Deck], object]

ARGUMENTS: Final[dict[str, Draw]] = {
    "dest": lambda deck: Id(deck.who()),
    "source": lambda deck: Id(deck.who()),
    "target": lambda deck: Id(deck.who()),
    "who": lambda deck: Id(deck.who()),
    "stash": lambda deck: Id(deck.who()),
    "real": lambda deck: Id(deck.one_of(PEOPLE)),
    "delegate": lambda deck: Id(deck.one_of(PEOPLE)),
    "spawner": lambda deck: Id(deck.one_of(PEOPLE)),
    "value": lambda deck: deck.amount(),
    "amount": lambda deck: deck.one_of((deck.amount(), deck.modest())),
    "new_free": lambda deck: deck.amount(),
    "keep_alive": lambda deck: deck.chance(50),
    "schedule": lambda deck: deck.schedule(),
    "schedule1_index": lambda deck: u32(deck.one_of((0, 0, 1))),
    "schedule2_index": lambda deck: u32(deck.one_of((1, 1, 2))),
    "schedule_index": lambda deck: u32(deck.one_of((0, 0, 1))),
    "count": lambda deck: u32(deck.one_of((1, 2, 0))),
    "Authorities.set_minimum_bond.amount": lambda deck: LOWEST_MINIMUM,
    "proxy_type": lambda deck: deck.one_of((ProxyType.Any, *ProxyType)),
    "force_proxy_type": lambda deck: None,
    "delay": lambda deck: u32(deck.one_of((0, 0, 1))),
    "Proxy.create_pure.index": lambda deck: u16(0),
    "Proxy.kill_pure.index": lambda deck: u16(0),
    "height": lambda deck: u32(1),
    "ext_index": lambda deck: u32(0),
    "call": lambda deck: deck.inner(),
    "call_hash": lambda deck: bytes(32),
    "threshold": lambda deck: u16(2),
    "other_signatories": lambda deck: deck.others(),
    "maybe_timepoint": lambda deck: None,
    "timepoint": lambda deck: Timepoint(u32(1), u32(1)),
    "max_weight": lambda deck: Weight(u64(10**12)),
    "beneficiary": lambda deck: Id(deck.who()),
    "curator": lambda deck: Id(deck.one_of(PEOPLE)),
    # Tokenomics
    "pool": lambda deck: deck.pool(),
    "Tokenomics.release_discretionary.amount": lambda deck: deck.share(),
    "Tokenomics.spend_reserve.amount": lambda deck: deck.modest(),
    "programme": lambda deck: deck.milestone()[0],
    "Tokenomics.attest_milestone.index": lambda deck: deck.milestone()[1],
    "Tokenomics.object_milestone.index": lambda deck: deck.milestone()[1],
    "Tokenomics.confirm_milestone.index": lambda deck: deck.milestone()[1],
    "evidence_hash": lambda deck: H256(bytes(32)),
    "reason_hash": lambda deck: H256(bytes(32)),
    "cap": lambda deck: u128(deck.one_of((10**21, 10**22, 10**23, 10**26))),
    "expiry": lambda deck: u64(deck.slot()),
    "until": lambda deck: u64(deck.one_of((0, deck.slot()))),
    "mode": lambda deck: deck.one_of((CeilingMode.Enforce, CeilingMode.Enforce, *CeilingMode)),
    "Tokenomics.execute_milestone_burn.id": lambda deck: deck.one_of(list(BurnId)),
    # Mining
    "era_from": lambda deck: deck.era(),
    "era_to": lambda deck: deck.era(),
    "operator": lambda deck: deck.one_of(PEOPLE),
    "region": lambda deck: u16(deck.one_of((0, 1, 2))),
    "units_per_kwh": lambda deck: u64(deck.rng.randrange(8_000_000)),
    "params": lambda deck: Params(
        kappa_verified=u32(deck.one_of((180_000, 900_000))),
        verified_budget=deck.modest(),
        regions=[u32(400_000), u32(100_000)],
    ),
    # TierStaking
    "tier": lambda deck: u8(deck.rng.randrange(6 if deck.chance(5) else 5)),
    "TierStaking.stake.amount": lambda deck: deck.stake_amount(),
    "TierStaking.top_up.amount": lambda deck: u128(deck.rng.randrange(10**20)),
    "min_reward": lambda deck: deck.one_of((None, None, u128(0), u128(10**20))),
    "id": lambda deck: deck.stake_id(),
    "quarter": lambda deck: deck.some_id(range(deck.chain.staking.contributions.quarter_now())),
    "service": lambda deck: u32(deck.one_of((1, 2))),
    "terms": lambda deck: deck.terms(),
    "bps": lambda deck: u32(deck.one_of((0, 2_000, 10_000, 10_001))),
    "min_tier": lambda deck: deck.one_of((None, u8(0), u8(4), u8(5))),
    "TierStaking.set_contribution_budget.amount": lambda deck: u128(deck.rng.randrange(10**22)),
    # Treasury and Bounties
    "asset_kind": lambda deck: AssetKind.Native,
    "valid_from": lambda deck: deck.one_of((None, u32(deck.slot()))),
    "proposal_id": lambda deck: deck.some_id(deck.runtime.pallet(Treasury).approvals.value),
    "Treasury.payout.index": lambda deck: deck.spend(),
    "Treasury.check_status.index": lambda deck: deck.spend(),
    "Treasury.void_spend.index": lambda deck: deck.spend(),
    "Treasury.spend.amount": lambda deck: deck.modest(),
    "Treasury.spend_local.amount": lambda deck: deck.modest(),
    "Bounties.propose_bounty.value": lambda deck: u128(deck.rng.randrange(10**22)),
    "bounty_id": lambda deck: deck.some_id(deck.bounties()),
    "description": lambda deck: b"x" * deck.rng.randrange(40),
    "remark": lambda deck: b"x",
    "fee": lambda deck: u128(deck.rng.randrange(10**19)),
}
"""How to draw arguments: by name, or by call and name where a name means something else."""

ROOT_CALLS: Final = frozenset(
    {
        "Balances.force_transfer",
        "Balances.force_unreserve",
        "Balances.force_set_balance",
        "Vesting.force_vested_transfer",
        "Vesting.force_remove_vesting_schedule",
        "Authorities.set_minimum_bond",
        "Authorities.set_validator_count",
        "Tokenomics.release_discretionary",
        "Tokenomics.object_milestone",
        "Tokenomics.unlock_reserve",
        "Tokenomics.attest_cross_chain",
        "Tokenomics.pause_discretionary",
        "Tokenomics.set_ceiling_mode",
        "Tokenomics.confirm_milestone",
        "Mining.attest_region",
        "Mining.attest_energy",
        "Mining.set_params",
        "TierStaking.force_unstake",
        "TierStaking.set_tier",
        "TierStaking.set_dividend_bps",
        "TierStaking.set_premium",
        "TierStaking.set_contribution_budget",
        "Treasury.spend_local",
        "Treasury.remove_approval",
        "Treasury.spend",
        "Treasury.void_spend",
        "Bounties.approve_bounty",
        "Bounties.approve_bounty_with_curator",
        "Bounties.propose_curator",
        "Bounties.close_bounty",
    }
)
"""The calls that the chain itself may make only."""

TOGETHER: Final[dict[str, Callable[[Deck], dict[str, object]]]] = {
    "TierStaking.stake": Deck.a_new_stake,
    "Tokenomics.unlock_reserve": Deck.a_promise,
    "Tokenomics.spend_reserve": Deck.a_payment_of_the_reserve,
    "Treasury.payout": Deck.a_spend,
    "Treasury.check_status": Deck.a_spend,
    "Treasury.void_spend": Deck.a_spend,
    "Proxy.proxy": Deck.served,
    "Proxy.announce": Deck.served,
    "TierStaking.claim": Deck.a_stake,
    "TierStaking.unstake": Deck.a_stake,
    "TierStaking.force_unstake": Deck.a_stake,
    "TierStaking.extend": Deck.a_stake,
    "TierStaking.claim_dividend": Deck.a_stake,
    "TierStaking.claim_contribution": Deck.some_points,
    "Mining.claim_rewards": Deck.some_eras,
    "Tokenomics.object_milestone": Deck.an_attested,
    "Tokenomics.confirm_milestone": Deck.an_attested,
    "Vesting.merge_schedules": Deck.merging,
    "Authorities.unbond": Deck.bonded,
    "Authorities.bond_extra": Deck.bonded,
    "Authorities.withdraw_unbonded": Deck.bonded,
    "Bounties.accept_curator": Deck.a_bounty,
    "Bounties.award_bounty": Deck.a_bounty,
    "Bounties.claim_bounty": Deck.a_bounty,
    "Bounties.close_bounty": Deck.a_bounty,
    "Bounties.approve_bounty": Deck.a_bounty,
    "Bounties.propose_curator": Deck.a_bounty,
    "Bounties.extend_bounty_expiry": Deck.a_bounty,
    "Bounties.unassign_curator": Deck.a_bounty,
    "Bounties.poke_deposit": Deck.a_bounty,
}
"""Calls whose arguments and signer must fit each other to do anything."""

LIKELY: Final = {
    "Authorities.validate": 1,
    "Authorities.chill_other": 1,
    "Multisig.poke_deposit": 1,
    "Multisig.cancel_as_multi": 1,
    "Proxy.poke_deposit": 1,
    "Proxy.proxy_announced": 1,
    "Proxy.reject_announcement": 1,
    "Proxy.remove_announcement": 1,
    "Proxy.announce": 1,
    "Proxy.kill_pure": 1,
    "Proxy.create_pure": 1,
    "TierStaking.stake": 12,
    "TierStaking.claim": 8,
    "TierStaking.unstake": 8,
    "TierStaking.extend": 4,
    "TierStaking.claim_dividend": 5,
    "TierStaking.force_unstake": 1,
    "Mining.claim_rewards": 8,
    "Tokenomics.attest_milestone": 12,
    "Tokenomics.claim_programme": 8,
    "Tokenomics.release_discretionary": 6,
    "Tokenomics.pause_discretionary": 1,
    "Treasury.payout": 4,
    "Tokenomics.spend_reserve": 4,
    "Bounties.propose_bounty": 6,
    "Bounties.approve_bounty": 6,
    "Bounties.propose_curator": 5,
    "Bounties.accept_curator": 5,
    "Bounties.award_bounty": 5,
    "Bounties.claim_bounty": 4,
    "Bounties.close_bounty": 1,
    # What would leave the chain without validators, or people without money, comes rarely.
    "Authorities.set_validator_count": 1,
    "Balances.burn": 1,
    "Balances.transfer_all": 1,
    "Balances.force_set_balance": 1,
    "Vesting.vest": 4,
    "Vesting.vested_transfer": 4,
    "Authorities.bond": 4,
}
