"""A trial of the next runtime, for `btt-chain upgrade try`: migrations on a copy of a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from btt_chain.chain.rehearsal import CannotRehearse, Rehearsal, rehearse
from btt_chain.chain.runtimes import Builder, Release
from btt_chain.client.chain import find_block
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.primitives.digits import to_hex
from cli.commands.tokenomics_audit import fetch_state
from cli.common import show
from cli.common.chain_data import chain_name, opened, plain_errors
from cli.common.errors import Refused
from cli.common.session import run
from genesis.build import build, readable
from genesis.catalogue import load
from genesis.code import state_version
from genesis.spec import Raw
from runtime.frame.version import CODE_KEY
from storage.overlay import Overlay
from storage.trie import state_root

PICOS: Final = 10**9
"""Picoseconds of a millisecond."""
MAX_SHOWN: Final = 20
"""Maximum number of the audit's findings that are shown."""


def rehearsed(
    builders: Mapping[Release, Builder], to: int | None, *, dev: bool, chain: str | None,
    base_path: Path | None, state: str | None, url: str | None,
) -> Rehearsal:  # fmt: skip
    """Run the migrations to version `to` on a copy of a state. Raises Refused.

    The state is that in the file `state`, of the node at `url`, or of a chain's data.
    """
    try:
        if state is not None or url is not None:
            entries = _read(state) if state is not None else _fetched(str(url))
            with _over(entries) as (overlay, root):
                return rehearse(builders, overlay, root, to)
        with opened(chain_name(dev, chain), base_path) as data:
            overlay = data.client.overlay(data.client.best().hash)
            return rehearse(builders, overlay, overlay.root, to)
    except CannotRehearse as error:
        raise Refused(str(error)) from None


def print_trial(trial: Rehearsal, *, as_json: bool) -> None:
    """Print the migrations, their weight and the audits."""
    if as_json:
        show.document(_facts_of(trial))
    else:
        _print_rehearsal(trial)


def _read(file: str) -> dict[bytes, bytes]:
    """Return the state in a file. Refused if the file has no state."""
    with plain_errors():
        spec = load(file)
        return dict(spec.genesis.top) if isinstance(spec.genesis, Raw) else dict(build(spec).state)


def _fetched(url: str) -> dict[bytes, bytes]:
    async def fetch() -> dict[bytes, bytes]:
        async with await WebSocket.connect(url) as client:
            return await fetch_state(client, await find_block(client, "finalized"))

    return run(fetch())


@contextmanager
def _over(state: dict[bytes, bytes]) -> Iterator[tuple[Overlay, Callable[[], bytes]]]:
    """Yield an overlay over a state, and a function that returns its root."""
    overlay = readable(state)
    version = state_version(state.get(CODE_KEY))

    def root() -> bytes:
        whole: dict[bytes, bytes | None] = {**state, **overlay.changes()}
        return state_root({k: v for k, v in whole.items() if v is not None}, version)

    yield overlay, root


def _facts_of(trial: Rehearsal) -> dict[str, object]:
    return {
        "from": trial.before.spec_version,
        "to": trial.after.spec_version,
        "good": trial.is_good,
        "migrations": [
            {
                "name": step.name,
                "specVersion": step.spec_version,
                "written": step.written,
                "removed": step.removed,
                "weight": str(step.weight),
                "milliseconds": round(step.milliseconds, 1),
            }
            for step in trial.steps
        ],
        "weight": str(trial.weight),
        "blockWeight": str(trial.limit),
        "failure": trial.failure,
        "roots": [to_hex(root) for root in trial.roots],
        "findings": trial.found,
    }


def _print_rehearsal(trial: Rehearsal) -> None:
    show.heading(f"from {trial.before} to {trial.after}")
    if trial.steps:
        show.table(
            ["migration", ">of", ">written", ">removed", ">weight", ">here"],
            [
                [
                    step.name, str(step.spec_version), f"{step.written:_}", f"{step.removed:_}",
                    f"{step.weight / PICOS:.1f} ms", f"{step.milliseconds:.1f} ms",
                ]
                for step in trial.steps
            ],
        )  # fmt: skip
    elif not trial.failure:
        show.note("the version moves nothing in this state")
    share = trial.weight * 100 / trial.limit
    fields = {"weight": f"{trial.weight / PICOS:.1f} ms, {share:.1f} % of a block"}
    for name, root in zip(("root before", "root after"), trial.roots, strict=False):
        fields[name] = to_hex(root)
    for name, found in zip(("audit before", "audit after"), trial.found, strict=False):
        fields[name] = f"{len(found)} findings" if found else "nothing is wrong"
    show.record(fields)
    for finding in trial.found[-1][:MAX_SHOWN] if trial.found else []:
        show.line(finding)
    if trial.failure:
        show.bad(trial.failure)
    elif trial.weight > trial.limit:
        show.bad("The migrations are heavier than a block: they must become cheaper.")
    elif trial.is_good:
        show.good("All migrations succeed, and so do the audits.")
    else:
        show.bad("The audits fail afterwards: see the findings above.")
