"""Faults of a network's file, done while `devnet up` watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from btt_chain.testing import Devnet, DevnetError
from btt_chain.testing.network_file import Fault, NetworkFile
from cli.commands.devnet_common import read_groups
from cli.common.errors import Mistyped


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of a file; the empty one does nothing."""

    faults: Sequence[Fault] = ()
    end: float | None = None
    """Seconds after which the network is stopped."""
    path: Path | None = None

    @classmethod
    def of(cls, path: Path, file: NetworkFile) -> Schedule:
        """Return the times of a file."""
        return cls(file.faults, file.end, path)

    def check(self, net: Devnet) -> None:
        """Raise DevnetError, with file and line, for a name that the network does not have."""
        for fault in self.faults:
            try:
                if fault.action == "partition":
                    read_groups(net, fault.target)
                elif fault.action != "heal":
                    net.member(fault.target)
            except (DevnetError, Mistyped) as error:
                raise DevnetError(
                    f"{self.path}, line {fault.line}: faults.{fault.action}: {error}"
                ) from None

    async def run(self, net: Devnet, stop: asyncio.Event, say: Callable[[str], None]) -> None:
        """Do all faults at their times, then set `stop` at the end, if the file has one."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for fault in self.faults:
            await asyncio.sleep(began + fault.at - loop.time())
            words = f"{fault.action} {fault.target}".strip()
            say(f"{fault.at:g} s: {words}")
            try:
                # A network of its own, as in another terminal: the other one is being read.
                await asyncio.to_thread(_do, Devnet.open(net.base), fault)
            except DevnetError as error:
                say(f"line {fault.line}: {words} failed: {str(error).splitlines()[0]}")
        if self.end is not None:
            await asyncio.sleep(began + self.end - loop.time())
            stop.set()


def _do(net: Devnet, fault: Fault) -> None:
    match fault.action:
        case "kill":
            net.kill(fault.target)
        case "pause":
            net.member(fault.target).pause()
        case "resume":
            net.member(fault.target).resume()
        case "restart":
            net.restart(fault.target)
        case "partition":
            net.partition(read_groups(net, fault.target))
        case "heal":
            net.heal()
        case _:
            raise ValueError(fault.action)
