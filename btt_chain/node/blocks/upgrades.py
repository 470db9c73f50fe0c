"""Runtime upgrades for operators: the scheduled version, and this program's support of it.

The chain's state holds the slot from which on it has another runtime. It is checked once a second,
logged when it changes, and kept for RPC and metrics.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.rpc.backend import ScheduledRuntime, UpgradeState
from btt_chain.scale import codec
from runtime.frame import RuntimeVersion
from runtime.frame.version import CODE_KEY
from runtime.pallets.upgrade.pallet import Due, coming
from runtime.params import PARAMS_KEY, RuntimeParams

log: Final = logging.getLogger(__name__)

LAST_MS: Final = 253_402_300_799_000
"""The end of the year 9999, unix milliseconds: the last of `datetime`; a slot may be any u64."""


def upgrade_state(client: Client, now_ms: int) -> UpgradeState:
    """Return the upgrade state of the best block, by a clock in unix milliseconds.

    Raises StateUnavailable while that state is fetched from peers.
    """
    get, runtimes = client.state(client.best().hash).get, client.runtimes
    version = codec(RuntimeVersion).decode_all(get(CODE_KEY) or b"")
    name, number = version.spec_name.value, int(version.spec_version)
    carried = runtimes.versions(name)
    try:
        runtimes.of(get)
    except UnsupportedRuntime as lacking:
        return UpgradeState(name, number, carried, None, str(lacking), stands=True)
    due = coming(get)
    if due is None:
        return UpgradeState(name, number, carried, None, "", stands=False)
    scheduled = placed(due, RuntimeParams.decode(get(PARAMS_KEY) or b""), now_ms)
    refusal = runtimes.lacks(get)
    return UpgradeState(
        name,
        number,
        carried,
        scheduled,
        "" if refusal is None else str(refusal),
        stands=refusal is not None and not scheduled.slots_left,
    )


def placed(due: Due, params: RuntimeParams, now_ms: int) -> ScheduledRuntime:
    """Return the scheduled version with its time, by a clock in unix milliseconds."""
    slot_ms = int(params.slot_ms)
    left = max(due.in_headers - now_ms // slot_ms, 0)
    begins = min(due.in_headers * slot_ms, LAST_MS)
    return ScheduledRuntime(due.spec_version, due.slot, begins, left)


class UpgradeWatch:
    """Logs changes of the scheduled runtime."""

    def __init__(self, client: Client) -> None:
        self._client: Final = client
        self._reported: UpgradeState | None = None

    def look(self, now_ms: int) -> UpgradeState:
        """Check again, and log changes. Raises as `upgrade_state` does."""
        before, self._reported = self._reported, upgrade_state(self._client, now_ms)
        if before is None or _news(before) != _news(self._reported):
            self._report(before, self._reported)
        return self._reported

    def _report(self, before: UpgradeState | None, state: UpgradeState) -> None:
        scheduled = state.scheduled
        if before is not None and before.spec_version != state.spec_version:
            log.info("the chain is under %s %d now", state.spec_name, state.spec_version)
        if state.stands:
            log.error(
                "stalled at block %d: %s, and start again. Until then this node neither imports "
                "nor makes blocks; it serves what it has",
                self._client.best().number, state.lacking,
            )  # fmt: skip
        elif scheduled is None:
            if before is not None and before.spec_version == state.spec_version:
                name = state.spec_name
                log.info(
                    "the scheduled upgrade is cancelled: %s %d stays", name, state.spec_version
                )
        elif state.lacking and scheduled.spec_version in state.carried:
            log.warning("%s. It comes about %s", state.lacking, clock(scheduled.time_ms))
        elif state.lacking:
            log.warning(
                "the chain changes to %s %d at slot %d, about %s; this program carries %s: "
                "install a release that has it before",
                state.spec_name, scheduled.spec_version, scheduled.slot, clock(scheduled.time_ms),
                ", ".join(map(str, state.carried)),
            )  # fmt: skip
        else:
            log.info(
                "the chain changes to %s %d at slot %d, about %s; this program carries it",
                state.spec_name, scheduled.spec_version, scheduled.slot, clock(scheduled.time_ms),
            )  # fmt: skip


def _news(state: UpgradeState) -> tuple[object, ...]:
    """Return the parts that are logged when they change: all but the time left."""
    planned = None if state.scheduled is None else state.scheduled[:2]
    return state.spec_version, planned, state.lacking, state.stands


def clock(ms: int) -> str:
    """Return a time in unix milliseconds as readable UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
