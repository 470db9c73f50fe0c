"""The chambers on a chain with all its pallets: who votes with what in block zero, and later."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.babe import Slot
from btt_chain.primitives.digest import H256
from btt_chain.scale import encode, u8, u16, u32, u64, u128
from genesis.accounts import dev_account
from genesis.build import build
from genesis.catalogue import make
from runtime import BttRuntime
from runtime.constants import BTT, DAY_MS, MONTH_MS
from runtime.frame import ROOT, signed
from runtime.pallets.chambers.formulas import Chamber
from runtime.pallets.chambers.types import RESERVE_ID
from runtime.pallets.identity.types import IdentityInfo, Reasonable
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.params import RuntimeParams
from support.runtime import DictState

ALICE, BOB, CHARLIE, DAVE = (
    dev_account(f"//{name}") for name in ("Alice", "Bob", "Charlie", "Dave")
)
BITWAVE = dev_account("//holder//bitwave")
TEAM = dev_account("//holder//team_core")
YEAR_STAKE = u8(3)
SLOT_MS = 1_000
DAY = RuntimeParams(u64(SLOT_MS)).day_slots


@pytest.fixture
def chain() -> BttRuntime:
    """The runtime of a development chain, on the state of block zero."""
    state = DictState()
    state.data = dict(build(make("dev-manual")).state)
    runtime = BttRuntime(RuntimeParams(u64(SLOT_MS)))
    runtime.enter(state)
    return runtime


def wait(chain: BttRuntime, slots: int) -> None:
    chain.babe.current_slot.value = Slot(int(chain.babe.current_slot.value) + slots)


def btt(powers: list[int]) -> list[int]:
    return [power // BTT for power in powers]


def test_block_zero_seats_the_documents_institutions(chain: BttRuntime) -> None:
    seated = chain.chambers.membership.institutions.value
    assert sum(int(one.allocation) for one in seated) == 23 * 210_000 * BTT
    assert btt(chain.chambers.powers.of(BITWAVE, 10**27)) == [2_100_000, 0, 0, 0]
    assert btt(chain.chambers.powers.of(ALICE, 10**27)) == [0, 0, 400_000, 0]


def test_the_holders_are_all_but_institutions_pools_and_vesting_money(chain: BttRuntime) -> None:
    liquid = 400_000
    assert btt([int(all_) for all_ in chain.chambers.state_view().electorates]) == [
        4_830_000, 0, 2 * liquid, 0,
    ]  # fmt: skip
    assert btt(chain.chambers.powers.of(TEAM, 10**27)) == [0, 0, 0, 0]


def test_what_vests_is_the_holders(chain: BttRuntime) -> None:
    before = int(chain.chambers.state_view().electorates[Chamber.Holders])
    wait(chain, 24 * MONTH_MS // SLOT_MS)
    team = chain.chambers.powers.of(TEAM, 10**27)[Chamber.Holders]
    assert team > 0
    assert int(chain.chambers.state_view().electorates[Chamber.Holders]) >= before + team


def test_a_stake_of_a_year_counts_half_as_much_again(chain: BttRuntime) -> None:
    chain.tier_staking.stake(signed(ALICE), u128(60_000 * BTT), YEAR_STAKE, u128(0))
    assert btt(chain.chambers.powers.of(ALICE, 10**27))[Chamber.Holders] == 2 * 200_000
    wait(chain, DAY_MS // SLOT_MS)
    assert btt(chain.chambers.powers.of(ALICE, 10**27))[Chamber.Holders] == 2 * 140_000 + 3 * 60_000
    assert btt(chain.chambers.powers.of(ALICE, 1))[Chamber.Holders] == 3 * 60_000


def test_verified_work_votes_until_some_of_it_was_wrong(chain: BttRuntime) -> None:
    address = b"/ip4/127.0.0.1/tcp/4711/p2p/12D3KooWAbsent"
    info = ProviderInfo(
        ProviderKind.Clinic, None, [u16(0)], u32(2), b"\x01" * 32, b"\x02" * 32, address
    )
    chain.providers.register(signed(BOB), info, u128(1_000 * BTT))
    chain.providers.engagements.credit_score(BOB, 70, 5)
    wait(chain, DAY)
    assert chain.chambers.powers.of(BOB, 1)[Chamber.Compute] == 70
    assert int(chain.chambers.state_view().electorates[Chamber.Compute]) == 70
    chain.providers.engagements.slash(BOB, H256(bytes(32)), u128(BTT), None)
    assert chain.chambers.powers.of(BOB, 1)[Chamber.Compute] == 0


def judged(chain: BttRuntime, who: AccountId) -> None:
    chain.identity.add_registrar(ROOT, Id(CHARLIE))
    info = IdentityInfo()
    chain.identity.set_identity(signed(who), info)
    hash = H256(blake2_256(encode(IdentityInfo, info)))
    chain.identity.provide_judgement(signed(CHARLIE), u32(0), Id(who), Reasonable(), hash)


def test_a_judged_identity_is_elected_and_votes(chain: BttRuntime) -> None:
    judged(chain, BOB)
    chain.chambers.submit_candidacy(signed(BOB))
    chain.chambers.vote_representative(signed(DAVE), [BOB], u128(500 * BTT))
    wait(chain, 14 * DAY)
    chain.chambers.on_initialize(1)
    assert [seat.who for seat in chain.chambers.membership.representatives.value] == [BOB]
    assert chain.chambers.powers.of(BOB, 1)[Chamber.Community] == 10**9
    assert chain.balances.reservable_currency.reserved_named(RESERVE_ID, BOB) == 100 * BTT
