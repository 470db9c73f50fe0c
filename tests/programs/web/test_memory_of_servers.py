"""The memory of servers for unknown callers, measured in processes of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from bench.machine import ROOT

PATIENCE: Final = 60
CONNECTIONS: Final = 16
MIB: Final = 1 << 20
REFUSED: Final = (b"400", b"408", b"409", b"413", b"429", b"503")

RECORDS: Final = "import runpy; runpy.run_module('hostile.serve_records', run_name='__main__')"
FACILITY: Final = """
import asyncio, sys, time
from btt_chain.care.server import serving
async def main():
    async with serving(None, "127.0.0.1", 0, time.monotonic) as (_, port):
        print(port, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


@dataclass
class Program:
    """A server in a process of its own."""

    pid: int
    port: int
    path: str

    def grown(self, before: float, field: str = "VmRSS") -> float:
        """Return the MiB by which the process has grown; with VmHWM by which it had at most."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (each for each in status.splitlines() if each.startswith(field))
        return int(line.split()[1]) / 1024 - before

    async def send(self, head: str, body: bytes) -> bytes:
        """Send a request; return the first line of the answer, if there is one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(f"POST {self.path} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
                with suppress(ConnectionError):
                    for at in range(0, len(body), MIB // 4):
                        writer.write(body[at : at + MIB // 4])
                        await writer.drain()
                return await reader.readuntil(b"\r\n")
        except (ConnectionError, EOFError):
            return b""
        finally:
            writer.transport.abort()


@asynccontextmanager
async def running(source: str, folder: Path, path: str) -> AsyncIterator[Program]:
    python = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", source, str(folder), env=os.environ | {"PYTHONPATH": python},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert program.stdout is not None
        port = int((await asyncio.wait_for(program.stdout.readline(), PATIENCE)).split()[0])
        yield Program(program.pid, port, path)
        assert program.returncode is None
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()


@pytest.mark.parametrize(
    ("source", "path", "most", "kept"),
    [
        pytest.param(RECORDS, "/vault", 48.0, 16.0, id="records"),
        pytest.param(FACILITY, "/sign", 30.0, 16.0, id="facility"),
    ],
)
async def test_an_unknown_caller_holds_little_memory_of_a_server_and_none_of_it_stays(
    source: str, path: str, most: float, kept: float, tmp_path: Path
) -> None:
    """At most `most` MiB while one address attacks, and `kept` MiB after it."""
    large = bytes(24 * MIB)
    chunk = b"%x\r\n%s\r\n" % (MIB, bytes(MIB))
    rows = b'{"":[]},' * (MIB // 8 - 2)
    small = b'{"wanted":[%s[]]}' % rows
    async with running(source, tmp_path, path) as program:
        before = program.grown(0.0)
        for head, body in (
            (f"Content-Length: {len(large)}", large),
            ("Transfer-Encoding: chunked", 3 * chunk),
            (f"Content-Length: {len(small)}", small),
        ):
            answers = await asyncio.gather(*(program.send(head, body) for _ in range(CONNECTIONS)))
            assert all(line.split()[1] in REFUSED for line in answers if line)
        assert program.grown(before, "VmHWM") < most
        async with asyncio.timeout(PATIENCE):
            while program.grown(before) > kept:
                await asyncio.sleep(0.1)
