"""The helper of sync without a process, and blocks as sync offers them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from btt_chain.chain.prechecks.checker import Checker
from btt_chain.chain.prechecks.helper import Work
from btt_chain.chain.prechecks.store import PrecheckedStore
from btt_chain.chain.prechecks.wire import (
    Answer,
    Item,
    Request,
    Verdicts,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
)
from btt_chain.primitives.header import Header
from p2p.sync.types import Block


class SimulatedHelper:
    """Checks each block at once, through the bytes of requests and answers."""

    def __init__(self, store: PrecheckedStore) -> None:
        self.store = store
        self.checker = Checker()
        self.works: list[Work] = []
        self.answers: list[Answer] = []
        self.is_running = False
        self.is_closed = False

    def put(self, work: Work) -> None:
        self.is_running = True
        self.works.append(work)
        request = Request(work.rules, work.start, [Item(work.header.encode(), list(work.body))])
        answer = self.checker.check(decode_request(encode_request(request)))
        self.answers.append(decode_answer(encode_answer(self.change(answer))))
        self.store.add(self.answers[-1])

    def change(self, answer: Answer) -> Answer:
        """Return the answer; a helper that lies returns another one."""
        return answer

    def imported(self, number: int) -> None:
        self.store.forget(number)

    def close(self) -> None:
        self.is_closed = True


class RubbishHelper(SimulatedHelper):
    """A helper that answers rubbish of the right length."""

    def change(self, answer: Answer) -> Answer:
        return Answer([
            Verdicts(found.number, os.urandom(len(found.signatures)), os.urandom(len(found.proofs)))
            for found in answer.blocks
        ])  # fmt: skip


def offered(header: Header, body: Sequence[bytes]) -> Block:
    """Return a block as sync offers it."""
    return Block(bytes(header.hash()), header, list(body), None, ())
