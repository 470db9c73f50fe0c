"""Tokenomics: what leaves the pools, who decides, and what is destroyed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u32, u64, u128
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    FOUNDATION_PROGRAMMES,
    GRANTS,
    HEALTH,
    MINING,
    OPERATIONS,
    RESERVE,
    STAKING,
)
from runtime.constants import MONTH_MS
from runtime.emission import emitted
from runtime.frame import (
    ROOT,
    BadOrigin,
    Error,
    GenesisError,
    Origin,
    TokenError,
    TokenErrorKind,
    signed,
)
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.formulas import ceiling, label_year
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnId, BurnReason, CeilingMode
from runtime.splits import split_compute
from support.histories import History, seeds, unreached
from support.runtime import refused
from support.tokenomics import (
    ALICE,
    ALLOCATED,
    BOB,
    BY_ALICE,
    BY_FOUNDATION,
    BY_KEEPERS,
    CAROL,
    LIQUID,
    MONTH,
    ONE,
    PROGRAMME,
    PROOF,
    ROWS,
    SUPPLY,
    YEAR,
    TokenomicsRuntime,
    Traffic,
    begun,
    btt,
    config,
    pool,
)


@pytest.fixture
def runtime() -> TokenomicsRuntime:
    return begun()


@pytest.fixture
def tight() -> TokenomicsRuntime:
    """A chain whose first year releases 3 % of the supply: 210,000 BTT beside what is liquid."""
    return begun(releaseTable=[300, 9_700])


# ---- genesis


def test_genesis_opens_the_ledger_over_what_lies_in_the_pools(runtime: TokenomicsRuntime) -> None:
    found = {bytes(each.id): each for each in runtime.tokenomics.ledger.statuses()}

    assert len(found) == 15
    for name, amount in ALLOCATED.items():
        status = found[b"btt/" + name.encode()]
        assert status.allocated == status.balance == amount * ONE
        assert status.released == status.burned == 0
    assert found[b"py/trsry"].balance == 0
    assert runtime.tokenomics.genesis_supply.value == SUPPLY
    assert runtime.tokenomics.preset.value == "seed-000"
    assert len(dict(runtime.tokenomics.programmes.programmes.items())) == 4


def test_a_chain_without_the_section_has_pools_and_no_promises() -> None:
    runtime = TokenomicsRuntime()
    runtime.balances.genesis({"balances": [[ss58(ALICE), str(SUPPLY)]]})

    runtime.tokenomics.genesis({})

    assert runtime.tokenomics.threshold() == 10_000 * ONE
    assert runtime.tokenomics.supply().circulating == SUPPLY
    runtime.tokenomics.on_initialize(1)
    with refused(runtime, BadOrigin):
        runtime.tokenomics.attest_milestone(BY_ALICE, u32(0), u32(0), PROOF)
    with refused(runtime, errors.MilestoneUnknown):
        runtime.tokenomics.claim_programme(BY_ALICE, u32(0))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"supply": "1"}, "tokenomics.supply"),
        ({"releaseTable": [2_200, 1_800]}, "tokenomics.releaseTable"),
        ({"threshold": 0}, "tokenomics.threshold"),
        ({"preset": "x" * 65}, "tokenomics.preset"),
        ({"ceilingMode": "on"}, "tokenomics.ceilingMode"),
        ({"contractual": [["1", 0, 0]]}, "tokenomics.contractual[0]"),
        ({"contractual": [["1", 0, 0, 0]] * 65}, "tokenomics.contractual"),
        ({"programmes": [PROGRAMME | {"pool": "btt/ecos"}]}, "tokenomics.programmes[0].pool"),
        ({"programmes": [PROGRAMME | {"pool": "fnd1"}]}, "tokenomics.programmes[0].pool"),
        ({"programmes": [PROGRAMME, PROGRAMME]}, "tokenomics.programmes[1].pool"),
        ({"programmes": [PROGRAMME | {"amount": "1"}]}, "tokenomics.programmes[0].amount"),
        ({"programmes": [PROGRAMME | {"months": 0}]}, "tokenomics.programmes[0].months"),
        (
            {"programmes": [PROGRAMME | {"milestones": [[9_999, "0x" + "00" * 32]]}]},
            "tokenomics.programmes[0].milestones",
        ),
        ({"milestoneBurns": [["moon", "1"]]}, "tokenomics.milestoneBurns[0][0]"),
        ({"milestoneBurns": [["cross_chain", "0"]]}, "tokenomics.milestoneBurns[0][1]"),
        (
            {"milestoneBurns": [["cross_chain", "1"], ["cross_chain", "1"]]},
            "tokenomics.milestoneBurns[1][0]",
        ),
        ({"foundation": "unknown"}, "tokenomics.foundation"),
        ({"minting": 1}, "tokenomics.minting"),
    ],
)
def test_a_wrong_configuration_names_the_place(changes: dict[str, object], place: str) -> None:
    with pytest.raises(GenesisError) as raised:
        TokenomicsRuntime().begin(**changes)
    assert str(raised.value).startswith(place + ":")


def test_programmes_need_an_account_to_be_paid() -> None:
    runtime, section = TokenomicsRuntime(), config()
    del section["foundation"]
    runtime.begin()
    with pytest.raises(GenesisError, match=r"programmes\[0\]: a programme, but no foundation"):
        runtime.tokenomics.genesis(section)


# ---- discretionary releases


def test_a_referendum_pays_out_of_the_ecosystem_fund(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(1_000), Id(BOB))

    assert runtime.has(BOB) == 1_000 * ONE
    assert runtime.tokenomics.ledger.pools[pool(ECOSYSTEM)].released == 1_000 * ONE
    assert runtime.tokenomics.releases.released_total.value == 1_000 * ONE
    assert runtime.announced()[-1] == events.PoolReleased(pool(ECOSYSTEM), btt(1_000), BOB)


@pytest.mark.parametrize("account", [ECOSYSTEM, GRANTS, DEVELOPMENT_FUND, OPERATIONS])
def test_no_other_account_pays_out_of_it(runtime: TokenomicsRuntime, account: AccountId) -> None:
    with refused(runtime, BadOrigin):
        runtime.tokenomics.release_discretionary(BY_ALICE, pool(account), btt(1), Id(ALICE))


@pytest.mark.parametrize("account", [MINING, STAKING, HEALTH, RESERVE, *FOUNDATION_PROGRAMMES])
def test_not_even_a_referendum_pays_out_of_pools_with_rules_of_their_own(
    runtime: TokenomicsRuntime, account: AccountId
) -> None:
    with refused(runtime, errors.NotDiscretionary):
        runtime.tokenomics.release_discretionary(ROOT, pool(account), btt(1), Id(ALICE))


def test_each_pool_asks_its_own_gate() -> None:
    def only_bob(origin: Origin) -> None:
        if origin.signed() != BOB:
            raise BadOrigin

    runtime = begun()
    runtime.tokenomics.grant_spender = only_bob

    runtime.tokenomics.release_discretionary(signed(BOB), pool(GRANTS), btt(1), Id(CAROL))

    assert runtime.has(CAROL) == ONE
    with refused(runtime, BadOrigin):
        runtime.tokenomics.release_discretionary(signed(BOB), pool(ECOSYSTEM), btt(1), Id(CAROL))


def test_a_pool_never_pays_more_than_it_has(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.set_ceiling_mode(ROOT, CeilingMode.Off)
    with refused(runtime, errors.PoolExhausted):
        runtime.tokenomics.release_discretionary(
            ROOT, pool(ECOSYSTEM), u128(ALLOCATED["ecos"] * ONE + 1), Id(BOB)
        )

    runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(ALLOCATED["ecos"]), Id(BOB))

    assert runtime.has(ECOSYSTEM) == 0
    assert runtime.has(BOB) == ALLOCATED["ecos"] * ONE


def test_too_little_to_open_an_account_with_is_refused(runtime: TokenomicsRuntime) -> None:
    with refused(runtime, TokenError(TokenErrorKind.BelowMinimum)):
        runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), u128(1), Id(BOB))


# ---- the ceiling


def test_the_ceiling_refuses_the_planck_beyond_it(tight: TokenomicsRuntime) -> None:
    with refused(tight, errors.ReleaseCeilingReached):
        tight.tokenomics.release_discretionary(
            ROOT, pool(ECOSYSTEM), u128(210_000 * ONE + 1), Id(BOB)
        )

    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(210_000), Id(BOB))

    assert tight.tokenomics.releases.headroom() == 0


def test_attack_a_gift_to_a_pool_makes_no_room_below_the_ceiling(tight: TokenomicsRuntime) -> None:
    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(210_000), Id(BOB))
    tight.tokenomics.top_up_pool(BY_ALICE, pool(ECOSYSTEM), btt(100_000))

    with refused(tight, errors.ReleaseCeilingReached):
        tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(1), Id(BOB))


def test_what_comes_free_by_contract_takes_room_from_decisions(tight: TokenomicsRuntime) -> None:
    assert tight.tokenomics.releases.headroom() == 210_000 * ONE

    tight.clock.slot = MONTH  # 105,000 BTT are emitted in it

    assert tight.tokenomics.releases.headroom() == 105_000 * ONE
    tight.clock.slot = 3 * MONTH
    assert tight.tokenomics.releases.headroom() == 0


def test_the_next_year_has_room_again(tight: TokenomicsRuntime) -> None:
    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(210_000), Id(BOB))
    tight.clock.slot = YEAR

    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(1), Id(BOB))

    assert tight.tokenomics.releases.released_by_year[u32(2025)] == 210_000 * ONE
    assert tight.tokenomics.releases.released_by_year[u32(2026)] == ONE


def test_other_payments_go_on_beyond_the_ceiling_and_are_reported(tight: TokenomicsRuntime) -> None:
    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(210_000), Id(BOB))

    tight.tokenomics.pay(STAKING, CAROL, btt(10), discretionary=False)

    assert tight.has(CAROL) == 10 * ONE
    limit = u128(630_000 * ONE)
    reported = events.ReleaseCeilingExceeded(u32(2025), limit, u128(limit + btt(10)))
    assert reported in tight.announced()


def test_mining_is_counted_by_its_schedule_and_not_by_its_payments(
    runtime: TokenomicsRuntime,
) -> None:
    runtime.clock.slot = MONTH
    before = runtime.tokenomics.releases.released_now()

    runtime.tokenomics.pay(MINING, BOB, btt(100_000), discretionary=False)

    assert runtime.tokenomics.releases.released_now() == before == (LIQUID + 105_000) * ONE


def test_an_advice_is_no_refusal(tight: TokenomicsRuntime) -> None:
    tight.tokenomics.set_ceiling_mode(ROOT, CeilingMode.Advisory)

    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(210_001), Id(BOB))

    assert any(isinstance(event, events.ReleaseCeilingExceeded) for event in tight.announced())


def test_without_a_ceiling_nothing_is_said(tight: TokenomicsRuntime) -> None:
    tight.tokenomics.set_ceiling_mode(ROOT, CeilingMode.Off)

    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(210_001), Id(BOB))

    assert not any(isinstance(event, events.ReleaseCeilingExceeded) for event in tight.announced())


def test_fees_that_come_back_out_of_a_pool_are_no_release(tight: TokenomicsRuntime) -> None:
    tight.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(210_000), Id(BOB))
    tight.balances.transfer(ALICE, DEVELOPMENT_FUND, btt(500))

    tight.tokenomics.release_discretionary(ROOT, pool(DEVELOPMENT_FUND), btt(500), Id(CAROL))

    assert tight.has(CAROL) == 500 * ONE
    assert tight.tokenomics.releases.released_total.value == 210_000 * ONE


def test_only_its_own_track_changes_the_ceiling(runtime: TokenomicsRuntime) -> None:
    with refused(runtime, BadOrigin):
        runtime.tokenomics.set_ceiling_mode(BY_ALICE, CeilingMode.Off)


# ---- the pause


def test_a_pause_stops_decisions_and_nothing_else(runtime: TokenomicsRuntime) -> None:
    runtime.attest_all(0)
    runtime.clock.slot = 3 * MONTH
    runtime.tokenomics.unlock_reserve(ROOT, btt(1), u64(4 * MONTH))
    runtime.tokenomics.pause_discretionary(ROOT, u64(4 * MONTH))

    with refused(runtime, errors.Paused):
        runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(1), Id(BOB))
    with refused(runtime, errors.Paused):
        runtime.tokenomics.claim_programme(BY_ALICE, u32(0))
    runtime.tokenomics.pay(STAKING, BOB, btt(1), discretionary=False)
    runtime.tokenomics.pay(MINING, BOB, btt(1), discretionary=False)
    runtime.tokenomics.spend_reserve(BY_KEEPERS, btt(1), Id(BOB), PROOF)
    assert runtime.has(BOB) == 3 * ONE

    runtime.clock.slot = 4 * MONTH
    runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(1), Id(BOB))


def test_a_pause_can_be_ended_early_and_only_by_its_track(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.pause_discretionary(ROOT, u64(MONTH))
    with refused(runtime, BadOrigin):
        runtime.tokenomics.pause_discretionary(BY_FOUNDATION, u64(0))

    runtime.tokenomics.pause_discretionary(ROOT, u64(0))

    runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(1), Id(BOB))


# ---- looking


def test_what_circulates_is_neither_in_pools_nor_unvested(runtime: TokenomicsRuntime) -> None:
    assert runtime.tokenomics.supply().circulating == LIQUID * ONE

    runtime.clock.slot = 12 * MONTH
    runtime.registry.stakes = 5
    runtime.tokenomics.on_initialize(1)
    runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(1_000), Id(BOB))
    supply = runtime.tokenomics.supply()

    vested = sum(amount * (12 - lock) // length for amount, lock, length in ROWS if lock < 12)
    assert supply.circulating == (LIQUID + vested + 1_000) * ONE
    assert supply.locked == (sum(amount for amount, _, _ in ROWS) - vested) * ONE
    assert supply.genesis == SUPPLY
    assert supply.burned == 30_000 * ONE
    assert supply.issuance == SUPPLY - 30_000 * ONE
    assert supply.staked == 5


def test_the_years_add_up_to_all_there_is_to_release(runtime: TokenomicsRuntime) -> None:
    years = [runtime.tokenomics.releases.release(year) for year in range(2025, 2031)]

    assert sum(int(year.table) for year in years) == SUPPLY
    assert sum(int(year.mining) for year in years) == ALLOCATED["mine"] * ONE
    assert sum(int(year.contractual) for year in years) == (6_510_000 + LIQUID) * ONE
    assert [int(year.ceiling) * 100 // SUPPLY for year in years] == [22, 40, 55, 67, 77, 100]
    assert years[0].contractual == (315_000 + 189_000 * 2 + 126_000 + 350_000 + LIQUID) * ONE
    assert years[0].mining == 1_260_000 * ONE
    assert runtime.tokenomics.releases.release(2099) == years[-1]


def test_a_year_reports_what_was_decided_and_what_room_is_left(runtime: TokenomicsRuntime) -> None:
    runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(100_000), Id(BOB))
    runtime.clock.slot = YEAR
    runtime.tokenomics.release_discretionary(ROOT, pool(ECOSYSTEM), btt(50_000), Id(BOB))

    past, now, later = (runtime.tokenomics.releases.release(year) for year in (2025, 2026, 2027))

    rows = 2_849_000
    assert (past.discretionary, now.discretionary, later.discretionary) == (
        btt(100_000), btt(50_000), 0,
    )  # fmt: skip
    assert past.headroom == (4_620_000 - rows - 100_000) * ONE
    assert (
        now.headroom == runtime.tokenomics.releases.headroom() == (8_400_000 - rows - 150_000) * ONE
    )
    # By the end of 2027 the rows will have released more than the table gives, nearly.
    released = emitted(ALLOCATED["mine"] * ONE, 36 * MONTH_MS) + 5_740_000 * ONE
    assert later.headroom == max(0, 11_550_000 * ONE - released - 150_000 * ONE)


def test_before_the_chain_nothing_was_released(runtime: TokenomicsRuntime) -> None:
    year = runtime.tokenomics.releases.release(2024)
    assert (year.table, year.contractual, year.mining, year.ceiling, year.headroom) == (0,) * 5


def test_the_first_year_is_2025_whenever_the_chain_begins(runtime: TokenomicsRuntime) -> None:
    assert label_year(0) == label_year(12 * MONTH_MS - 1) == 2025
    assert label_year(12 * MONTH_MS) == 2026
    runtime.clock.slot = 50 * YEAR
    assert runtime.tokenomics.releases.year_now() == 2030
    assert ceiling(SUPPLY, [2_200, 7_800], 3_000) == SUPPLY


# ---- all together


class Deeds(History):
    """All that can be tried with the pools, whether allowed or not, over eight years."""

    refusals = (Error, TokenError)

    def __init__(self) -> None:
        self.runtime = TokenomicsRuntime()
        super().__init__(self.runtime)
        self.runtime.begin(releaseTable=[300, 1_700, 8_000])
        self.pallet = self.runtime.tokenomics
        self.pallet.milestone_burns.bridge = Traffic()

    def step(self) -> None:
        steps = (
            *[self.release] * 2, *[self.claim] * 2, *[self.attest] * 3, self.unlock, self.spend,
            self.burn, self.give, *[self.take] * 2, self.govern, *[self.wait] * 3,
        )  # fmt: skip
        self.one_of(steps)()

    def amount(self) -> u128:
        """Return an amount, as often small as large."""
        return u128(self.rng.randint(1, 3 * 10 ** self.rng.randint(15, 23)))

    def item(self) -> tuple[u32, u32]:
        number = u32(self.rng.randrange(4))
        items = self.pallet.programmes.programmes[number].milestones
        return number, u32(self.rng.randrange(len(items) + self.one_in(10)))

    def release(self) -> None:
        source = pool(self.one_of((ECOSYSTEM, GRANTS)))
        self.attempt(self.pallet.release_discretionary, ROOT, source, self.amount(), Id(BOB))

    def claim(self) -> None:
        number = u32(self.rng.randrange(4))
        self.attempt(self.pallet.claim_programme, BY_ALICE, number)

    def attest(self) -> None:
        """Attest a milestone, and object to it or confirm it, or neither."""
        place = self.item()
        self.attempt(self.pallet.attest_milestone, BY_FOUNDATION, *place, PROOF)
        if self.one_in(3):
            call = self.one_of((self.pallet.object_milestone, self.pallet.confirm_milestone))
            self.attempt(call, ROOT, *place)

    def unlock(self) -> None:
        until = u64(self.runtime.clock.slot + self.one_of((9, MONTH, YEAR)))
        self.attempt(self.pallet.unlock_reserve, ROOT, self.amount(), until)

    def spend(self) -> None:
        """Spend what is left of the unlocked amount, a part of it, or a planck more."""
        unlock = self.pallet.reserve_fund.reserve_unlock.get()
        if unlock is None or unlock.expiry <= self.runtime.clock.slot:
            self.unlock()
            unlock = self.pallet.reserve_fund.reserve_unlock.get()
        left = 0 if unlock is None else int(unlock.cap) - int(unlock.spent)
        amount = u128(self.one_of((left, left // 2, left // 3, left + 1)))
        self.attempt(self.pallet.spend_reserve, BY_KEEPERS, amount, Id(BOB), PROOF)

    def burn(self) -> None:
        if self.one_in(3):
            self.attempt(self.pallet.attest_cross_chain, ROOT)
        self.attempt(self.pallet.execute_milestone_burn, BY_ALICE, self.one_of(list(BurnId)))

    def give(self) -> None:
        given = pool(self.one_of((STAKING, HEALTH, RESERVE))), u128(self.rng.randint(1, 10**20))
        self.attempt(self.pallet.top_up_pool, BY_ALICE, *given)

    def take(self) -> None:
        split = split_compute(int(self.amount()), 10**22)
        self.attempt(self.pallet.take, ALICE, split, BurnReason.Compute)
        inflow = int(self.pallet.dividends.compute_inflow_of_era())
        self.pallet.dividends.earmark(u128(inflow // 5))

    def govern(self) -> None:
        """Pause releases for a time, or leave the ceiling out for a time."""
        until = u64(self.runtime.clock.slot + self.one_of((1, MONTH)))
        self.attempt(self.pallet.pause_discretionary, ROOT, until)
        self.attempt(self.pallet.set_ceiling_mode, ROOT, self.one_of(list(CeilingMode)))
        if self.one_in(2):
            self.attempt(self.pallet.set_ceiling_mode, ROOT, CeilingMode.Enforce)

    def wait(self) -> None:
        self.runtime.clock.slot += self.one_of((1, MONTH // 3, MONTH, 6 * MONTH))

    def check(self) -> None:
        check_ledger(self.runtime)


@settings(max_examples=settings().max_examples // 2)
@given(seeds(15, 40))
def test_whatever_is_tried_the_ledger_add_up(steps: list[int]) -> None:
    Deeds().run(steps)


def test_random_deeds_reach_all_calls_and_events() -> None:
    # No account of this chain has the seat at the treasury.
    absent = {"Tokenomics.end_treasury_seat", "Tokenomics.TreasurySeatEnded"}
    assert unreached(Deeds, Tokenomics, runs=4, steps=100) == absent


def check_ledger(runtime: TokenomicsRuntime) -> None:
    tokenomics = runtime.tokenomics
    supply = tokenomics.supply()
    assert int(supply.issuance) + int(supply.burned) == SUPPLY
    assert runtime.burned() == int(supply.burned)
    for status in tokenomics.ledger.statuses():
        left = int(status.allocated) - int(status.released) - int(status.burned)
        assert status.balance >= max(0, left)
    for number in range(4):
        record = tokenomics.programmes.programmes[u32(number)]
        assert record.released_planck <= tokenomics.programmes.cap(record, runtime.clock.slot)
    unlock = tokenomics.reserve_fund.reserve_unlock.get()
    assert unlock is None or unlock.spent <= unlock.cap <= ALLOCATED["rsrv"] * ONE
    assert tokenomics.ledger.pools[pool(RESERVE)].released <= ALLOCATED["rsrv"] * ONE
