"""The commands that only read a chain, as they are typed against a development node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from cli.program import program

READING: Final = (
    "asset list", "asset show 0", "asset holdings //Alice", "auditor watch //Eve --once",
    "card show 0x5151", "dev accounts", "dev status", "dispute show 0", "exchange book 0",
    "exchange orders 0 //Alice", "exchange show 0",
    "exchange trades 0", "facility count", "facility credential //Eve 0x" + "51" * 32,
    "facility list", "facility month //Bob", "facility offers //Dave", "facility rules",
    "facility show //Bob", "gov chambers", "gov elections", "gov milestones 0",
    "gov power //Alice", "gov status", "gov status 0", "gov tracks", "history //Alice",
    "identity registrars", "identity show //Alice", "identity subs //Alice", "job list --all",
    "job status 0x5151", "merchant report //Alice", "merchant show //Alice", "model list",
    "model show 0x5151", "oracle feeders", "oracle prices", "oracle show //Dave",
    "payfi queue", "points stats",
    "premium list //Alice", "provider earnings //Bob", "provider list", "provider status //Bob",
    "proxy list //Alice", "query account //Alice", "query block 0", "query calls System",
    "query constant Balances.ExistentialDeposit", "query errors System", "query events System",
    "query facts", "query items System", "query pallets", "query rpc system_chain",
    "query storage System.Number", "referral list", "referral show //Bob", "stake list //Alice",
    "stake show 0 --of //Alice", "stake tiers", "tokenomics supply", "upgrade status",
    "validator list", "validator status //Alice", "vault list", "vault show 0",
    "vesting show //Alice", "work usefulness",
)  # fmt: skip
"""A line for each command; some find nothing on a new chain."""

DIAGNOSING: Final = ("doctor",)
"""Commands whose exit code depends on this machine."""

OTHER: Final = {
    "dev": "development controls",
    "explorer audit": "needs an index",
    "facility answer": "needs a facility's folder",
    "facility claims": "needs a facility's folder",
    "facility device": "needs a facility's folder",
    "facility issue": "needs a facility's folder",
    "facility member": "needs a facility's folder",
    "facility serve": "a server",
    "facility sign": "needs a facility's folder",
    "facility subtotals": "needs a facility's folder",
    "auditor verify": "needs an auditor's folder",
    "job offer": "needs a package, makes a payload",
    "job quote": "needs a package",
    "job result": "needs a job's folder",
    "job watch": "goes on until a job ends",
    "key rotate": "makes keys",
    "key status": "checks a keystore by the chain's specification",
    "merchant statement": "needs a journal",
    "merchant watch": "a server",
    "multisig pending": "needs a wallet",
    "points cash": "sends a call",
    "points earn": "needs a claim",
    "points list": "needs a wallet's folder",
    "records": "need a vault",
    "tokenomics audit": "runs the runtime's own checks on the whole state",
    "tx": "takes a transaction",
    "build-spec": "asks a node with --checkpoint only",
    "upgrade try": "runs the next runtime",
}
"""Commands that connect to a node and sign nothing, with the reason why they are not above."""


def connecting() -> Iterator[str]:
    """Yield the commands that connect to a node and have no `--from`."""
    yield from _commands(program, "")


def _commands(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from _commands(found, f"{path} {name}".strip())
        return
    names = {param.name for param in command.params}
    if "url" in names and "uri" not in names:
        yield path


def is_listed(path: str) -> bool:
    """Return True if a command stands in one of the two lists."""
    known = (*READING, *DIAGNOSING, *OTHER)
    return any(f"{each} ".startswith(f"{path} ") or f"{path} ".startswith(f"{each} ")
               for each in known)  # fmt: skip
