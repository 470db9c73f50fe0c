"""Bonds, elections and offences on a small runtime, with sessions that turn by hand."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.frame import Call, DispatchError, Reason, signed
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.authorities.types import NoWork, WorkScores
from runtime.pallets.offences.pallet import Offences
from support.runtime import TestRuntime

RICH = 1_000_000 * int(BTT)
MINIMUM = 10_000 * int(BTT)


class OwnOperators:
    """Operators of a chain without identities: every stash is its own operator."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the account itself."""
        return account


def stash(number: int) -> AccountId:
    """Return one of many accounts; the greater the number, the later by account."""
    return AccountId(number.to_bytes(32, "big"))


def btt(amount: int) -> u128:
    return u128(amount * int(BTT))


class HandAbsences:
    """Absent validators, by hand."""

    def __init__(self) -> None:
        self.accounts: list[AccountId] = []

    def absent(self) -> Sequence[AccountId]:
        return self.accounts

    def forget(self, who: AccountId) -> None:
        self.accounts = [other for other in self.accounts if other != who]


class AuthorLimit:
    """A limit of authors' fees that a test sets, in planck."""

    def __init__(self) -> None:
        self.limit = int(BTT)

    def limit_at(self, snapshot: int) -> int:
        """Return the limit, for every snapshot."""
        return self.limit


class HandSessions:
    """The part of Session that the two pallets need: queued and current set, keys, disabling."""

    def __init__(self, chain: StakeChain) -> None:
        self._chain = chain
        self.current = 0
        self.active: list[AccountId] = []
        self.queued: list[AccountId] = []
        self.disabled: list[int] = []
        self.keyless: list[AccountId] = []
        self.babe: list[u64] = []
        self.weights: Sequence[u64] = []
        self.grandpa: list[u64] = []

    def has_keys(self, account: AccountId) -> bool:
        return account not in self.keyless

    def session_index(self) -> int:
        return self.current

    def validators_now(self) -> Sequence[AccountId]:
        return self.active

    def shares_now(self) -> Sequence[u64]:
        return self.weights

    def is_disabled(self, index: int) -> bool:
        return index in self.disabled

    def disable(self, validator_index: int) -> None:
        assert validator_index not in self.disabled, "disabled twice"
        self.disabled.append(validator_index)

    def begin(self) -> None:
        """Plan sessions 0 and 1 and start the first, as genesis does."""
        self.active = self._plan(0, [])
        self.weights = self.babe
        self.queued = self._plan(1, self.active)
        self._chain.authorities.start_session(0)

    def turn(self, times: int = 1) -> None:
        """End the session and start the next, so often."""
        for _ in range(times):
            self._chain.authorities.end_session(self.current)
            self.current += 1
            self.active, self.disabled, self.weights = self.queued, [], self.babe
            self._chain.authorities.start_session(self.current)
            self.queued = self._plan(self.current + 1, self.active)

    def _plan(self, index: int, before: list[AccountId]) -> list[AccountId]:
        planned = self._chain.authorities.plan_session(index)
        queued = before if planned is None else planned
        self.babe = self._chain.authorities.babe_weights(queued)
        self.grandpa = self._chain.authorities.grandpa_weights(queued)
        return queued


class StakeChain(TestRuntime):
    """Balances, Vesting, Authorities and Offences, with short windows."""

    def __init__(
        self,
        *,
        seats: int = 4,
        least: int = 1,
        term: int = 2,
        unbonding: int = 6,
        window: int = 5,
        candidates: int = 8,
        work: WorkScores | None = None,
    ) -> None:
        self.seats, self.least, self.term = u32(seats), u32(least), u32(term)
        self.unbonding, self.window, self.room = u32(unbonding), u32(window), u32(candidates)
        self.work: WorkScores = work or NoWork()
        self.sessions, self.absences = HandSessions(self), HandAbsences()
        self.authors = AuthorLimit()
        super().__init__()

    def build(self) -> None:
        bond = Reason(5, Authorities.HoldReason.ValidatorBond)
        self.balances = self.add_balances(offsetting=(bond,))
        self.authorities = self.add(
            5,
            Authorities(
                min_validators=self.least,
                max_validators=self.seats,
                unbonding_epochs=self.unbonding,
                report_epochs=self.window,
                reelection_epochs=self.term,
                max_candidates=self.room,
                currency=self.balances,
                keys=self.sessions,
                work=self.work,
                absences=self.absences,
                operators=OwnOperators(),
                author_limits=self.authors,
                treasury=TREASURY,
            ),
        )
        self.offences = self.add(
            7, Offences(report_epochs=self.window, sessions=self.sessions, stakes=self.authorities)
        )
        self.vesting = self.add_vesting(self.balances, u128(1))

    def open(
        self,
        bonds: Sequence[int],
        *,
        accounts: int = 12,
        minimum: int | None = None,
        others: Sequence[tuple[AccountId, int]] = (),
    ) -> None:
        """Make block zero: stash 1 bonds the first of `bonds` (planck), and so on.

        The stashes are rich; `others` have so much planck each.
        """
        rows = [[ss58.encode(stash(n)), str(RICH)] for n in range(1, accounts + 1)]
        rows += [[ss58.encode(who), str(amount)] for who, amount in others]
        self.balances.genesis({"balances": rows})
        section: dict[str, object] = {
            "bonds": [[ss58.encode(stash(n)), str(bond)] for n, bond in enumerate(bonds, 1)]
        }
        if minimum is not None:
            section["minimumBond"] = str(minimum)
        self.authorities.genesis(section)
        self.sessions.begin()

    def make(self, who: AccountId, name: str, **args: object) -> DispatchError | None:
        """Make a call of Authorities in a layer of its own; return what it failed with."""
        made: Call = self.call("Authorities", name, **args)
        try:
            self.dispatch(signed(who), made)
        except DispatchError as error:
            return error
        return None

    def held(self, who: AccountId) -> int:
        return int(self.balances.held(self.authorities.reason, who))

    def check(self) -> None:
        """Check what holds always: holds are bonds, the candidates' list is true, money stays."""
        ledgers = dict(self.authorities.bonds.ledger.items())
        total = 0
        for account, info in self.system.account.items():
            total += int(info.data.free) + int(info.data.reserved)
            ledger = ledgers.get(account)
            assert self.held(account) == (0 if ledger is None else ledger.total)
        assert total == self.balances.total_issuance.value
        candidates = dict(self.authorities.candidate_list.candidates.items())
        assert (
            len(candidates)
            == self.authorities.candidate_list.counter_for_candidates.value
            <= self.room
        )
        for who, bond in candidates.items():
            assert ledgers[who].active == bond
        for ledger in ledgers.values():
            assert ledger.total
            assert all(chunk.value for chunk in ledger.unlocking)
        for first in self.authorities.elections.elections.value:
            for _, exposure in self.authorities.elections.exposures.under(first):
                assert exposure.slashed <= exposure.bond
