"""Attacks on the programs that serve others beside a node: a custodian's server, an explorer.

Each starts the program in a process of its own, attacks it from addresses of this machine, and
returns how the attack succeeded, or None. One whose connections were not admitted, or whose bytes
were not taken, has tested nothing and fails.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bench.machine import ROOT, memory_of
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives import ss58
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.messages import send
from btt_chain.testing import Devnet
from btt_chain.testing.process import free_ports
from hostile.payloads import Signer, nested_batches
from hostile.registry import Arrival
from hostile.rpc_attacks import Connection
from support.records_chain import GENESIS

SECONDS: Final = 20.0
START: Final = 120.0
"""Seconds until a program answers."""
ATTACKER: Final = "127.210.1.66"
READER: Final = "127.211.1.66"

RECORDS: Final = Arrival(16, 16 << 20)
SENDERS: Final = 16
BODY: Final = 30 << 20
RECORDS_MIB: Final = 100.0
"""MiB that a custodian's server may grow by."""

EXPLORER: Final = Arrival(100, 10_000)
RATE: Final = 15.0
"""Requests a second, which the server's limits allow to one address."""
OUTER: Final = 4
INNER: Final = 999
READ_SECONDS: Final = 5.0
"""Seconds in which another reader is answered, ..."""
READ_SHARE: Final = 0.9
"""... for this share of its requests."""
BEHIND: Final = 10
"""Final blocks that the index may lag behind after the attack."""


@dataclass(slots=True)
class Came:
    """Connections that a server has admitted and bytes that it has taken."""

    connections: int = 0
    sent: int = 0

    def lacks(self, needs: Arrival) -> str | None:
        """Return why nothing was tested, or None."""
        if self.connections >= needs.connections and self.sent >= needs.sent:
            return None
        return f"{self.connections} connections, {self.sent} bytes of {needs}: nothing was tested"


@asynccontextmanager
async def started(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program of Python; killed at the end."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    program = await asyncio.create_subprocess_exec(
        sys.executable, *words, env=os.environ | {"PYTHONPATH": path, "NO_COLOR": "1"},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield program
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()


# ---- H1: a custodian's memory


def unknown_senders_hold_no_memory_of_a_custodian(_net: Devnet) -> str | None:
    """Sixteen connections send large, well sealed messages of vaults that are not admitted."""
    return asyncio.run(_flood_records())


async def _flood_records() -> str | None:
    with tempfile.TemporaryDirectory(prefix="records-") as folder:
        async with started("-m", "hostile.serve_records", folder) as program:
            assert program.stdout is not None
            words = (await asyncio.wait_for(program.stdout.readline(), START)).decode().split()
            port, vault = int(words[0]), VaultId.parse(words[1])
            body = {"pad": "x" * BODY}
            now_ms = int(words[2])
            sealed, _ = send(VaultKeys.generate(), vault, GENESIS, "deposit", body, now_ms)
            before, peak, came = memory_of(program.pid), 0.0, Came()
            ends = time.monotonic() + SECONDS
            flood = [asyncio.create_task(_send(port, sealed, ends, came)) for _ in range(SENDERS)]
            while time.monotonic() < ends:
                peak = max(peak, memory_of(program.pid) - before)
                await asyncio.sleep(0.2)
            await asyncio.gather(*flood)
            if program.returncode is not None:
                return f"the server ended with code {program.returncode}"
    if peak > RECORDS_MIB:
        return f"the server grew by {peak:.0f} MiB, at most {RECORDS_MIB:.0f} are allowed"
    return came.lacks(RECORDS)


async def _send(port: int, body: bytes, ends: float, came: Came) -> None:
    while time.monotonic() < ends:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(ATTACKER, 0)
            )
        except OSError:
            await asyncio.sleep(0.2)
            continue
        came.connections += 1
        head = f"POST /vault HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            async with asyncio.timeout(max(0.1, ends - time.monotonic())):
                writer.write(head.encode())
                for at in range(0, len(body), 1 << 18):
                    writer.write(body[at : at + (1 << 18)])
                    await writer.drain()
                    came.sent += 1 << 18
                await reader.readline()
        except (OSError, TimeoutError, EOFError):
            await asyncio.sleep(0.1)
        finally:
            writer.transport.abort()


# ---- H2: an explorer's time


def an_expensive_page_takes_no_time_of_other_readers(net: Devnet) -> str | None:
    """One address views a transaction with eight thousand events, as often as the limits allow."""
    return asyncio.run(_view_again_and_again(net))


async def _view_again_and_again(net: Devnet) -> str | None:
    node = net[0]
    hash = await asyncio.to_thread(_submit_batch, net)
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="explorer-") as folder:
        words = ("-m", "cli.main", "explorer", "--url", node.ws, "--base-path", folder)
        async with started(*words, "--listen", f"127.0.0.1:{port}") as program:
            page, came = f"/tx/{hash}", Came()
            await _until_served(port, page)
            ends = time.monotonic() + SECONDS
            answered: list[bool] = []
            attack = asyncio.create_task(_views(port, page, ends, came))
            while time.monotonic() < ends:
                begun = time.monotonic()
                status = await _get(port, READER, "/", READ_SECONDS)
                answered.append(status == 200)
                await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - begun)))
            await attack
            if program.returncode is not None:
                return f"the explorer ended with code {program.returncode}"
            final = await asyncio.to_thread(node.rpc.finalized)
            lag = await _get(port, READER, f"/block/{max(0, final - BEHIND)}", READ_SECONDS)
    share = sum(answered) / len(answered)
    if share < READ_SHARE:
        return f"another reader got {sum(answered)} of {len(answered)} answers"
    if lag != 200:
        return f"the index is more than {BEHIND} blocks behind"
    return came.lacks(EXPLORER)


def _submit_batch(net: Devnet) -> str:
    """Have a batch with eight thousand events included; return its hash."""
    node = net[0]
    genesis = bytes.fromhex(str(node.rpc.call("chain_getBlockHash", 0))[2:])
    payer = Signer("//Ferdie", genesis, net.slot_ms, 0)
    payer.nonce = int(str(node.rpc.call("system_accountNextIndex", ss58.encode(payer.account))))
    call = nested_batches(
        payer.index("Utility", "batch"), payer.index("System", "remark_with_event"), OUTER, INNER
    )
    wire = payer.sign(call)
    node.rpc.call("author_submitExtrinsic", "0x" + wire.hex())
    return "0x" + blake2_256(wire).hex()


async def _until_served(port: int, page: str) -> None:
    async with asyncio.timeout(START):
        while await _get(port, READER, page, START) != 200:
            await asyncio.sleep(1.0)


async def _views(port: int, page: str, ends: float, came: Came) -> None:
    async with asyncio.TaskGroup() as views:
        while time.monotonic() < ends:
            views.create_task(_view(port, page, came))
            await asyncio.sleep(1 / RATE)


async def _view(port: int, page: str, came: Came) -> None:
    if await _get(port, ATTACKER, f"{page}?{secrets.token_hex(4)}", SECONDS) is not None:
        came.connections += 1
        came.sent += len(page)


async def _get(port: int, source: str, path: str, seconds: float) -> int | None:
    """Return the status of a page; None if it did not come in time."""
    try:
        async with asyncio.timeout(seconds):
            connection = await Connection.open(port, source)
            try:
                return await connection.get(path)
            finally:
                connection.close()
    except (OSError, TimeoutError, EOFError, ValueError):
        return None


__all__ = [
    "an_expensive_page_takes_no_time_of_other_readers",
    "unknown_senders_hold_no_memory_of_a_custodian",
]
