"""JSON-RPC: a message is answered, and never by an internal error."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson

from btt_chain.rpc.api import build_registry
from btt_chain.rpc.dispatch import Caller, Dispatcher
from btt_chain.rpc.hub import Hub
from btt_chain.rpc.limits import Limits
from fuzz.target import Target
from support.rpc_backend import ModelBackend

BACKEND: Final = ModelBackend()
REGISTRY: Final = build_registry(BACKEND, Hub(BACKEND.chain))
DISPATCHER: Final = Dispatcher(REGISTRY, Limits())
INTERNAL: Final = -32603
PARAMS: Final[list[object]] = [
    [], ["0x"], ["0x" + "ab" * 32], [0], [None], [True, True], ["0x" + "00" * 32, 5, None],
    [["0x01", "0x02"]], ["state_", "0x0400"], {"hash": None}, [[{"key": "0x01", "type": "value"}]],
]  # fmt: skip


def run(raw: bytes) -> None:
    """Answer a message over HTTP."""
    frame = asyncio.run(DISPATCHER.respond(Caller(unsafe_allowed=False), raw))
    if frame is None:
        return
    answers = orjson.loads(frame)
    for answer in answers if isinstance(answers, list) else [answers]:
        code = answer.get("error", {}).get("code")
        assert code != INTERNAL, answer


def seeds() -> list[bytes]:
    """Return calls of every method, and messages of other shapes."""
    calls = [
        orjson.dumps(
            {"jsonrpc": "2.0", "id": number, "method": name,
             "params": PARAMS[number % len(PARAMS)]}
        )
        for number, name in enumerate(REGISTRY.names())
    ]  # fmt: skip
    return [
        *calls, b"[" + b",".join(calls[:3]) + b"]", b'{"jsonrpc":"2.0","id":1.5,"method":"x"}',
        b'[{"jsonrpc":"2.0","id":12345678901234567890123,"method":"system_name","params":{}}]',
    ]  # fmt: skip


TARGET = Target(run=run, seeds=seeds, instrument=("btt_chain.rpc",))
