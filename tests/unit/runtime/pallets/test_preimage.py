"""Preimage: bytes stay while an account owns or a task needs them, and deposits are returned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u32
from runtime.constants import BTT
from runtime.frame import (
    NONE,
    ROOT,
    BadOrigin,
    DispatchError,
    PostInfo,
    Reason,
    TokenError,
    signed,
)
from runtime.pallets.balances import Reasons
from runtime.pallets.preimage import (
    MAX_HASHES,
    MAX_INLINE,
    MAX_SIZE,
    BoundedCall,
    Inline,
    Legacy,
    Lookup,
    Preimage,
    Requested,
    Unrequested,
)
from support.governance import ALICE, BOB, PEOPLE, WEALTH, GovernanceRuntime
from support.runtime import refused

TEXT = b"a very good idea"
KEY = H256(blake2_256(TEXT))
DEPOSIT = BTT + BTT // 1_000 * len(TEXT)
REASON = Reason(15, Preimage.HoldReason.Preimage)


@pytest.fixture
def town() -> GovernanceRuntime:
    made = GovernanceRuntime()
    made.open()
    return made


def held(town: GovernanceRuntime, who: AccountId) -> int:
    return int(town.balances.held(REASON, who))


def test_a_preimage_is_noted_against_a_deposit_and_taken_back_with_it(
    town: GovernanceRuntime,
) -> None:
    preimage = town.preimage
    assert preimage.note_preimage(signed(ALICE), TEXT) == PostInfo(pays=True)
    assert preimage.fetch(KEY, u32(len(TEXT))) == TEXT
    assert preimage.request_status_for[KEY] == Unrequested((ALICE, DEPOSIT), u32(len(TEXT)))
    assert held(town, ALICE) == DEPOSIT
    with refused(town, Preimage.AlreadyNoted):
        preimage.note_preimage(signed(BOB), TEXT)
    with refused(town, Preimage.NotAuthorized):
        preimage.unnote_preimage(signed(BOB), KEY)
    preimage.unnote_preimage(signed(ALICE), KEY)
    assert held(town, ALICE) == 0
    assert not preimage.have(KEY)
    assert Preimage.Noted(KEY) in town.announced()
    assert town.announced()[-1] == Preimage.Cleared(KEY)


def test_what_is_needed_is_noted_free_of_charge_and_goes_with_the_need(
    town: GovernanceRuntime,
) -> None:
    preimage = town.preimage
    preimage.request_preimage(ROOT, KEY)
    assert preimage.request_status_for[KEY] == Requested(None, u32(1), None)
    assert preimage.note_preimage(signed(ALICE), TEXT) == PostInfo(pays=False)
    assert held(town, ALICE) == 0
    with refused(town, Preimage.AlreadyNoted):
        preimage.note_preimage(signed(ALICE), TEXT)
    with refused(town, Preimage.NotAuthorized):
        preimage.unnote_preimage(signed(ALICE), KEY)
    preimage.unrequest_preimage(ROOT, KEY)
    assert not preimage.have(KEY)
    with refused(town, Preimage.NotRequested):
        preimage.unrequest_preimage(ROOT, KEY)


def test_an_owner_takes_the_deposit_back_and_the_need_keeps_the_bytes(
    town: GovernanceRuntime,
) -> None:
    preimage = town.preimage
    preimage.note_preimage(signed(ALICE), TEXT)
    preimage.request_preimage(ROOT, KEY)
    preimage.request_preimage(ROOT, KEY)
    preimage.unnote_preimage(signed(ALICE), KEY)
    assert held(town, ALICE) == 0
    assert preimage.fetch(KEY, u32(len(TEXT))) == TEXT
    preimage.unrequest_preimage(ROOT, KEY)
    assert preimage.have(KEY)
    preimage.unnote_preimage(ROOT, KEY)
    assert not preimage.have(KEY)


def test_what_is_needed_no_more_goes_back_to_its_owner(town: GovernanceRuntime) -> None:
    preimage = town.preimage
    preimage.note_preimage(signed(ALICE), TEXT)
    preimage.request_preimage(ROOT, KEY)
    preimage.unrequest_preimage(ROOT, KEY)
    assert preimage.request_status_for[KEY] == Unrequested((ALICE, DEPOSIT), u32(len(TEXT)))
    preimage.unnote_preimage(ROOT, KEY)
    assert held(town, ALICE) == 0


def test_a_need_without_bytes_leaves_nothing_behind(town: GovernanceRuntime) -> None:
    town.preimage.request_preimage(ROOT, KEY)
    town.preimage.unrequest_preimage(ROOT, KEY)
    assert KEY not in town.preimage.request_status_for


def test_a_wrong_call_says_why(town: GovernanceRuntime) -> None:
    preimage = town.preimage
    with refused(town, Preimage.NotNoted):
        preimage.unnote_preimage(signed(ALICE), KEY)
    with refused(town, Preimage.TooBig):
        preimage.note_preimage(ROOT, bytes(MAX_SIZE + 1))
    with refused(town, TokenError):
        preimage.note_preimage(signed(AccountId(b"\x77" * 32)), TEXT)
    with refused(town, BadOrigin):
        preimage.note_preimage(NONE, TEXT)
    with refused(town, BadOrigin):
        preimage.request_preimage(signed(ALICE), KEY)
    with refused(town, Preimage.TooFew):
        preimage.ensure_updated(signed(ALICE), [])
    with refused(town, Preimage.TooMany):
        preimage.ensure_updated(signed(ALICE), [KEY] * (MAX_HASHES + 1))
    preimage.ensure_updated(signed(ALICE), [KEY])


def test_a_longer_preimage_weighs_more() -> None:
    town = GovernanceRuntime()
    short, long = (
        town.host.dispatcher.info(town.call("Preimage", "note_preimage", bytes=bytes(size)))
        for size in (10, 1_000)
    )
    assert long.weight > short.weight
    few, many = (
        town.info(town.call("Preimage", "ensure_updated", hashes=[KEY] * count))
        for count in (1, 100)
    )
    assert many.weight > few.weight


def test_the_deposit_may_be_of_locked_money(town: GovernanceRuntime) -> None:
    town.balances.set_lock(b"vesting ", ALICE, WEALTH * BTT, Reasons.All)
    town.preimage.note_preimage(signed(ALICE), TEXT)
    assert held(town, ALICE) == DEPOSIT


def test_a_short_call_is_written_where_it_is_needed(town: GovernanceRuntime) -> None:
    inner = town.entry(b"short")
    bounded = town.preimage.bound(inner)
    assert bounded == Inline(inner.raw)
    assert town.preimage.peek(bounded) == inner
    town.preimage.drop(bounded)
    assert town.announced() == []


def test_a_long_call_is_kept_once_for_each_who_needs_it(town: GovernanceRuntime) -> None:
    inner = town.entry(bytes(MAX_INLINE))
    first, second = town.preimage.bound(inner), town.preimage.bound(inner)
    assert first == second == Lookup(H256(blake2_256(inner.raw)), u32(len(inner.raw)))
    for bounded in (first, second):
        assert town.preimage.peek(bounded) == inner
        town.preimage.drop(bounded)
    assert town.preimage.peek(second) is None


def test_a_call_is_found_by_its_hash_alone_and_by_no_wrong_length(town: GovernanceRuntime) -> None:
    inner = town.entry(b"by hash")
    town.preimage.note_preimage(signed(ALICE), inner.raw)
    key = H256(blake2_256(inner.raw))
    assert town.preimage.peek(Legacy(key)) == inner
    assert town.preimage.peek(Lookup(key, u32(len(inner.raw) + 1))) is None
    town.preimage.note_preimage(signed(ALICE), TEXT)
    assert town.preimage.peek(Legacy(KEY)) is None, "the bytes are no call"


def test_a_bounded_call_is_written_as_wallets_read_it() -> None:
    bounded = codec(BoundedCall)
    assert bounded.encode(Inline(b"\0\1\2")) == bytes((1, 12, 0, 1, 2))
    assert bounded.encode(Lookup(KEY, u32(5))) == b"\2" + KEY + bytes((5, 0, 0, 0))
    assert bounded.encode(Legacy(KEY)) == b"\0" + KEY
    assert bounded.decode_all(b"\0" + KEY) == Legacy(KEY)


ACTIONS = ("note", "unnote", "request", "unrequest")


@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 4), st.integers(0, 3)), max_size=25)
)
def test_deposits_are_what_is_held_whatever_is_called(
    steps: list[tuple[str, int, int]],
) -> None:
    town = GovernanceRuntime()
    town.open()
    for action, who, text in steps:
        origin = signed(PEOPLE[who]) if who < 4 else ROOT
        data = bytes((text,)) * 9
        call = {
            "note": town.call("Preimage", "note_preimage", bytes=data),
            "unnote": town.call("Preimage", "unnote_preimage", hash=H256(blake2_256(data))),
            "request": town.call("Preimage", "request_preimage", hash=H256(blake2_256(data))),
        }.get(action, town.call("Preimage", "unrequest_preimage", hash=H256(blake2_256(data))))
        try:
            town.dispatch(origin, call)
        except DispatchError:
            continue
        owed = dict.fromkeys(PEOPLE, 0)
        for entry in town.preimage.request_status_for.items():
            status = entry[1]
            deposit = status.ticket if isinstance(status, Unrequested) else status.maybe_ticket
            if deposit is not None:
                owed[deposit[0]] += int(deposit[1])
        assert owed == {who: held(town, who) for who in PEOPLE}
        kept = {key for (key, _), _ in town.preimage.preimage_for.items()}
        known = [key for key, _ in town.preimage.request_status_for.items()]
        assert kept == {key for key in known if town.preimage.have(key)}
