"""Useful work on the screen of `devnet up --providers N`: jobs, providers, pay, weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.client.paging import listed
from btt_chain.primitives.digits import whole_number
from btt_chain.testing import Devnet
from genesis.accounts import address, dev_account

STATES: Final = (
    "posted", "assigned", "computing", "committed", "checking", "pending", "finalized",
    "refunded", "slashed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Worker:
    """A provider, as the table shows it; amounts in planck."""

    name: str
    state: str
    """State of its process: running, paused, dead, down."""
    busy: str
    done: int
    slashed: int
    paid: int
    weight: str
    """Weight that its score adds to a validator's."""


@dataclass(slots=True)
class Work:
    """All jobs of the chain, which forgets ended ones some epochs later."""

    states: Counter[str] = field(default_factory=Counter)
    receipts: int = 0
    paid: int = 0
    workers: list[Worker] = field(default_factory=list)

    def line(self) -> str:
        """Return the same on one line."""
        jobs = ", ".join(f"{self.states[state]} {state}" for state in STATES if self.states[state])
        return f"jobs: {jobs or 'none'}; {self.receipts} receipts"

    def document(self) -> dict[str, object]:
        """Return the same as JSON."""
        return {
            "jobs": dict(self.states),
            "receipts": self.receipts,
            "paid": str(self.paid),
            "providers": [
                {"name": one.name, "state": one.state, "done": one.done, "slashed": one.slashed,
                 "paid": str(one.paid), "weight": one.weight}
                for one in self.workers
            ],
        }  # fmt: skip

    def rows(self, show: Callable[[int], str]) -> list[tuple[str, ...]]:
        """Return a row for each provider; `show` writes an amount."""
        return [
            (one.name, one.state, one.busy, str(one.done), str(one.slashed),
             show(one.paid), one.weight)
            for one in self.workers
        ]  # fmt: skip


async def look(client: Connection, net: Devnet) -> Work:
    """Read all jobs, and the earnings and weights of the providers."""
    work = Work()
    jobs = await listed(client.call, "work_jobs", None, False)
    work.states = Counter(str(job.get("state")) for job in jobs)
    work.receipts = sum(job.get("receipt") is not None for job in jobs)
    work.paid = sum(_number(job.get("paid")) for job in jobs)
    rows = await listed(client.call, "work_providers", key="provider")
    known = {str(row.get("provider")): row for row in rows}
    validators = [node.key for node in net.nodes if node.key is not None]
    weights = await _weights(client, validators)
    for helper in net.helpers:
        if not helper.is_provider:
            continue
        account = address(dev_account(helper.key))
        mine = [job for job in jobs if job.get("provider") == account]
        row = known.get(account, {})
        work.workers.append(
            Worker(
                helper.name,
                helper.state,
                f"{row.get('busy', 0)} of {row.get('capacity', 0)}",
                sum(job.get("state") == "finalized" for job in mine),
                sum(job.get("state") == "slashed" for job in mine),
                sum(_number(job.get("paid")) for job in mine),
                weights.get(account, "-"),
            )
        )
    return work


async def _weights(client: Connection, validators: list[str]) -> dict[str, str]:
    """Return for each provider the validator of its score, and its share of all scores."""
    scores: dict[str, tuple[str, int]] = {}
    whole = 0
    for key in validators:
        view = await client.call("work_weight", address(dev_account(key)))
        if not isinstance(view, dict):
            continue
        whole += _number(view.get("total"))
        rows = view.get("delegated")
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                scores[str(row.get("provider"))] = (key, _number(row.get("score")))
    return {
        provider: f"{100 * score // whole if whole else 0} % for {key.removeprefix('//')}"
        for provider, (key, score) in scores.items()
    }


def _number(value: Json) -> int:
    return (whole_number(value) or 0) if isinstance(value, str) else 0
