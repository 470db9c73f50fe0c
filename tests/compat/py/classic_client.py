"""substrate-interface and two nodes: the steps that its checks share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scalecodec.base import ScaleBytes
from substrateinterface import Keypair
from substrateinterface.exceptions import SubstrateRequestException

from compat.py.keys import new_account

BTT = 10**18
NOWHERE = "0x" + "11" * 32
Receipt = Any
Call = Any


class Decoded:
    """Metadata that later connections need not decode again: `cache_region` of the client.

    The client can keep them in Redis, too. Both nodes have the same runtime.
    """

    def __init__(self) -> None:
        self._kept: dict[str, object] = {}

    def get(self, key: str) -> object:
        return self._kept.get(key)

    def set(self, key: str, value: object) -> None:
        self._kept[key] = value


class Classic:
    """Connections to two nodes, and the steps that the checks share."""

    node: Any
    manual: Any

    def __init__(self, clocked: str, manual: str) -> None:
        self.clocked_url = clocked
        self.manual_url = manual
        self.decoded = Decoded()
        names = ("Alice", "Bob", "Charlie", "Dave", "Eve")
        people = (Keypair.create_from_uri(f"//{name}", ss58_format=42) for name in names)
        self.alice, self.bob, self.charlie, self.dave, self.eve = people

    def call(self, method: str, *params: Any) -> Any:
        return self.node.rpc_request(method, list(params))["result"]

    def ask(self, method: str, *params: Any) -> Any:
        return self.manual.rpc_request(method, list(params))["result"]

    def seal(self) -> None:
        self.ask("engine_createBlock", True, True)

    def compose(self, module: str, function: str, **arguments: Any) -> Call:
        return self.node.compose_call(module, function, arguments)

    def transfer(self, to: Any, value: int) -> Call:
        dest = getattr(to, "ss58_address", to)
        return self.compose("Balances", "transfer_keep_alive", dest=dest, value=value)

    def free(self, who: Any, block_hash: str | None = None) -> int:
        account = self.node.query(
            "System", "Account", [who.ss58_address], block_hash=block_hash
        ).value
        return int(account["data"]["free"])

    def send(self, call: Call, who: Any = None, **options: Any) -> Receipt:
        signed = self.node.create_signed_extrinsic(call, who or self.alice, **options)
        return self.submit(signed)

    def submit(self, extrinsic: Any) -> Receipt:
        return self.node.submit_extrinsic(extrinsic, wait_for_finalization=True)

    def succeeds(self, call: Call, who: Any = None, **options: Any) -> Receipt:
        receipt = self.send(call, who, **options)
        assert receipt.is_success, (receipt.error_message, receipt.triggered_events)
        return receipt

    def pays_as(self, who: Any) -> None:
        to = new_account()
        self.succeeds(self.transfer(who, 5 * BTT))
        self.succeeds(self.transfer(to, BTT), who)
        assert self.free(to) == BTT

    def event(self, receipt: Receipt, module: str, name: str) -> Any:
        found = [e.value for e in receipt.triggered_events]
        hits = [e for e in found if (e["module_id"], e["event_id"]) == (module, name)]
        assert hits, [f"{e['module_id']}.{e['event_id']}" for e in found]
        return hits[0]["attributes"]

    def failure(self, receipt: Receipt) -> Any:
        return self.event(receipt, "System", "ExtrinsicFailed")["dispatch_error"]

    def heads(self, *, finalized: bool) -> list[int]:
        numbers: list[int] = []

        def receive(block: Any, _number: int, _subscription: str) -> list[int] | None:
            numbers.append(block["header"]["number"])
            return numbers if len(numbers) == 4 else None

        self.node.subscribe_block_headers(receive, finalized_only=finalized)
        return numbers

    def settle(self) -> None:
        """Wait until Alice has nothing in the pool."""
        address = self.alice.ss58_address
        while self.call("system_accountNextIndex", address) != self.node.get_account_nonce(address):
            time.sleep(0.1)

    def next_nonce(self) -> int:
        """Alice's next nonce on the node that seals on demand, once its pool is empty."""
        self.seal()
        return int(self.manual.get_account_nonce(self.alice.ss58_address))

    def signed(self, nonce: int, tip: int = 0) -> Any:
        call = self.transfer(self.bob, BTT)
        return self.manual.create_signed_extrinsic(call, self.alice, nonce=nonce, tip=tip)

    def offer(self, nonce: int) -> None:
        self.manual.submit_extrinsic(self.signed(nonce))

    def watch(self, extrinsic: Any, act: Callable[[list[Any]], None]) -> list[Any]:
        """Return every status; `act` is called after each, and may change the next ones."""
        statuses: list[Any] = []

        def receive(message: Any, _number: int, _subscription: str) -> list[Any] | None:
            status = message["params"]["result"]
            statuses.append(status)
            act(statuses)
            last = isinstance(status, dict) and {"finalized", "usurped"} & status.keys()
            return statuses if last else None

        self.manual.rpc_request(
            "author_submitAndWatchExtrinsic", [str(extrinsic.data)], result_handler=receive
        )
        return statuses

    def encoded(self, header: dict[str, Any]) -> bytes:
        """A header in SCALE, by the client's codec."""
        number = self.node.encode_scale("Compact<u32>", int(header["number"], 16))
        logs = header["digest"]["logs"]
        count = self.node.encode_scale("Compact<u32>", len(logs))
        parts = [
            unhex(header["parentHash"]),
            bytes(number.data),
            unhex(header["stateRoot"]),
            unhex(header["extrinsicsRoot"]),
            bytes(count.data),
            *(unhex(log) for log in logs),
        ]
        return b"".join(parts)


@contextmanager
def refused(code: int, *words: str) -> Iterator[None]:
    """Expect an error object with this code, and these words in its message or data."""
    problem: SubstrateRequestException | None = None
    try:
        yield
    except SubstrateRequestException as raised:
        problem = raised
    assert problem is not None, f"was not refused with {code}"
    error = problem.args[0]
    assert isinstance(error, dict), problem
    assert error["code"] == code, error
    text = f"{error['message']}: {error.get('data')}"
    for word in words:
        assert word in text, (word, error)


def prefix_length(raw: bytes | bytearray) -> int:
    """Return the size of the compact length in front."""
    return (1, 2, 4)[raw[0] & 3]


def unhex(text: str) -> bytes:
    return bytes(ScaleBytes(text).data)
