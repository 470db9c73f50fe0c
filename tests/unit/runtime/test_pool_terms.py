"""A pool view validates transactions as if each were the first: what it keeps changes nothing."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.validity import Invalid, TransactionSource, ValidTransaction
from btt_chain.scale import u128
from runtime.executive import Executive
from support.chain import ALICE, BOB, CHARLIE, DevChain, address

TIPS = [0, 10**15, 0, 10**18, 10**30, 10**15, u128.MAX]


def opened(chain: DevChain) -> Executive:
    """Return an executive with a view of the best block."""
    best = chain.client.best().hash
    overlay = chain.client.overlay(best)
    executive = chain.client.runtimes.of(overlay.get).pool
    executive.open_pool_view(overlay, H256(best))
    return executive


def verdict(executive: Executive, wire: bytes) -> ValidTransaction | str:
    try:
        return executive.validate_transaction(TransactionSource.External, unwrap(wire))
    except Invalid as refusal:
        return str(refusal)


def wires(chain: DevChain) -> list[bytes]:
    pay = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(10**15))
    remark = chain.call("System", "remark", remark=b"x" * 100)
    return [
        chain.sign(who, call, nonce=nonce, tip=tip)
        for nonce, tip in enumerate(TIPS)
        for who in (ALICE, BOB)
        for call in (pay, remark)
    ]


def test_one_view_for_all_gives_what_a_view_for_each_gives() -> None:
    chain = DevChain()
    sent = wires(chain)
    alone = [verdict(opened(chain), wire) for wire in sent]
    assert len({str(one) for one in alone}) > len(TIPS)
    assert any(isinstance(one, str) for one in alone)
    together = opened(chain)
    assert [verdict(together, wire) for wire in sent * 2] == alone * 2


def test_the_next_view_sees_the_next_state() -> None:
    chain = DevChain()
    remark = chain.call("System", "remark", remark=b"")
    wire = chain.sign(ALICE, remark, nonce=0)
    executive = opened(chain)
    assert isinstance(verdict(executive, wire), ValidTransaction)
    chain.send(ALICE, remark)
    chain.seal()
    assert "outdated" in str(verdict(opened(chain), wire))


def test_a_dry_run_does_not_change_what_is_kept_for_others() -> None:
    chain = DevChain()
    wire = chain.sign(ALICE, chain.call("System", "remark", remark=b""), nonce=7)
    executive = opened(chain)
    before = verdict(executive, wire)
    executive.simulate(unwrap(wire))
    with pytest.raises(Invalid, match="outdated"):
        executive.validate_transaction(
            TransactionSource.External,
            unwrap(chain.sign(ALICE, chain.call("System", "remark", remark=b""), nonce=7)),
        )
    assert verdict(opened(chain), wire) == before


def test_transactions_applied_in_a_view_see_the_accounts_as_they_are_then() -> None:
    chain = DevChain()
    value = 10**18
    pay = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(value))
    executive = opened(chain)
    account = executive.system.account
    before = int(account[AccountId(ALICE.account_id)].data.free)
    assert isinstance(verdict(executive, chain.sign(ALICE, pay, nonce=0)), ValidTransaction)
    for nonce in range(2):
        assert executive.apply_extrinsic(unwrap(chain.sign(ALICE, pay, nonce=nonce))) is None
    after = account[AccountId(ALICE.account_id)]
    assert (after.nonce, before - int(after.data.free) > 2 * value) == (2, True)
    assert "outdated" in str(verdict(executive, chain.sign(ALICE, pay, nonce=1)))
