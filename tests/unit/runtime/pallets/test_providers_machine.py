"""Providers: whatever is done by and to them, bonds and holds agree to the planck."""

from __future__ import annotations

from hypothesis import given, settings

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.frame import ROOT, TokenError, signed
from runtime.frame.error import Error
from runtime.pallets.providers.pallet import Providers
from runtime.pallets.providers.types import Params
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import PPM
from support.histories import History, seeds, unreached
from support.providers import ProviderChain, job, provider_info
from support.stakes import RICH, btt, stash

NEED = 10 * int(BTT)
ACCOUNTS = tuple(stash(number) for number in range(1, 6))
AMOUNTS = (0, 1, int(BTT), NEED, int(btt(999)), int(btt(1_000)), int(btt(3_000)), RICH)


class Business(History):
    """Five accounts that provide, and all that may happen to providers."""

    refusals = (Error, TokenError)

    def __init__(self) -> None:
        self.chain = ProviderChain(members=2, delegators=2, chunks=3)
        super().__init__(self.chain)
        self.chain.begin(accounts=7)
        self.engagements = self.chain.providers.engagements
        self.issued = int(self.chain.balances.total_issuance.value)
        self.taken = 0
        self.jobs = 0

    def step(self) -> None:
        who = self.one_of(ACCOUNTS)
        if not self.engagements.exists(who) and not self.one_in(8):
            self.register(who)
            return
        steps = (
            self.register, self.update, *[self.money] * 4, *[self.act] * 4, self.delegate,
            self.dismiss, self.leave, *[self.turn] * 4, *[self.reserve] * 2, *[self.assign] * 5,
            *[self.end] * 4, self.slash, self.fine, *[self.done] * 3, *[self.decline] * 2, self.pay,
            self.govern,
        )  # fmt: skip
        self.one_of(steps)(who)

    def make(self, who: AccountId, name: str, **args: object) -> None:
        made = self.chain.call("Providers", name, **args)
        self.attempt(self.chain.dispatch, signed(who), made, name=f"Providers.{name}")

    # ---- calls

    def classes(self) -> list[int]:
        return sorted(self.rng.sample(range(3), self.rng.randint(0, 3)))

    def register(self, who: AccountId) -> None:
        info = provider_info(*self.classes(), capacity=self.rng.randint(1, 3))
        self.make(who, "register", info=info, bond=u128(self.one_of(AMOUNTS[3:])))

    def update(self, who: AccountId) -> None:
        info = provider_info(*self.classes(), capacity=self.rng.randint(0, 3))
        self.make(who, "update", info=info)

    def money(self, who: AccountId) -> None:
        ledger = self.chain.providers.ledgers.get(who)
        own = int(ledger.active) if ledger is not None else 0
        name = self.one_of(("bond_extra", "unbond", "unbond", "withdraw"))
        amount = {} if name == "withdraw" else {"amount": u128(self.one_of((*AMOUNTS, own)))}
        self.make(who, name, **amount)

    def act(self, who: AccountId) -> None:
        self.make(who, self.one_of(("chill", "resume", "resume", "heartbeat", "heartbeat")))
        self.make(who, "set_availability", hours=self.one_of((None, bytes(21), b"\xff" * 21)))

    def delegate(self, who: AccountId) -> None:
        to = self.one_of((None, *(stash(number) for number in range(1, 8))))
        self.make(who, "delegate_score", validator=to)

    def dismiss(self, who: AccountId) -> None:
        delegators = dict(self.chain.providers.work_scores.delegators.items())
        rows = [(to, one) for to, row in delegators.items() for one in row]
        to, provider = self.one_of(rows) if rows and not self.one_in(4) else (who, ACCOUNTS[0])
        self.make(to, "dismiss_delegator", provider=provider)

    def leave(self, who: AccountId) -> None:
        """Unbond all, and deregister when it is due, or a bit earlier."""
        ledger = self.chain.providers.ledgers.get(who)
        if ledger is not None:
            self.make(who, "unbond", amount=u128(int(ledger.active)))
            self.chain.turn(self.one_of((7, 7, 5)))
            self.make(who, "withdraw")
        self.make(who, "deregister")

    def govern(self, who: AccountId) -> None:
        params = Params(minimum_bond=btt(self.one_of((1_000, 1_000, 10))))
        self.attempt(self.chain.providers.set_params, ROOT, params)

    # ---- what other pallets do

    def turn(self, who: AccountId) -> None:
        """Go on by some eras; most providers send heartbeats."""
        for _ in range(self.rng.randint(1, 3)):
            self.chain.turn(1, skipped=self.one_of((0, 0, 0, 3)))
            for one in ACCOUNTS:
                if self.engagements.exists(one) and not self.one_in(4):
                    self.make(one, "heartbeat")

    def some_job(self) -> H256:
        """Choose one of the last jobs, or the next."""
        self.jobs += self.one_in(2)
        return job(max(0, self.jobs - self.rng.randrange(6)))

    def reserve(self, who: AccountId) -> None:
        known, amount = self.some_job(), self.one_of(AMOUNTS)
        if self.engagements.exists(who) and (who, known) not in self.engagements.reservations:
            assert self.engagements.reserve(who, known, u128(amount)) <= amount

    def assign(self, by: AccountId) -> None:
        """Select a provider for a job, and reserve its bond."""
        need, protocol, known = self.one_of((1, NEED)), self.one_in(3), self.some_job()
        requester = self.one_of((None, by))
        who, operators = self.engagements.select(
            bytes([self.rng.randrange(256)]) * 32, self.rng.randrange(3), need, requester, (),
            protocol,
        )  # fmt: skip
        assert (who is None) == (operators == 0)
        if who is None:
            return
        assert who != requester
        before = self.chain.bond_of(who)
        assert before.busy < before.capacity
        if (who, known) not in self.engagements.reservations:
            reserved = self.engagements.reserve(who, known, u128(need))
            assert reserved == need or (protocol and not self.engagements.is_bonded(who))
            self.reached.add("assigned")

    def reserved(self, who: AccountId) -> tuple[AccountId, H256]:
        """Choose a provider with a job, or any account and any job."""
        rows = [place for place, _ in self.engagements.reservations.items()]
        return self.one_of(rows) if rows and not self.one_in(8) else (who, self.some_job())

    def end(self, who: AccountId) -> None:
        self.engagements.release(*self.reserved(who))

    def slash(self, who: AccountId) -> None:
        issued, amount = int(self.chain.balances.total_issuance.value), self.one_of(AMOUNTS)
        finder = self.one_of((None, stash(self.rng.randint(1, 9))))
        who, known = self.reserved(who)
        taken = self.engagements.slash(who, known, u128(amount), finder)
        burned = issued - int(self.chain.balances.total_issuance.value)
        assert taken <= amount
        assert (who, known) not in self.engagements.reservations, "the job has ended"
        assert burned in (taken, taken - taken // 2)
        scores = self.chain.providers.work_scores
        delegated = scores.weight_of(who).delegated
        assert scores.scores([who]) == [sum(int(part.score) for part in delegated)]
        self.taken += burned

    def fine(self, who: AccountId) -> None:
        self.taken += int(self.engagements.fine(who, self.up_to(PPM)))

    def done(self, who: AccountId) -> None:
        self.engagements.note_done(who, self.rng.randrange(10**6), not self.one_in(3))
        self.engagements.credit_score(who, self.rng.randrange(10), self.rng.randrange(10))

    def decline(self, who: AccountId) -> None:
        self.taken += int(self.engagements.note_decline(who))

    def pay(self, who: AccountId) -> None:
        self.attempt(self.engagements.hold_pay, who, u128(self.up_to(int(btt(600)))))

    # ---- what holds

    def check(self) -> None:
        self.chain.audit()
        issued = int(self.chain.balances.total_issuance.value)
        assert issued == self.issued - self.taken
        self.chain.check()
        assert self.chain.tokenomics.burned_by[BurnReason.Slash] == self.taken
        self.scores_are_each_counted_once()

    def scores_are_each_counted_once(self) -> None:
        scores = self.chain.providers.work_scores
        accounts = [stash(number) for number in range(1, 10)]
        own = sum(
            scores.score_of(who, delegate, self.chain.mining.era_now() - 2)
            for who, _ in scores.windows.items()
            for delegate in (None, *accounts)
        )
        assert sum(scores.scores(accounts)) == own or self.chain.mining.era_now() < 2
        if own:
            self.reached.add("scored")


@settings(max_examples=settings().max_examples // 2)
@given(seeds(30, 60))
def test_bonds_and_holds_agree_whatever_providers_do(steps: list[int]) -> None:
    Business().run(steps)


def test_random_providers_reach_all_calls_and_events() -> None:
    others = ("assigned", "scored")
    assert unreached(Business, Providers, others=others, runs=4, steps=120) == set()
