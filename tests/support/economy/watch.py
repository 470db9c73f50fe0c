"""Invariants from one block to the next, besides those that the audit sees in each by itself."""

from __future__ import annotations

from dataclasses import dataclass

from btt_chain.primitives.account import AccountId
from runtime import accounts
from runtime.pallets.balances.formulas import lock_level
from runtime.pallets.mining import events as mining_events
from runtime.pallets.tier_staking import events as tier_staking_events
from runtime.pallets.tokenomics import events as tokenomics_events
from runtime.pallets.tokenomics.ledger import id_of
from runtime.pallets.tokenomics.types import CeilingMode
from support.economy import oracle
from support.economy.chain import EconomyChain

DECIDED = [
    id_of(account)
    for account in (accounts.ECOSYSTEM, accounts.GRANTS, *accounts.FOUNDATION_PROGRAMMES)
]
"""The pools that the release ceiling binds."""


@dataclass
class Promise:
    """A stake as it was opened, and what was paid for it since."""

    amount: int
    bps: int
    burn_bps: int
    opened: int
    term: int
    paid: int = 0

    def earned(self, time: int) -> int:
        """Return the earnings that the oracle computes."""
        return oracle.accrued(self.amount, self.bps, time - self.opened, self.term)


class Watch:
    """Checks a chain after every block, and remembers what it saw."""

    def __init__(self, chain: EconomyChain) -> None:
        self.chain = chain
        self.preset = oracle.PRESETS[chain.table.id]
        self.supply = self.issuance = self.preset.supply
        self.vested: dict[tuple[AccountId, int, int, int], int] = {}
        self.promises: dict[tuple[AccountId, int], Promise] = {}
        self.fleeting: set[tuple[AccountId, int]] = set()
        """Stakes that the block of their opening closed; nothing is earned by them."""
        self.issued = 0
        self.pools: dict[AccountId, int] = {}

    def look(self) -> None:
        """Assert all of it."""
        self.chain.runtime.enter(self.chain.state)
        assert self.chain.audit() == []
        self._money_is_never_made()
        self._no_account_can_spend_what_is_locked()
        self._schedules_free_what_they_must()
        events = self.chain.events()
        self._stakes_earn_what_they_must(events)
        self._eras_issue_what_they_must(events)
        self._the_ceiling_holds(events)
        self._pools_pay_by_their_pallets_only(events)

    def _money_is_never_made(self) -> None:
        balances = self.chain.runtime.balances
        issuance = int(balances.total_issuance.value)
        assert issuance <= self.issuance
        assert issuance + int(balances.total_burned.value) == self.supply
        self.issuance = issuance

    def _no_account_can_spend_what_is_locked(self) -> None:
        balances = self.chain.runtime.balances
        for who, info in self.chain.runtime.system.account.items():
            offsetting = sum(
                int(hold.amount) for hold in balances.holds[who] if hold.id in balances.offsetting
            )
            named = sum(int(entry.amount) for entry in balances.reserves[who])
            lock = lock_level(balances.locks[who], balances.freezes[who])
            most = oracle.usable(int(info.data.free), lock, offsetting + named)
            usable = int(balances.reducible_balance(who))
            assert most - int(balances.existential_deposit) <= usable <= most, who

    def _schedules_free_what_they_must(self) -> None:
        now = self.chain.runtime.babe.now()
        seen = {}
        for who, rows in self.chain.runtime.vesting.schedules_ext.items():
            for row in rows:
                known = (who, int(row.locked), int(row.start), row.end)
                free = int(row.vested(now))
                assert free + int(row.unvested(now)) == row.locked
                assert free >= self.vested.get(known, 0)
                seen[known] = free
        self.vested = seen

    def _stakes_earn_what_they_must(self, events: list[object]) -> None:
        """Every stake is paid what the oracle says, however often it is claimed."""
        time = self.chain.time
        for event in events:
            match event:
                case tier_staking_events.Staked(who=who, id=id_, commit=commit):
                    self._promised(who, int(id_), int(commit))
                case (
                    tier_staking_events.Unstaked(who=who, id=id_)
                    | tier_staking_events.ForceUnstaked(who=who, id=id_)
                ) if (who, int(id_)) in self.fleeting:
                    pass
                case tier_staking_events.RewardPaid(
                    who=who, id=id_, gross=gross, burned=burned, paid=paid
                ):
                    known = self.promises[who, int(id_)]
                    known.paid += int(gross)
                    assert known.paid == known.earned(time)
                    assert (burned, paid) == oracle.claim(int(gross), known.burn_bps)
                case tier_staking_events.Extended(who=who, id=id_, commit=commit):
                    self._closed(who, int(id_), time)
                    self._promised(who, int(id_), int(commit))
                case tier_staking_events.Unstaked(who=who, id=id_):
                    closed = self._closed(who, int(id_), time)
                    assert time >= closed.opened + closed.term
                case tier_staking_events.ForceUnstaked(who=who, id=id_, forfeited=forfeited):
                    closed = self._closed(who, int(id_), time)
                    whole = closed.earned(closed.opened + closed.term)
                    assert forfeited == whole - closed.paid
                case _:
                    pass

    def _promised(self, who: AccountId, id_: int, commit: int) -> None:
        stakes = {int(at): one for at, one in self.chain.staking.ledger.stakes.under(who)}
        if id_ not in stakes:
            self.fleeting.add((who, id_))
            return
        stake = stakes[id_]
        opened = int(stake.opened)
        promise = Promise(
            int(stake.amount), int(stake.bps), int(stake.burn_bps), opened,
            int(stake.term_end) - opened,
        )  # fmt: skip
        assert opened == self.chain.time
        assert commit == promise.earned(opened + promise.term)
        assert commit <= self.preset.amount(self.preset.community) * 40 // 100 // 10
        self.promises[who, id_] = promise

    def _closed(self, who: AccountId, id_: int, time: int) -> Promise:
        promise = self.promises.pop((who, id_))
        assert promise.paid == promise.earned(time)
        return promise

    def _eras_issue_what_they_must(self, events: list[object]) -> None:
        """The eras that are over have issued what the oracle emits by their end."""
        mining = self.chain.mining
        for event in events:
            if isinstance(event, mining_events.EraEnded):
                assert event.owed + event.unallocated == event.budget
                self.issued += int(event.budget)
        began = int(mining.eras.began.value) * int(mining.era_length) * self.chain.slot_ms
        assert self.issued == oracle.emitted(self.preset.mining_pool, began)
        assert began <= self.chain.time

    def _pools_pay_by_their_pallets_only(self, events: list[object]) -> None:
        """No pool has less than before but by what was announced to be paid or burned."""
        paid: dict[object, int] = {}
        for event in events:
            match event:
                case tokenomics_events.PoolReleased(pool=name, amount=amount):
                    paid[name] = paid.get(name, 0) + int(amount)
                case tokenomics_events.TokensBurned(who=who, amount=amount) if (
                    who in accounts.POOLS
                ):
                    paid[id_of(who)] = paid.get(id_of(who), 0) + int(amount)
                case _:
                    pass
        for pool in accounts.POOLS:
            free = self.chain.free(pool)
            assert free >= self.pools.get(pool, 0) - paid.get(id_of(pool), 0)
            self.pools[pool] = free

    def _the_ceiling_holds(self, events: list[object]) -> None:
        """After a discretionary release no more is out than the documents' table lets out."""
        tokenomics = self.chain.tokenomics
        if tokenomics.releases.ceiling_mode.value is not CeilingMode.Enforce:
            return
        paid = [event for event in events if isinstance(event, tokenomics_events.PoolReleased)]
        if not paid or any(event.pool not in DECIDED for event in paid):
            return
        time = self.chain.time
        formulas = oracle.rows(self.preset, time) - sum(
            oracle.time_cap(self.preset.amount(share), time)
            for share in self.preset.programmes.values()
        )
        out = formulas + int(tokenomics.releases.released_total.value)
        assert out <= oracle.table_until(self.preset, oracle.label_year(time))
