"""Preimage: bytes stay while an account owns or a task needs them, and deposits are returned."""

from __future__ import annotations

import pytest
from hypothesis import given

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u32
from runtime.constants import BTT
from runtime.frame import NONE, ROOT, BadOrigin, PostInfo, Reason, TokenError, signed
from runtime.frame.traits import Reasons
from runtime.pallets.preimage.pallet import (
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
from support.histories import History, seeds, unreached
from support.runtime import refused

TEXT = b"a very good idea"
KEY = H256(blake2_256(TEXT))
DEPOSIT = BTT + BTT // 1_000 * len(TEXT)
REASON = Reason(15, Preimage.HoldReason.Preimage)


@pytest.fixture
def runtime() -> GovernanceRuntime:
    made = GovernanceRuntime()
    made.open()
    return made


def held(runtime: GovernanceRuntime, who: AccountId) -> int:
    return int(runtime.balances.held(REASON, who))


def test_a_preimage_is_noted_against_a_deposit_and_taken_back_with_it(
    runtime: GovernanceRuntime,
) -> None:
    preimage = runtime.preimage
    assert preimage.note_preimage(signed(ALICE), TEXT) == PostInfo(pays=True)
    assert preimage.fetch(KEY, u32(len(TEXT))) == TEXT
    assert preimage.request_status_for[KEY] == Unrequested((ALICE, DEPOSIT), u32(len(TEXT)))
    assert held(runtime, ALICE) == DEPOSIT
    with refused(runtime, Preimage.AlreadyNoted):
        preimage.note_preimage(signed(BOB), TEXT)
    with refused(runtime, Preimage.NotAuthorized):
        preimage.unnote_preimage(signed(BOB), KEY)
    preimage.unnote_preimage(signed(ALICE), KEY)
    assert held(runtime, ALICE) == 0
    assert not preimage.have(KEY)
    assert Preimage.Noted(KEY) in runtime.announced()
    assert runtime.announced()[-1] == Preimage.Cleared(KEY)


def test_what_is_needed_is_noted_free_of_charge_and_goes_with_the_need(
    runtime: GovernanceRuntime,
) -> None:
    preimage = runtime.preimage
    preimage.request_preimage(ROOT, KEY)
    assert preimage.request_status_for[KEY] == Requested(None, u32(1), None)
    assert preimage.note_preimage(signed(ALICE), TEXT) == PostInfo(pays=False)
    assert held(runtime, ALICE) == 0
    with refused(runtime, Preimage.AlreadyNoted):
        preimage.note_preimage(signed(ALICE), TEXT)
    with refused(runtime, Preimage.NotAuthorized):
        preimage.unnote_preimage(signed(ALICE), KEY)
    preimage.unrequest_preimage(ROOT, KEY)
    assert not preimage.have(KEY)
    with refused(runtime, Preimage.NotRequested):
        preimage.unrequest_preimage(ROOT, KEY)


def test_an_owner_takes_the_deposit_back_and_the_need_keeps_the_bytes(
    runtime: GovernanceRuntime,
) -> None:
    preimage = runtime.preimage
    preimage.note_preimage(signed(ALICE), TEXT)
    preimage.request_preimage(ROOT, KEY)
    preimage.request_preimage(ROOT, KEY)
    preimage.unnote_preimage(signed(ALICE), KEY)
    assert held(runtime, ALICE) == 0
    assert preimage.fetch(KEY, u32(len(TEXT))) == TEXT
    preimage.unrequest_preimage(ROOT, KEY)
    assert preimage.have(KEY)
    preimage.unnote_preimage(ROOT, KEY)
    assert not preimage.have(KEY)


def test_what_is_needed_no_more_goes_back_to_its_owner(runtime: GovernanceRuntime) -> None:
    preimage = runtime.preimage
    preimage.note_preimage(signed(ALICE), TEXT)
    preimage.request_preimage(ROOT, KEY)
    preimage.unrequest_preimage(ROOT, KEY)
    assert preimage.request_status_for[KEY] == Unrequested((ALICE, DEPOSIT), u32(len(TEXT)))
    preimage.unnote_preimage(ROOT, KEY)
    assert held(runtime, ALICE) == 0


def test_a_need_without_bytes_leaves_nothing_behind(runtime: GovernanceRuntime) -> None:
    runtime.preimage.request_preimage(ROOT, KEY)
    runtime.preimage.unrequest_preimage(ROOT, KEY)
    assert KEY not in runtime.preimage.request_status_for


def test_a_wrong_call_says_why(runtime: GovernanceRuntime) -> None:
    preimage = runtime.preimage
    with refused(runtime, Preimage.NotNoted):
        preimage.unnote_preimage(signed(ALICE), KEY)
    with refused(runtime, Preimage.TooBig):
        preimage.note_preimage(ROOT, bytes(MAX_SIZE + 1))
    with refused(runtime, TokenError):
        preimage.note_preimage(signed(AccountId(b"\x77" * 32)), TEXT)
    with refused(runtime, BadOrigin):
        preimage.note_preimage(NONE, TEXT)
    with refused(runtime, BadOrigin):
        preimage.request_preimage(signed(ALICE), KEY)
    with refused(runtime, Preimage.TooFew):
        preimage.ensure_updated(signed(ALICE), [])
    with refused(runtime, Preimage.TooMany):
        preimage.ensure_updated(signed(ALICE), [KEY] * (MAX_HASHES + 1))
    preimage.ensure_updated(signed(ALICE), [KEY])


def test_a_longer_preimage_weighs_more() -> None:
    runtime = GovernanceRuntime()
    short, long = (
        runtime.host.dispatcher.info(runtime.call("Preimage", "note_preimage", bytes=bytes(size)))
        for size in (10, 1_000)
    )
    assert long.weight > short.weight
    few, many = (
        runtime.info(runtime.call("Preimage", "ensure_updated", hashes=[KEY] * count))
        for count in (1, 100)
    )
    assert many.weight > few.weight


def test_the_deposit_may_be_of_locked_money(runtime: GovernanceRuntime) -> None:
    runtime.balances.set_lock(b"vesting ", ALICE, WEALTH * BTT, Reasons.All)
    runtime.preimage.note_preimage(signed(ALICE), TEXT)
    assert held(runtime, ALICE) == DEPOSIT


def test_a_short_call_is_written_where_it_is_needed(runtime: GovernanceRuntime) -> None:
    inner = runtime.entry(b"short")
    bounded = runtime.preimage.bound(inner)
    assert bounded == Inline(inner.raw)
    assert runtime.preimage.peek(bounded) == inner
    runtime.preimage.drop(bounded)
    assert runtime.announced() == []


def test_a_long_call_is_kept_once_for_each_who_needs_it(runtime: GovernanceRuntime) -> None:
    inner = runtime.entry(bytes(MAX_INLINE))
    first, second = runtime.preimage.bound(inner), runtime.preimage.bound(inner)
    assert first == second == Lookup(H256(blake2_256(inner.raw)), u32(len(inner.raw)))
    for bounded in (first, second):
        assert runtime.preimage.peek(bounded) == inner
        runtime.preimage.drop(bounded)
    assert runtime.preimage.peek(second) is None


def test_a_call_is_found_by_its_hash_alone_and_by_no_wrong_length(
    runtime: GovernanceRuntime,
) -> None:
    inner = runtime.entry(b"by hash")
    runtime.preimage.note_preimage(signed(ALICE), inner.raw)
    key = H256(blake2_256(inner.raw))
    assert runtime.preimage.peek(Legacy(key)) == inner
    assert runtime.preimage.peek(Lookup(key, u32(len(inner.raw) + 1))) is None
    runtime.preimage.note_preimage(signed(ALICE), TEXT)
    assert runtime.preimage.peek(Legacy(KEY)) is None, "the bytes are no call"


def test_a_bounded_call_is_written_as_wallets_read_it() -> None:
    bounded = codec(BoundedCall)
    assert bounded.encode(Inline(b"\0\1\2")) == bytes((1, 12, 0, 1, 2))
    assert bounded.encode(Lookup(KEY, u32(5))) == b"\2" + KEY + bytes((5, 0, 0, 0))
    assert bounded.encode(Legacy(KEY)) == b"\0" + KEY
    assert bounded.decode_all(b"\0" + KEY) == Legacy(KEY)


class Preimages(History):
    """Four accounts that note texts, and root, which requests them."""

    def __init__(self) -> None:
        self.runtime = GovernanceRuntime()
        super().__init__(self.runtime)
        self.runtime.open()

    def step(self) -> None:
        preimage = self.runtime.preimage
        origin = self.one_of((*map(signed, PEOPLE[:4]), ROOT))
        data = bytes((self.rng.randrange(4),)) * 9
        key, kind = H256(blake2_256(data)), self.rng.randrange(8)
        if kind < 3:
            self.attempt(preimage.note_preimage, origin, data)
        elif kind == 3:
            known = preimage.request_status_for.get(key)
            deposit = known.ticket if isinstance(known, Unrequested) else None
            owner = signed(deposit[0]) if deposit is not None and not self.one_in(4) else origin
            self.attempt(preimage.unnote_preimage, owner, key)
        elif kind == 7:
            self.attempt(preimage.ensure_updated, origin, [key])
        else:
            by = origin if self.one_in(4) else ROOT
            call = preimage.request_preimage if kind == 4 else preimage.unrequest_preimage
            self.attempt(call, by, key)

    def check(self) -> None:
        runtime, owed = self.runtime, dict.fromkeys(PEOPLE, 0)
        for entry in runtime.preimage.request_status_for.items():
            status = entry[1]
            deposit = status.ticket if isinstance(status, Unrequested) else status.maybe_ticket
            if deposit is not None:
                owed[deposit[0]] += int(deposit[1])
        assert owed == {who: held(runtime, who) for who in PEOPLE}
        kept = {key for (key, _), _ in runtime.preimage.preimage_for.items()}
        known = [key for key, _ in runtime.preimage.request_status_for.items()]
        assert kept == {key for key in known if runtime.preimage.have(key)}


@given(seeds(10, 30))
def test_deposits_are_what_is_held_whatever_is_called(steps: list[int]) -> None:
    Preimages().run(steps)


def test_random_preimages_reach_all_calls_and_events() -> None:
    assert unreached(Preimages, Preimage, runs=4, steps=60) == set()
