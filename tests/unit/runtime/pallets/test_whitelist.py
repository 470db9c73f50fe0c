"""Whitelist: exactly the call that was vouched for is made as root, once."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import Err, Ok, u32, u64
from runtime.frame import ROOT, BadOrigin, Call, Weight, signed
from runtime.frame.error import PostDispatchInfo
from runtime.frame.origin import decided
from runtime.frame.weight import PICOS_PER_MICRO, Pays
from runtime.pallets.origins import Decision, ensure_decided
from runtime.pallets.whitelist.pallet import Whitelist
from support.governance import ALICE, Diary, GovernanceRuntime
from support.runtime import refused

TECHNICAL, WHITELISTED = decided(Decision.Technical), decided(Decision.WhitelistedCaller)
HUNDRED = Weight(u64(100 * PICOS_PER_MICRO))


class Careful(GovernanceRuntime):
    """A runtime where the technical track vouches for calls."""

    def more(self) -> None:
        self.whitelist = self.add(
            19,
            Whitelist(
                preimages=self.preimage,
                whitelist_origin=ensure_decided(Decision.Technical),
                dispatch_whitelisted_origin=ensure_decided(Decision.WhitelistedCaller),
            ),
        )


@pytest.fixture
def runtime() -> Careful:
    made = Careful()
    made.open()
    return made


def key(call: Call) -> H256:
    return H256(blake2_256(call.raw))


def test_a_call_is_made_once_after_it_was_vouched_for(runtime: Careful) -> None:
    inner = runtime.entry(b"upgrade")
    make = runtime.whitelist.dispatch_whitelisted_call_with_preimage
    with refused(runtime, Whitelist.CallIsNotWhitelisted):
        make(WHITELISTED, inner)
    runtime.whitelist.whitelist_call(TECHNICAL, key(inner))
    with refused(runtime, Whitelist.CallAlreadyWhitelisted):
        runtime.whitelist.whitelist_call(TECHNICAL, key(inner))
    with refused(runtime, BadOrigin):
        make(TECHNICAL, inner)
    runtime.new_events()
    make(WHITELISTED, inner)
    half = Weight(u64(50 * PICOS_PER_MICRO))
    assert runtime.announced() == [
        Diary.Written(b"upgrade"),
        Whitelist.WhitelistedCallDispatched(key(inner), Ok(PostDispatchInfo(half, Pays.Yes))),
    ]
    with refused(runtime, Whitelist.CallIsNotWhitelisted):
        make(WHITELISTED, inner)
    assert list(runtime.preimage.request_status_for.items()) == []


def test_a_call_is_made_from_its_preimage(runtime: Careful) -> None:
    inner = runtime.entry(b"upgrade")
    length = u32(len(inner.raw))
    make = runtime.whitelist.dispatch_whitelisted_call
    runtime.whitelist.whitelist_call(TECHNICAL, key(inner))
    with refused(runtime, Whitelist.UnavailablePreImage):
        make(WHITELISTED, key(inner), length, HUNDRED)
    runtime.preimage.note_preimage(signed(ALICE), inner.raw)
    with refused(runtime, Whitelist.UnavailablePreImage):
        make(WHITELISTED, key(inner), length + 1, HUNDRED)
    with refused(runtime, Whitelist.InvalidCallWeightWitness):
        make(WHITELISTED, key(inner), length, Weight(u64(99)))
    runtime.new_events()
    make(WHITELISTED, key(inner), length, HUNDRED)
    assert runtime.written() == [b"upgrade"]
    assert not runtime.preimage.have(key(inner))


def test_bytes_that_are_no_call_are_refused(runtime: Careful) -> None:
    data = b"\xff\xff no call"
    call_hash = H256(blake2_256(data))
    runtime.whitelist.whitelist_call(ROOT, call_hash)
    runtime.preimage.note_preimage(signed(ALICE), data)
    with refused(runtime, Whitelist.UndecodableCall):
        runtime.whitelist.dispatch_whitelisted_call(ROOT, call_hash, u32(len(data)), HUNDRED)


def test_a_failure_is_reported_and_the_call_is_used_up(runtime: Careful) -> None:
    inner = runtime.entry(b"bad", fails=True)
    runtime.whitelist.whitelist_call(TECHNICAL, key(inner))
    runtime.whitelist.dispatch_whitelisted_call_with_preimage(WHITELISTED, inner)
    event = runtime.announced()[-1]
    assert isinstance(event, Whitelist.WhitelistedCallDispatched)
    assert isinstance(event.result, Err)
    assert key(inner) not in runtime.whitelist.whitelisted_call


def test_who_vouches_can_take_it_back(runtime: Careful) -> None:
    inner = runtime.entry(b"no")
    with refused(runtime, Whitelist.CallIsNotWhitelisted):
        runtime.whitelist.remove_whitelisted_call(TECHNICAL, key(inner))
    runtime.whitelist.whitelist_call(TECHNICAL, key(inner))
    with refused(runtime, BadOrigin):
        runtime.whitelist.remove_whitelisted_call(WHITELISTED, key(inner))
    runtime.whitelist.remove_whitelisted_call(TECHNICAL, key(inner))
    assert runtime.announced()[-1] == Whitelist.WhitelistedCallRemoved(key(inner))
    assert list(runtime.preimage.request_status_for.items()) == []


def test_the_weight_is_that_of_the_call_and_a_little_more(runtime: Careful) -> None:
    inner = runtime.entry(b"heavy", micros=5_000)
    wrapped = runtime.call("Whitelist", "dispatch_whitelisted_call_with_preimage", call=inner)
    by_hash = runtime.call(
        "Whitelist",
        "dispatch_whitelisted_call",
        call_hash=key(inner),
        call_encoded_len=u32(len(inner.raw)),
        call_weight_witness=Weight(u64(5_000 * PICOS_PER_MICRO)),
    )
    for outer in (wrapped, by_hash):
        assert runtime.info(outer).weight > 5_000 * PICOS_PER_MICRO
