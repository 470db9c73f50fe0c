"""The page of the index's own audits."""

from __future__ import annotations

import json
from typing import Final

from btt_chain.explorer.audit import BAD
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.forms import Fields, Json

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


def audit_page(context: Context) -> Fields:
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


def index_state(context: Context) -> Fields:
    """Return the state of the index for the foot of every page."""
    last = context.index.audits(1)
    failed: list[Json] = []
    if last:
        failed = [name for name, result, _ in json.loads(last[0].report) if result == BAD]
    return {
        "complete": context.index.final()[0],
        "audited": last[0].height if last else None,
        "failed": failed,
        "fault": context.progress.fault or None,
        "connected": context.progress.connected,
    }


def _checks(report: str) -> Json:
    return [
        {"name": name, "result": result, "detail": detail, "meaning": MEANINGS.get(name, name)}
        for name, result, detail in json.loads(report)
    ]
