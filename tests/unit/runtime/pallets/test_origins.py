"""Origins on the wire: who decided travels with a call, and opens the gates that are its own."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import codec, u128
from runtime.accounts import TREASURY
from runtime.frame import NONE, ROOT, BadOrigin, Origin, signed
from runtime.frame.origin import decided
from runtime.pallets.origins import (
    Decision,
    DecisionOrigin,
    OriginCaller,
    RawNone,
    RawRoot,
    RawSigned,
    SystemOrigin,
    caller,
    ensure_decided,
    spending_up_to,
    written,
)
from runtime.pallets.utility.pallet import Utility
from support.governance import Diary, GovernanceRuntime
from support.runtime import refused

ALICE = AccountId(b"\1" * 32)
TREASURER = decided(Decision.Treasurer)


@pytest.mark.parametrize("origin", [ROOT, signed(ALICE), TREASURER, decided(Decision.Canceller)])
def test_an_origin_comes_back_as_it_was_written(origin: Origin) -> None:
    raw = codec(OriginCaller).encode(written(origin))
    assert caller(codec(OriginCaller).decode_all(raw)) == origin


def test_origins_are_written_as_wallets_read_them() -> None:
    encode = codec(OriginCaller).encode
    assert encode(SystemOrigin(RawRoot())) == b"\0\0"
    assert encode(SystemOrigin(RawSigned(ALICE))) == b"\0\1" + ALICE
    assert encode(DecisionOrigin(Decision.Treasurer)) == bytes((23, 11))


@pytest.mark.parametrize("origin", [SystemOrigin(RawNone()), SystemOrigin(RawSigned(TREASURY))])
def test_no_call_is_made_as_none_or_as_a_pool(origin: SystemOrigin) -> None:
    with pytest.raises(BadOrigin):
        caller(origin)


def test_what_is_limited_cannot_be_written() -> None:
    with pytest.raises(BadOrigin):
        written(signed(ALICE).filtered(lambda _: True))
    limited = TREASURER.filtered(lambda _: False)
    assert limited.decision == Decision.Treasurer
    assert written(NONE) == SystemOrigin(RawNone())


def test_a_gate_lets_its_decisions_and_root_through() -> None:
    gate = ensure_decided(Decision.Treasurer, Decision.Grants)
    for origin in (ROOT, TREASURER, decided(Decision.Grants)):
        gate(origin)
    for origin in (NONE, signed(ALICE), decided(Decision.SmallSpender)):
        with pytest.raises(BadOrigin):
            gate(origin)


def test_a_decision_is_neither_root_nor_an_account() -> None:
    for ask in (TREASURER.root, TREASURER.signed, TREASURER.none):
        with pytest.raises(BadOrigin):
            ask()


def test_spenders_have_their_limits() -> None:
    gate = spending_up_to({Decision.SmallSpender: u128(10), Decision.Treasurer: None})
    assert gate(decided(Decision.SmallSpender)) == 10
    assert gate(TREASURER) is gate(ROOT) is None
    for origin in (signed(ALICE), decided(Decision.Grants), NONE):
        with pytest.raises(BadOrigin):
            gate(origin)


class Batching(GovernanceRuntime):
    """A runtime with batches."""

    def more(self) -> None:
        self.utility = self.add(9, Utility())


def test_a_decision_can_make_several_calls_and_root_can_call_as_one() -> None:
    runtime = Batching()
    calls = [runtime.entry(b"one"), runtime.entry(b"two")]
    runtime.utility.batch_all(TREASURER, calls)
    assert runtime.written() == [b"one", b"two"]
    as_treasurer = DecisionOrigin(Decision.Treasurer)
    with refused(runtime, BadOrigin):
        runtime.utility.dispatch_as(TREASURER, as_treasurer, calls[0])
    runtime.utility.dispatch_as_fallible(ROOT, as_treasurer, calls[0])
    assert runtime.announced()[0] == Diary.Written(b"one")
