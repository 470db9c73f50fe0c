"""The page of the node's health.

Pages for other machines name checks and verdicts only: addresses, peers and keys are the
operator's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypedDict

from btt_chain.explorer.context import Context
from btt_chain.explorer.doctor import Finding
from btt_chain.present.visible import shown

DETAIL: Final = 400
"""Maximum characters of a finding."""
VERDICTS: Final = {"OK": "in order", "WARN": "look at it", "FAIL": "stops the node"}


class FindingRow(TypedDict):
    """A finding; without details on public pages."""

    name: str
    verdict: str
    seen: str | None
    todo: str | None


class DoctorPage(TypedDict):
    """The last findings on the node's health."""

    isAvailable: bool
    isBusy: bool
    isPublic: bool
    time: int | None
    findings: list[FindingRow]
    worst: str | None


async def doctor_page(context: Context) -> DoctorPage:
    """Return the last findings, and begin an examination, on the event loop, if they are old."""
    doctor = context.doctor
    if doctor is not None:
        doctor.look()
    return {
        "isAvailable": doctor is not None,
        "isBusy": doctor is not None and doctor.is_busy,
        "isPublic": context.is_public,
        "time": None if doctor is None else doctor.time,
        "findings": [] if doctor is None else _findings(context, doctor.findings),
        "worst": None if doctor is None else worst(doctor.findings),
    }


def _findings(context: Context, findings: Sequence[Finding]) -> list[FindingRow]:
    return [
        {
            "name": each.name,
            "verdict": each.verdict,
            "seen": None if context.is_public else shown(each.seen, DETAIL),
            "todo": None if context.is_public else shown(each.todo, DETAIL),
        }
        for each in findings
    ]


def worst(findings: Sequence[Finding]) -> str | None:
    """Return the worst verdict; None without findings."""
    return max((each.verdict for each in findings), key=list(VERDICTS).index, default=None)
