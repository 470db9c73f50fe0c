"""Governance on a chain with all its pallets: signed votes, and money that moves by itself."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import Ok, u32, u64
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.frame import Call
from runtime.pallets.conviction_voting.types import Standard, vote_of
from runtime.pallets.origins import Decision, DecisionOrigin, RawRoot, SystemOrigin
from runtime.pallets.preimage.pallet import Inline
from runtime.pallets.referenda.lifecycle import enactment_name
from runtime.pallets.referenda.types import WasApproved
from runtime.pallets.scheduler.events import Dispatched
from runtime.pallets.scheduler.types import After
from runtime.pallets.system.pallet import System
from runtime.pallets.treasury.pallet import Treasury
from runtime.params import RuntimeParams
from support.chain import ALICE, BOB, CHARLIE, DAVE, DevChain, account

DAY = RuntimeParams(u64(6_000)).day_slots
"""Slots of a day of decisions."""
FIRST = u32(0)


@pytest.fixture
def chain() -> DevChain:
    """Return a chain on which BOB and CHARLIE are seated as institutions: 70 % of the weight."""
    made = DevChain(extra={bytes(TREASURY): 1_000 * int(BTT)}, shared=True)
    seats = [
        made.call("Chambers", "add_institution", who=Id(account(pair)), allocation=900 * BTT)
        for pair in (BOB, CHARLIE)
    ]
    made.run(ALICE, made.call("Sudo", "sudo", call=made.call("Utility", "batch_all", calls=seats)))
    return made


def skip(chain: DevChain, slots: int) -> list[object]:
    """Let `slots` go by, the last with a block; return its events."""
    chain.now += 6 * (slots - 1)
    return [record.event.event for record in chain.events(chain.seal())]


def enacted(chain: DevChain) -> tuple[Dispatched, list[object]]:
    """Let days go by until a referendum's call is made; return what came of it, and that block."""
    for _ in range(10):
        events = skip(chain, DAY)
        for event in events:
            if isinstance(event, Dispatched) and event.id == enactment_name(FIRST):
                return event, events
    raise AssertionError("the call was never made")


def decide(chain: DevChain, call: Call, by: SystemOrigin | DecisionOrigin, index: u32) -> None:
    """Submit, and vote with 900 BTT each."""
    submitted = chain.run(
        BOB,
        chain.call(
            "Referenda",
            "submit",
            proposal_origin=by,
            proposal=Inline(call.raw),
            enactment_moment=After(u32(0)),
        ),
    )
    assert any(isinstance(event, System.ExtrinsicSuccess) for event in submitted)
    chain.send(ALICE, chain.call("Referenda", "place_decision_deposit", index=index))
    vote = Standard(vote_of(aye=True), 900 * BTT)
    for pair in (BOB, CHARLIE, DAVE):
        chain.send(pair, chain.call("ConvictionVoting", "vote", poll_index=index, vote=vote))
    chain.seal()


def test_a_referendum_pays_from_the_treasury(chain: DevChain) -> None:
    payment = chain.call("Treasury", "spend_local", amount=400 * BTT, beneficiary=Id(account(DAVE)))
    total, before = chain.total(), chain.account(DAVE).data.free
    decide(chain, payment, DecisionOrigin(Decision.SmallSpender), FIRST)
    done, events = enacted(chain)
    assert done.result == Ok(())
    assert isinstance(chain.at().referenda.referendum_info_for[FIRST], WasApproved)
    assert any(isinstance(event, Treasury.SpendApproved) for event in events)
    skip(chain, 6 * DAY)
    paid = chain.account(DAVE).data.free - before
    assert 399 * BTT < paid < 400 * BTT, "the award, less the fee of one vote"
    assert chain.total() == total


def test_what_the_small_spender_may_not_is_refused_when_it_comes_to_it(chain: DevChain) -> None:
    wish = chain.call("Balances", "force_set_balance", who=Id(account(BOB)), new_free=10**24)
    decide(chain, wish, DecisionOrigin(Decision.SmallSpender), FIRST)
    before = chain.account(BOB).data.free
    done, _ = enacted(chain)
    assert done.result != Ok(())
    assert chain.account(BOB).data.free == before


def test_a_vouched_for_call_is_made_as_root(chain: DevChain) -> None:
    inner = chain.call("Authorities", "set_minimum_bond", amount=20_000 * BTT)
    key = H256(blake2_256(inner.raw))
    vouch = chain.call("Whitelist", "whitelist_call", call_hash=key)
    as_technical = chain.call(
        "Utility", "dispatch_as", as_origin=DecisionOrigin(Decision.Technical), call=vouch
    )
    chain.run(ALICE, chain.call("Sudo", "sudo", call=as_technical))
    assert key in chain.at().whitelist.whitelisted_call
    make = chain.call("Whitelist", "dispatch_whitelisted_call_with_preimage", call=inner)
    decide(chain, make, DecisionOrigin(Decision.WhitelistedCaller), FIRST)
    done, _ = enacted(chain)
    assert done.result == Ok(())
    assert chain.at().authorities.minimum_bond.value == 20_000 * BTT
    assert key not in chain.at().whitelist.whitelisted_call


def test_voted_money_does_not_leave(chain: DevChain) -> None:
    remark = chain.call("System", "remark", remark=b"hello")
    decide(chain, remark, SystemOrigin(RawRoot()), FIRST)
    move = chain.call("Balances", "transfer_allow_death", dest=Id(account(DAVE)), value=500 * BTT)
    events = chain.run(CHARLIE, move)
    assert any(isinstance(event, System.ExtrinsicFailed) for event in events)
