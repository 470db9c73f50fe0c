"""The page of the index's own audits."""

from __future__ import annotations

import json
from typing import Final, TypedDict

from btt_chain.explorer.audit import BAD
from btt_chain.explorer.context import Context

AUDITS: Final = 20
"""Number of audits on the page."""

MEANINGS: Final = {
    "E1": "Blocks follow each other without a gap",
    "E2": "Events and extrinsics are complete",
    "E3": "All balances add up to the issuance",
    "E4": "Random balances agree with proofs",
    "E5": "Fees are the sums of their events",
    "E6": "Open jobs, referenda and orders are those of the chain",
}


class IndexState(TypedDict):
    """The state of the index for the foot of every page."""

    complete: int
    audited: int | None
    failed: list[str]
    fault: str | None
    connected: bool


class Check(TypedDict):
    """The result of a check."""

    name: str
    result: str
    detail: str
    meaning: str


class AuditRow(TypedDict):
    """An audit."""

    height: int
    time: int
    checks: list[Check]


class AuditPage(IndexState):
    """The state of the index, and the results of its last audits."""

    first: int
    tip: int
    nodeBest: int
    nodeFinal: int
    audits: list[AuditRow]


def audit_page(context: Context) -> AuditPage:
    """Return how far the index is, and the results of its last audits."""
    return {
        **index_state(context),
        "first": context.index.first(),
        "tip": context.index.tip(),
        "nodeBest": context.progress.node_best,
        "nodeFinal": context.progress.node_final,
        "audits": [
            {"height": row.height, "time": row.ms, "checks": _checks(row.report)}
            for row in context.index.audits(AUDITS)
        ],
    }


def index_state(context: Context) -> IndexState:
    """Return the state of the index for the foot of every page."""
    last = context.index.audits(1)
    failed: list[str] = []
    if last:
        failed = [name for name, result, _ in json.loads(last[0].report) if result == BAD]
    return {
        "complete": context.index.final()[0],
        "audited": last[0].height if last else None,
        "failed": failed,
        "fault": context.progress.fault or None,
        "connected": context.progress.connected,
    }


def _checks(report: str) -> list[Check]:
    return [
        {"name": name, "result": result, "detail": detail, "meaning": MEANINGS.get(name, name)}
        for name, result, detail in json.loads(report)
    ]
