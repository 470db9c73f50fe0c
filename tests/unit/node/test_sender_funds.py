"""An account has no more transactions in the pool than it can pay the fees of."""

from __future__ import annotations

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.scale import u64
from btt_chain.txpool import BlockRef, Limits, Pool, SenderFunds, Validated, nonce_tag
from btt_chain.txpool.types import Limit
from runtime.constants import BTT
from runtime.frame import Call
from support.chain import ALICE, BOB, CHARLIE, DevChain, address

POOR = KeyPair.from_uri("//Poor")
AT = BlockRef(1, bytes(32))


def remark(chain: DevChain) -> Call:
    return chain.call("System", "remark", remark=b"")


def pay(chain: DevChain, to: KeyPair, amount: int) -> Call:
    return chain.call("Balances", "transfer_allow_death", dest=address(to), value=amount)


def fee_of(chain: DevChain) -> int:
    """The fee of a remark, as the pool counts it."""
    hash = chain.send(ALICE, remark(chain))
    known = chain.pool.pool.get(hash)
    assert known is not None
    return known.fee


def test_an_account_with_a_few_fees_cannot_push_others_out_of_the_pool() -> None:
    # Each remark alone can be paid, and comes before a transfer without a tip. On the code before,
    # the pool took all of them and dropped the transfer.
    chain = DevChain()
    existing = int(chain.at().balances.existential_deposit)
    chain.run(BOB, pay(chain, POOR, existing + 3 * fee_of(chain)))
    chain.pool.pool.limits = Limits(ready=Limit(8, 1 << 20))
    honest = chain.send(BOB, pay(chain, CHARLIE, int(BTT)))
    taken = 0
    for nonce in range(12):
        try:
            chain.pool.submit(chain.sign(POOR, remark(chain), nonce=nonce))
        except SenderFunds:
            continue
        taken += 1
    assert taken == 3
    assert honest in chain.pool.pool


def test_a_replacement_needs_funds_for_what_it_adds_only() -> None:
    chain = DevChain()
    existing = int(chain.at().balances.existential_deposit)
    fee = fee_of(chain)
    chain.run(BOB, pay(chain, POOR, existing + 2 * fee + int(BTT)))
    for nonce in range(2):
        chain.pool.submit(chain.sign(POOR, remark(chain), nonce=nonce))
    chain.pool.submit(chain.sign(POOR, remark(chain), nonce=1, tip=int(BTT) * 9 // 10))
    with pytest.raises(SenderFunds, match="more than it has"):
        chain.pool.submit(chain.sign(POOR, remark(chain), nonce=2, tip=int(BTT) // 5))


def test_a_row_of_transactions_asks_for_the_funds_a_few_times() -> None:
    asked: list[int] = []

    def full(raw: bytes, source: TransactionSource, at: BlockRef) -> Validated:
        nonce = int.from_bytes(raw, "little")
        tags = [nonce_tag(b"a" * 32, nonce)]
        return Validated(ValidTransaction(u64(1), [], tags, u64(64)), "kept", b"a" * 32, 5)

    def can_pay(sender: bytes, fees: int, at: bytes) -> bool:
        asked.append(fees)
        return fees <= 1 << 40

    pool = Pool(full, can_pay=can_pay)
    for nonce in range(1_000):
        pool.submit(nonce.to_bytes(2, "little"), TransactionSource.External, 0.0, AT)
    assert len(asked) < 20
