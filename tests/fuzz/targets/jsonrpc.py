"""JSON-RPC: a message is answered, and never by an internal error."""

from __future__ import annotations

import asyncio
import atexit
from typing import Final

import orjson

from btt_chain.rpc.api import build_registry
from btt_chain.rpc.calls import Caller
from btt_chain.rpc.dispatch import Dispatcher
from btt_chain.rpc.hub import Hub
from btt_chain.rpc.limits import Limits
from fuzz.target import Target
from support.rpc_backend import ModelBackend

BACKEND: Final = ModelBackend()
REGISTRY: Final = build_registry(BACKEND, Hub(BACKEND.chain))
DISPATCHER: Final = Dispatcher(REGISTRY, Limits())
RUNNER: Final = asyncio.Runner()
atexit.register(RUNNER.close)
INTERNAL: Final = -32603
PARAMS: Final[list[object]] = [
    [], ["0x"], ["0x" + "ab" * 32], [0], [None], [True, True], ["0x" + "00" * 32, 5, None],
    [["0x01", "0x02"]], ["state_", "0x0400"], {"hash": None}, [[{"key": "0x01", "type": "value"}]],
]  # fmt: skip


def run(raw: bytes) -> None:
    """Answer a message over HTTP."""
    frame = RUNNER.run(DISPATCHER.respond(Caller(unsafe_allowed=False), raw))
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


def heavy() -> list[bytes]:
    """Return batches with odd ids, deep values, long arrays and long texts."""
    call = b'{"jsonrpc":"2.0","id":1.5,"method":"system_name"}'
    quick = b'{"jsonrpc":"2.0","id":1,"method":"system_name"}'
    numbers = b'{"jsonrpc":"2.0","id":1,"method":"x","params":[' + b"1.5," * 15_000 + b"1]}"
    filler = b'{"jsonrpc":"2.0","id":1,"method":"x","params":["' + b"a" * 30_000 + b'"]}'

    def asked(method: str, params: bytes) -> bytes:
        return b'{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}' % (method.encode(), params)

    keys = b"[[" + b",".join([b'"0x01"'] * 7_000) + b"]]"
    return [
        b"[" + b",".join([call] * 100) + b"]",
        b"[" + b",".join([call] * 99 + [filler]) + b"]",
        b"[" + b",".join([call] * 99 + [numbers]) + b"]",
        b"[" + b",".join([quick] * 100) + b"]",
        b"[" + b",".join([call] * 900) + b"]",
        asked("state_getReadProof", keys), asked("state_queryStorageAt", keys),
        asked("state_getStorage", b'["0x' + b"00" * 30_000 + b'"]'),
        asked("state_call", b'["Core_version","0x' + b"00" * 30_000 + b'"]'),
        asked("author_submitExtrinsic", b'["0x' + b"00" * 30_000 + b'"]'),
        asked("system_name", b"[" * 1_000 + b"]" * 1_000), b"[" * 60_000, b"1" * 60_000,
        asked("author_removeExtrinsic", b"[[" + b",".join([b'{"hash":"0x00"}'] * 4_000) + b"]]"),
    ]  # fmt: skip


TARGET = Target(run=run, seeds=seeds, heavy=heavy, instrument=("btt_chain.rpc",))
