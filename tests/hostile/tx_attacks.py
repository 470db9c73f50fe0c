"""Attacks by signed transactions: D1. The sender has an account with money."""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from itertools import count
from typing import Final

from btt_chain.primitives import ss58
from btt_chain.testing.rpc import Rpc
from hostile.order import CONNECTED, CUT, DONE, REFUSED, Order, Recorder, Target
from hostile.payloads import Signer, nested_batches, report_with_logs, report_with_nodes, tx_batch
from hostile.peers import PeerAttack, Session
from hostile.rpc_attacks import Connection, RpcAttack
from p2p.network import KIB, MIB, TX

ACCOUNTS: Final = ("//Ferdie", "//Eve")
"""Payers of the transactions, one for each target."""
AGAIN: Final = 0.1
"""Seconds until another one is tried after one that was refused."""
PATIENCE: Final = 60.0
LARGEST: Final = MIB - KIB
"""Bytes of what crowds a report: with what is around it, the pool takes it just so."""


def signer(order: Order, place: int) -> Signer:
    """The account that attacks target number `place`, with its next nonce."""
    made = Signer(ACCOUNTS[place], order.genesis_hash, order.slot_ms, 0)
    rpc = Rpc(f"http://127.0.0.1:{order.targets[place].rpc_port}")
    made.nonce = int(str(rpc.call("system_accountNextIndex", ss58.encode(made.account))))
    return made


class Transactor(RpcAttack):
    """Hands transactions to a node by `author_submitExtrinsic`, one after the answer to another."""

    amount: int
    pause = 0.0

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.transactions = {
            target.index: self._signed(signer(order, place))
            for place, target in enumerate(order.targets)
        }

    def _signed(self, account: Signer) -> list[bytes]:
        return [account.sign(self.call(account, number)) for number in range(self.amount)]

    @abstractmethod
    def call(self, account: Signer, number: int) -> bytes:
        """Return the call of transaction `number`."""

    async def against(self, target: Target, record: Recorder) -> None:
        who = f"transactor>{target.index}"
        bodies = [
            json.dumps(
                {"jsonrpc": "2.0", "id": 1, "method": "author_submitExtrinsic",
                 "params": ["0x" + wire.hex()]}
            ).encode()
            for wire in self.transactions[target.index]
        ]  # fmt: skip
        # Refused ones are handed in again: that costs the sender nothing but a little bandwidth.
        for turn in count():
            if self.over or not bodies:
                return
            left = []
            for body in bodies:
                if self.over:
                    return
                try:
                    connection = await Connection.open(target.rpc_port, self.order.source)
                    record.add(CONNECTED, who)
                    try:
                        async with asyncio.timeout(PATIENCE):
                            status, answer = await connection.post(body)
                    finally:
                        connection.close()
                except (OSError, EOFError, TimeoutError) as error:
                    record.add(CUT, who, repr(error))
                    left.append(body)
                    continue
                record.sent(who, len(body))
                parsed = json.loads(answer) if status == 200 else {"error": f"HTTP {status}"}
                if "error" in parsed:
                    record.add(REFUSED, who, json.dumps(parsed["error"]))
                    left.append(body)
                    await asyncio.sleep(AGAIN)
                else:
                    record.add(DONE, who)
                await asyncio.sleep(self.pause)
            bodies = left
            await asyncio.sleep(0.5 if turn else 0.1)


class OversizedProofs(Transactor):
    """D1: sixteen reports of equivocations with a mebibyte of empty trie nodes each."""

    amount = 16

    def call(self, account: Signer, number: int) -> bytes:
        return report_with_nodes(account.index("Babe", "report_equivocation"), LARGEST)


class OversizedHeaders(Transactor):
    """D1: sixteen reports of equivocations with a mebibyte of digest items each."""

    amount = 16

    def call(self, account: Signer, number: int) -> bytes:
        return report_with_logs(account.index("Babe", "report_equivocation"), LARGEST)


class NestedBatches(Transactor):
    """D1: three hundred batches of batches of remarks, each four thousand calls."""

    amount = 300

    def call(self, account: Signer, number: int) -> bytes:
        return nested_batches(account.index("Utility", "batch"), account.index("System", "remark"))


class GossipedProofs(PeerAttack):
    """D1 by a peer: reports just small enough to be gossiped, from an account that pays."""

    amount = 16
    size = 1_000 * KIB  # a gossip message is at most a mebibyte less a kibibyte

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.transactions = {}
        for place, target in enumerate(order.targets):
            account = signer(order, place)
            index = account.index("Babe", "report_equivocation")
            self.transactions[f">{target.index}"] = [
                account.sign(report_with_nodes(index, self.size)) for _ in range(self.amount)
            ]

    async def script(self, session: Session) -> None:
        import trio

        name = session.who[session.who.index(">") :]
        while not self.over:
            for wire in self.transactions[name]:
                if self.over:
                    return
                await session.gossip(TX, tx_batch([wire]))
                await trio.sleep(0.5)
