"""Nothing that an account has sent can be sent again, not even after the account was removed."""

from __future__ import annotations

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import validity
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.scale import u32
from btt_chain.txpool import TransactionInvalid
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import Call
from runtime.pallets.system.pallet import System
from support.chain import BOB, CHARLIE, DAVE, DevChain, account, address

VICTIM = KeyPair.from_uri("//Victim")
OTHER = KeyPair.from_uri("//Other")


@pytest.fixture
def chain() -> DevChain:
    return DevChain(shared=True)


def pay(chain: DevChain, to: KeyPair, amount: int) -> Call:
    return chain.call("Balances", "transfer_allow_death", dest=address(to), value=amount * int(BTT))


def leave(chain: DevChain, pair: KeyPair) -> None:
    """Let an account be removed by sending all it has."""
    call = chain.call("Balances", "transfer_all", dest=address(BOB), keep_alive=False)
    events = chain.run(pair, call)
    assert System.KilledAccount(account(pair)) in events


def first_nonce(chain: DevChain) -> int:
    return int(chain.at().system.first_nonce.value)


def test_old_bytes_of_a_removed_account_are_stale_when_it_exists_again(chain: DevChain) -> None:
    chain.run(BOB, pay(chain, VICTIM, 20))
    old = [chain.sign(VICTIM, pay(chain, CHARLIE, 5), nonce=nonce) for nonce in range(2)]
    for wire in old:
        chain.pool.submit(wire)
        chain.seal()
    leave(chain, VICTIM)
    assert int(chain.account(VICTIM).nonce) == 0  # it does not exist
    chain.run(BOB, pay(chain, VICTIM, 20))
    assert int(chain.account(VICTIM).nonce) == 3
    executive = chain.client.runtime_at(chain.client.best().hash).blocks
    header, body = chain.block(chain.seal())
    executive.initialize_block(chain.client.overlay(header.parent_hash), header)
    executive.apply_extrinsic(body[0])
    for wire in old:
        with pytest.raises(TransactionInvalid) as refused:
            chain.pool.submit(wire)
        assert refused.value.reason == validity.Stale()
        with pytest.raises(validity.Invalid):  # nor in a block of a lying author
            executive.apply_extrinsic(unwrap(wire))
    chain.run(VICTIM, pay(chain, CHARLIE, 5))
    assert int(chain.account(VICTIM).nonce) == 4


def test_more_transactions_than_blocks_do_not_help(chain: DevChain) -> None:
    chain.run(BOB, pay(chain, VICTIM, 20))
    old = [
        chain.sign(VICTIM, chain.call("System", "remark", remark=b""), nonce=nonce)
        for nonce in range(30)
    ]
    for wire in old:
        chain.pool.submit(wire)
    chain.seal()
    leave(chain, VICTIM)
    chain.run(BOB, pay(chain, VICTIM, 20))
    assert int(chain.account(VICTIM).nonce) == 31 > int(chain.client.best().number)
    with pytest.raises(TransactionInvalid):
        chain.pool.submit(old[-1])


def test_the_first_nonce_is_the_highest_of_those_removed(chain: DevChain) -> None:
    assert first_nonce(chain) == 0
    for pair in (VICTIM, OTHER):
        chain.run(BOB, pay(chain, pair, 20))
    chain.run(VICTIM, pay(chain, CHARLIE, 1))
    leave(chain, VICTIM)
    assert first_nonce(chain) == 2
    leave(chain, OTHER)  # one transaction only
    assert first_nonce(chain) == 2
    chain.run(BOB, pay(chain, OTHER, 20))
    assert int(chain.account(OTHER).nonce) == 2
    assert int(chain.account(DAVE).nonce) == 0  # accounts that are there keep theirs


def test_an_account_that_another_removes_counts_too(chain: DevChain) -> None:
    """Raise the number also where the account did not send the transaction that removed it."""
    chain.run(BOB, pay(chain, VICTIM, 20))
    chain.run(VICTIM, pay(chain, CHARLIE, 1))
    force = chain.call("Balances", "force_set_balance", who=address(VICTIM), new_free=0)
    chain.run(KeyPair.from_uri("//Alice"), chain.call("Sudo", "sudo", call=force))
    assert account(VICTIM) not in chain.at().system.account
    assert first_nonce(chain) == 1


def test_a_call_that_fails_leaves_the_number_alone(chain: DevChain) -> None:
    chain.run(BOB, pay(chain, VICTIM, 20))
    gone = chain.call("Balances", "transfer_all", dest=address(BOB), keep_alive=False)
    fails = pay(chain, CHARLIE, 10_000)
    batch = chain.call("Utility", "batch_all", calls=[gone, fails])
    chain.run(VICTIM, batch)
    assert account(VICTIM) in chain.at().system.account
    assert first_nonce(chain) == 0


def test_an_account_without_a_next_nonce_stops_no_block() -> None:
    def use_up(runtime: BttRuntime) -> None:
        for pair, nonce in ((BOB, u32.MAX), (DAVE, u32.MAX - 1)):
            info = runtime.system.account[account(pair)]
            info.nonce = u32(nonce)
            runtime.system.account[account(pair)] = info

    chain = DevChain(prepare=use_up)
    remark = chain.call("System", "remark", remark=b"")
    for call in (remark, pay(chain, CHARLIE, 1)):
        with pytest.raises(TransactionInvalid) as refused:
            chain.send(BOB, call)
        assert refused.value.reason == validity.Stale()
        last = chain.sign(BOB, call)
        header, body = chain.block(chain.seal())
        executive = chain.client.runtime_at(header.parent_hash).blocks
        executive.initialize_block(chain.client.overlay(header.parent_hash), header)
        executive.apply_extrinsic(body[0])
        with pytest.raises(validity.Invalid):  # the block of a lying author is invalid
            executive.apply_extrinsic(unwrap(last))
    chain.run(DAVE, pay(chain, CHARLIE, 1))
    assert int(chain.account(DAVE).nonce) == u32.MAX
    with pytest.raises(TransactionInvalid):
        chain.send(DAVE, remark)
