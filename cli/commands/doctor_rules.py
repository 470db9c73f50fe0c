"""Evaluation of the observations of `btt-chain doctor`: pure functions from facts to checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from btt_chain.lazyclass import dataclass
from cli.common.key_state import KeyReport
from cli.common.validators import few_text

GIB: Final = 1 << 30
LITTLE_SPACE: Final = 5 * GIB
NO_SPACE: Final = GIB
"""Bytes of free space below which a node stops (storage/leveldb.py)."""
FEW_FILES: Final = 1_024
TOO_FEW_FILES: Final = 256
LAG_WARN: Final = 8
LAG_FAIL: Final = 64
"""Blocks between the best and the last final one; idle validators are one or two apart."""
CLOCK_WARN: Final = 1.0
CLOCK_FAIL: Final = 5.0
"""Seconds. Other nodes refuse the blocks of a validator whose clock is off by a slot."""
BY_NTP: Final = "set the clock by NTP (timedatectl set-ntp true)"
SHOWN: Final = 6
"""Maximum number of voters named in a line."""


class Verdict(StrEnum):
    """The result of a check."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One check with its result."""

    name: str
    verdict: Verdict
    seen: str
    todo: str = ""
    """The remedy; empty if nothing is wrong."""


def ok(name: str, seen: str) -> Check:
    """Return a check that found no fault."""
    return Check(name, Verdict.OK, seen)


def warn(name: str, seen: str, todo: str) -> Check:
    """Return a check that found a possible fault."""
    return Check(name, Verdict.WARN, seen, todo)


def fail(name: str, seen: str, todo: str) -> Check:
    """Return a check that found a fault that stops the node."""
    return Check(name, Verdict.FAIL, seen, todo)


def graded(name: str, seen: str, todo: str, *, is_poor: bool, is_bad: bool) -> Check:
    """Return a check that fails if its figure is bad, and warns if it is poor."""
    if is_bad:
        return fail(name, seen, todo)
    return warn(name, seen, todo) if is_poor else ok(name, seen)


def judge_peers(peers: int, *, should_have: bool, is_syncing: bool) -> list[Check]:
    """Check that the node has peers and is at their height."""
    found = []
    if peers == 0 and should_have:
        found.append(
            fail("peers", "none", "is the network port reachable? Give --bootnodes or "
                 "--reserved-nodes; the log (-l peers=debug) says who refuses whom")
        )  # fmt: skip
    else:
        found.append(ok("peers", f"{peers}" if should_have else f"{peers} (it runs alone)"))
    if is_syncing:
        found.append(
            warn("sync", "the node is far behind and catching up",
                 "wait; the log (-l sync=info) says how long yet")
        )  # fmt: skip
    else:
        found.append(ok("sync", "level with what peers say"))
    return found


def judge_moving(
    best: int, next_best: int | None, waited: float, age: float | None, *, alone: bool
) -> Check:
    """Check that blocks come: `next_best` came after `waited` seconds, None if none did."""
    if next_best is not None:
        return ok("best block", f"{next_best}, after {waited:.1f} s of waiting")
    if alone:
        return warn(
            "best block", f"{best} for {waited:.0f} s",
            "on a chain sealed by hand a block may need a transaction (--sealing)",
        )  # fmt: skip
    since = "" if age is None else f", the last one is {age:.0f} s old"
    return fail(
        "best block",
        f"{best} for {waited:.0f} s{since}",
        "if peers are at the same height, too few validators make blocks; if they are higher, this "
        "node is stuck: see `sync` and `disk`",
    )


def judge_clock(offset: float | None, slot: float = 6.0, *, is_syncing: bool = False) -> Check:
    """Check that the local clock agrees with that of other nodes.

    `offset` is the age of another validator's block at its arrival, None if none came; `slot` is
    the time between blocks, all in seconds.
    """
    if offset is not None and is_syncing:
        if offset > slot:
            return ok("clock", "not to be judged by old blocks, while catching up")
        # Blocks from its future are refused: it can never be in sync.
        return fail(
            "clock",
            "it is behind the others, though its blocks are of this moment",
            f"this clock is slow: {BY_NTP}",
        )
    if offset is None:
        return warn("clock", "no block of another validator came to compare with",
                    "see `best block` and `peers`; then look again")  # fmt: skip
    seen = f"a new block was {offset:.1f} s old" if offset >= 0 else (
        f"a new block came {-offset:.1f} s before its time"
    )  # fmt: skip
    # A block may be a slot old by production and transmission; one from the future shows a wrong
    # clock.
    error = max(-offset, offset - slot)
    is_bad = error > CLOCK_FAIL
    fault = "slow" if offset < 0 else "fast, or blocks take long to arrive"
    return graded(
        "clock",
        seen,
        f"this clock {'is' if is_bad else 'may be'} {fault}: {BY_NTP}",
        is_poor=error > CLOCK_WARN,
        is_bad=is_bad,
    )


@dataclass(frozen=True, slots=True)
class Quorum:
    """The voters that finality needs, whatever their weight, and the weight that it lacks."""

    share: int = 0
    """Percentage of the total weight without a vote in the present round."""
    voters: int = 0
    needed: int = 0
    """Number of voters, and of those whose votes are needed."""


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes seen in rounds of finality."""

    missing: Sequence[str] = ()
    """Voters without a vote."""
    stuck: bool = False
    """True if a round does not end."""
    quorum: Quorum = Quorum()
    ours: Sequence[str] = ()
    """The accounts whose keys this node holds."""


def judge_finality(
    best: int, final: int, votes: Votes | None, *, is_syncing: bool = False
) -> list[Check]:
    """Check that blocks become final, and name missing voters; `votes` is None if unknown."""
    lag = best - final
    seen = f"block {final}, {lag} behind the best"
    grade = partial(graded, "finality", seen, is_poor=lag >= LAG_WARN, is_bad=lag >= LAG_FAIL)
    if is_syncing:
        # It receives no votes that it could count.
        return [ok("finality", f"{seen}, while catching up")]
    if votes is None:
        return [grade("this node cannot name the missing voters (no grandpa_roundState)")]
    quorum, voting = votes.quorum, votes.quorum.voters - len(votes.missing)
    heads = f"votes of {voting} of {quorum.voters} voters received, {quorum.needed} needed"
    who = ", ".join(votes.missing[:SHOWN])
    if len(votes.missing) > SHOWN:
        who += f" and {len(votes.missing) - SHOWN} more"
    if votes.stuck and votes.missing:
        return [
            fail("finality", f"it stands at {seen}",
                 f"it goes on when {quorum.needed} voters with more than two thirds of the weight "
                 "vote"),
            fail("voters", f"{heads}; no votes, {quorum.share} % of the weight: {who}",
                 _own_votes(votes) or "look whether they run, and whom they are connected with"),
        ]  # fmt: skip
    checks = [grade("look again in a minute; if it grows, docs/runbooks.md: finality stalls")]
    if not votes.missing:
        return [*checks, ok("voters", heads)]
    own = _own_votes(votes)
    if own:
        return [*checks, fail("voters", f"{heads}; none of {who}", own)]
    return [
        *checks,
        warn("voters", f"{heads}; none of {who}",
             "finality stops when a third of the voters or of the weight is missing: look whether "
             "they run"),
    ]  # fmt: skip


def _own_votes(votes: Votes) -> str:
    if not set(votes.ours) & set(votes.missing):
        return ""
    return (
        "this node does not vote itself: its log says why (`no vote: ...`, or the signing record)"
    )


def judge_keys(
    ours: Sequence[str], active: Sequence[str], *, is_validator: bool, asked: bool
) -> list[Check]:
    """Check that a validator can sign: `ours` are the accounts whose session keys it holds."""
    if not asked:
        return [
            warn("session keys", "the node does not say (author_hasSessionKeys is unsafe)",
                 "unsafe methods are off with --rpc-external and --rpc-methods safe; "
                 "`btt-chain key status` checks the data")
        ]  # fmt: skip
    if not ours:
        if not is_validator:
            return [ok("session keys", "none, and this node only follows")]
        return [
            fail("session keys", "the node validates and holds no key of a validator in the set",
                 "insert them (btt-chain key insert) or make new ones (btt-chain key rotate) and "
                 "register them with session.setKeys; `btt-chain key status` says what is missing")
        ]  # fmt: skip
    found = [ok("session keys", f"of {', '.join(ours)}")]
    resting = [name for name in ours if name not in active]
    if not resting:
        return [*found, ok("active set", f"{len(ours)} of {len(active)} validators are here")]
    return [
        *found,
        warn("active set", f"not in the set of this session: {', '.join(resting)}",
             "keys count from the session after next; then look at the bond (docs/staking.md: "
             "Elections); `btt-chain validator join` brings back one removed for absence"),
    ]  # fmt: skip


def judge_validators(validators: int) -> list[Check]:
    """Check that the set tolerates an absent validator; no check if it does, or is one alone."""
    few = few_text(validators)
    return [warn("validators", few, "let others join: btt-chain validator join")] if few else []


def judge_signing(reports: Sequence[KeyReport] | None) -> list[Check]:
    """Check that the node signs with its keys; no check if the node does not report it."""
    resting = [report for report in reports or () if not report.signs]
    if not resting:
        return [ok("signing", f"{len(reports)} keys sign")] if reports else []
    seen = "; ".join(f"{each.kind} 0x{each.public[2:10]}… {each.text}" for each in resting)
    stops = [each for each in resting if each.state in {"barred", "clock", "no_record"}]
    if stops:
        return [fail("signing", seen, stops[0].todo)]
    return [warn("signing", seen, resting[0].todo)]


def judge_runtime(status: Mapping[str, Any]) -> Check:
    """Check that a node has the runtime in force and the scheduled one, by `upgrade_status`."""
    seen, planned = f"{status['specName']} {status['specVersion']}", status["scheduled"]
    if planned is not None:
        seen += f", {planned['specVersion']} in {planned['slotsLeft']} slots"
    if status["stands"]:
        return fail("runtime", f"{seen}: the node stands", str(status["lacking"]))
    if status["lacking"]:
        return warn("runtime", seen, str(status["lacking"]))
    return ok("runtime", seen)


def judge_disk(free: int, where: Path) -> Check:
    """Check the free space of a disk."""
    seen = f"{free / GIB:.1f} GiB free at {where}"
    todo = "make room: the node stops below 1 GiB"
    return graded("disk", seen, todo, is_poor=free < LITTLE_SPACE, is_bad=free < NO_SPACE)


def judge_files(limit: int) -> Check:
    """Check the limit of open files of a process."""
    seen = f"{limit} may be open at once"
    todo = "LimitNOFILE=65536 in the unit, or ulimit -n 65536"
    return graded("open files", seen, todo, is_poor=limit < FEW_FILES, is_bad=limit < TOO_FEW_FILES)
