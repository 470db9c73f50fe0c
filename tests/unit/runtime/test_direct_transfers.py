"""Transfers in one pass: when that way is taken, and what it must not keep.

Random extrinsics show that both ways have the same effects (`test_rows_in_two_ways.py`).
"""

from __future__ import annotations

from enum import IntEnum

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import validity
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Mortal
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import Invalid, TransactionSource
from btt_chain.scale import u32, u64, u128
from btt_chain.scale.compact import compact_encode
from runtime import BttRuntime, implicits
from runtime.accounts import DEVELOPMENT_FUND
from runtime.constants import BTT, MILLI_BTT
from runtime.direct import DirectCalls
from runtime.executive import Executive
from runtime.extensions import SIGNED_EXTRA, MetadataHashMode, SignedExtra
from runtime.frame import Call, Pallet, Reason
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.system.pallet import System
from runtime.params import RuntimeParams
from runtime.transactions import Malformed, check_signature
from support.chain import ALICE, BOB, CHARLIE, DAVE, DevChain, account, address
from support.direct import Ways, view
from support.two_ways import admission

UNFUNDED = KeyPair.from_uri("//Unfunded")


def lose_author_and_fund(runtime: BttRuntime) -> None:
    """Leave author and fund without accounts: the treasury gets their shares of fees."""
    runtime.babe.sealer.value = account(UNFUNDED)
    del runtime.system.account[runtime.fees.development_fund]


def near_limit(runtime: BttRuntime) -> None:
    """Let authors soon reach the limit of the era."""
    runtime.fees.era_limit.value = MILLI_BTT


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways(monkeypatch)


def test_shares_that_can_create_no_account_go_to_the_treasury(ways: Ways) -> None:
    chain = DevChain(prepare=lose_author_and_fund, shared=True)
    peer = chain.another()
    for nonce in range(5):
        chain.pool.submit(usual(chain, nonce=nonce))
        ways.is_allowed = True
        block = chain.block(chain.seal())
        ways.is_allowed = False
        peer.import_block(*block)
    # The general way makes the treasury an account, and lifts it above the existential deposit.
    assert ways.taken == 3
    assert int(chain.account(UNFUNDED).providers) == 0


def usual(chain: DevChain, tip: int = 0, nonce: int = 0) -> bytes:
    call = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=BTT)
    return chain.sign(BOB, call, tip=tip, nonce=nonce)


def opened(chain: DevChain) -> tuple[Header, list[bytes]]:
    """Return a block with one usual transfer, after one that brought the fund its first money."""
    chain.pool.submit(usual(chain))
    chain.seal()
    chain.pool.submit(usual(chain, nonce=1))
    return chain.block(chain.seal())


def test_a_usual_transfer_is_made_in_one_pass(ways: Ways) -> None:
    chain = DevChain(shared=True)
    opened(chain)
    assert ways.taken == 1
    chain.pool.submit(usual(chain, tip=1, nonce=2))
    chain.seal()
    assert ways.taken == 1


def test_only_the_transfer_that_reaches_the_limit_of_the_era_takes_the_general_way(
    ways: Ways,
) -> None:
    chain, without = DevChain(prepare=near_limit, shared=True), DevChain(shared=True)
    for nonce in range(12):
        without.pool.submit(usual(without, nonce=nonce))
        if nonce % 4 == 3:
            without.seal()
    taken, ways.taken = ways.taken, 0
    earned: list[int] = []
    for block in range(3):
        before = int(chain.account(ALICE).data.free)
        for nonce in range(4):
            chain.pool.submit(usual(chain, nonce=4 * block + nonce))
        chain.seal()
        earned.append(int(chain.account(ALICE).data.free) - before)
    share = earned[0] // 4
    assert earned == [4 * share, 4 * share, int(MILLI_BTT) - 8 * share]
    assert 0 < earned[2] < share
    assert ways.taken == taken - 1
    assert chain.at().fees.era_paid.value == MILLI_BTT


def test_a_bad_signature_is_refused_in_the_way_of_all_others() -> None:
    chain = DevChain(shared=True)
    header, body = opened(chain)
    executive = chain.client.runtime_at(header.parent_hash).blocks
    forged = bytearray(body[1])
    forged[40] ^= 1
    overlay = chain.client.overlay(header.parent_hash)
    executive.initialize_block(overlay, header)
    executive.apply_extrinsic(body[0])
    before = overlay.changes(), list(executive.runtime.host.events)
    with pytest.raises(Invalid) as refused:
        executive.apply_extrinsic(bytes(forged))
    assert refused.value.reason == validity.BadProof()
    assert (overlay.changes(), executive.runtime.host.events) == before


def test_an_amount_that_no_balance_can_hold_is_malformed_for_the_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = DevChain(shared=True)
    call = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=BTT)
    above = call.raw[:35] + compact_encode(1 << 128)
    raw = unwrap(chain.sign(BOB, Call(call.pallet, call.index, call.args, above)))
    executive = view(chain)
    admitted = admission(executive, raw)
    assert isinstance(admitted, tuple)
    assert admitted[0] is Malformed
    monkeypatch.setattr(DirectCalls, "open", lambda _path, _raw: None)
    assert admitted == admission(executive, raw)


@pytest.mark.parametrize(("nonce", "references"), [(2, 0), (u32.MAX, 1)])
def test_a_payer_without_references_or_a_next_nonce_sends_nothing(
    nonce: int, references: int, ways: Ways
) -> None:
    chain = DevChain(shared=True)
    header, body = opened(chain)
    raw = unwrap(usual(chain, nonce=nonce))
    executive = chain.client.runtime_at(header.parent_hash).blocks

    def execute() -> object:
        overlay = chain.client.overlay(header.parent_hash)
        executive.initialize_block(overlay, header)
        executive.apply_extrinsic(body[0])
        accounts = executive.runtime.pallet(System).account
        payer = accounts[account(BOB)]
        payer.nonce, payer.providers = u32(nonce), u32(references)
        accounts[account(BOB)] = payer
        with pytest.raises(Invalid) as refused:
            executive.apply_extrinsic(raw)
        return str(refused.value), overlay.changes()

    ways.both(execute)
    assert ways.taken == 0


def test_the_author_is_read_again_after_another_extrinsic(ways: Ways) -> None:
    chain = DevChain(extra={DEVELOPMENT_FUND: int(BTT)}, shared=True)
    header, body = opened(chain)
    executive = chain.client.runtime_at(header.parent_hash).blocks
    remark = chain.sign(CHARLIE, chain.call("System", "remark", remark=b""))
    author = executive.runtime.pallet(Babe).sealer

    def execute() -> object:
        overlay = chain.client.overlay(header.parent_hash)
        executive.initialize_block(overlay, header)
        for raw in body:
            executive.apply_extrinsic(raw)
        author.value = account(DAVE)
        for wire in (remark, usual(chain, nonce=2)):
            executive.apply_extrinsic(unwrap(wire))
        return overlay.changes(), executive.runtime.host.happened()

    ways.both(execute)
    assert ways.taken == 2


def test_a_pool_view_keeps_a_limited_number_of_eras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implicits, "MAX_ERAS", 3)
    chain = DevChain(shared=True)
    for _ in range(5):
        chain.seal()
    executive = view(chain)
    for exponent in range(2, 9):
        extra = SignedExtra(Mortal.at(5, 1 << exponent), u32(0), u128(0), MetadataHashMode.Disabled)
        data = executive.decoder.implicits.of_encoded(SIGNED_EXTRA.encode(extra))[1]
        assert data == executive.decoder.implicits.of(extra)
        assert len(executive.decoder.implicits._by_era) <= 3


class Frost(Pallet):
    """Has a reason for freezes that the runtime of the program has not."""

    class FreezeReason(IntEnum):
        Winter = 0


def later_version(params: RuntimeParams) -> BttRuntime:
    runtime = BttRuntime(params)
    runtime.add(200, Frost())
    runtime.complete()
    return runtime


def freeze(runtime: BttRuntime) -> None:
    reason = Reason(200, Frost.FreezeReason.Winter)
    runtime.balances.lockable_currency.set_freeze(reason, account(BOB), u128(BTT))


def test_a_transfer_is_admitted_after_another_runtime_was_active() -> None:
    chain = DevChain(prepare=freeze)
    runtime = later_version(RuntimeParams(u64(chain.slot_ms)))
    executive = Executive(
        runtime, check_signature=check_signature, ordered_root=lambda _: bytes(32)
    )
    best = chain.client.best().hash
    executive.open_pool_view(chain.client.overlay(best), H256(best))
    chain.runtime.bind()
    valid = executive.validate_transaction(TransactionSource.External, unwrap(usual(chain)))
    assert valid.provides == [account(BOB) + bytes(4)]
