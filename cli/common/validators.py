"""A validator's place on the chain: its keys, bond and seat, and which calls come next.

Joining and leaving are sequences of calls that may be interrupted. Both are decided here from the
chain's state alone, so that a command can be repeated and goes on where it stopped:

    joining   register keys -> bond -> become a candidate -> wait for an election
    leaving   chill, unbond -> wait for the unbonding -> withdraw, remove the keys
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.lazyclass import dataclass
from btt_chain.scale.portable import Plain
from cli.common.calls import Named
from cli.common.chain_time import ChainTime

NOT_ELECTED: Final = "a bond of less than a quarter of the mean of the set is not elected"
TOLERANT: Final = 4
"""Minimum number of validators of which one may be absent."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The chain's sessions: an epoch each."""

    time: ChainTime
    index: int
    """The current session."""
    epoch: int
    """The current epoch; sessions are counted without skipped ones."""
    epoch_slots: int
    last_election: int
    """First session of the last election."""
    every: int
    """Sessions between two elections."""
    is_election_due: bool
    is_by_hand: bool = False
    """True if the chain is sealed by hand: its session never ends."""

    def ms_until(self, session: int) -> int:
        """Return the ms until the beginning of a session; 0 if it has begun."""
        end_of_this = (self.epoch + 1) * self.epoch_slots
        slots = end_of_this - self.time.slot + (session - self.index - 1) * self.epoch_slots
        return max(0, slots * self.time.slot_ms) if session > self.index else 0

    def when(self, session: int) -> str:
        """Return the beginning of a session as date and distance."""
        if session > self.index and self.is_by_hand:
            return "never: the chain is sealed by hand"
        return self.time.until(self.time.ms + self.ms_until(session))

    @property
    def next_seats(self) -> int:
        """The first session in which a new candidate can validate.

        An election is for the session after the next one: the next is queued already.
        """
        planned = self.index + 2
        return planned if self.is_election_due else max(planned, self.last_election + self.every)


@dataclass(frozen=True, slots=True)
class Validator:
    """A stash, as the chain has it."""

    address: str
    keys: dict[str, str] | None
    """Its registered session keys, None without."""
    active: int
    """Its active bond, in planck."""
    unlocking: tuple[tuple[int, int], ...]
    """Parts being unbonded, in planck, with the session in which each is due."""
    is_candidate: bool
    barred_until: int
    """First session in which it may be a candidate again; 0: it is not barred."""
    place: int | None
    """Its place among the validators of this session."""
    is_queued: bool
    """True if it validates in the next session."""
    is_disabled: bool
    minimum_bond: int
    sessions: Sessions

    @property
    def is_barred(self) -> bool:
        """Return True if it may not be a candidate now."""
        return self.barred_until > self.sessions.index

    @property
    def raw_keys(self) -> bytes:
        """Its registered session keys on the wire, babe before grandpa."""
        keys = self.keys or {}
        return b"".join(bytes.fromhex(keys[name][2:]) for name in ("babe", "grandpa") if keys)


@dataclass(frozen=True, slots=True)
class Joining:
    """The calls that are missing for a candidacy."""

    needs_keys: bool
    calls: tuple[Named, ...]
    """The calls after the registration of keys."""

    @property
    def is_done(self) -> bool:
        """Return True if nothing is missing."""
        return not self.needs_keys and not self.calls


def joining(state: Validator, bond: int | None) -> Joining:
    """Return the missing conditions of a candidacy with a bond of at least `bond`.

    None means the minimum.
    """
    calls: list[Named] = []
    wanted = max(state.minimum_bond, state.active) if bond is None else bond
    more = wanted - state.active
    if more > 0:
        # A ledger with parts that are being unbonded exists, and takes no second `bond`.
        has_ledger = bool(state.active or state.unlocking)
        name = "bond_extra" if has_ledger else "bond"
        calls.append((f"Authorities.{name}", {"amount": more}))
    if not state.is_candidate:
        calls.append(("Authorities.validate", {}))
    return Joining(state.keys is None, tuple(calls))


@dataclass(frozen=True, slots=True)
class Leaving:
    """The calls of a stage of leaving, and the session of the next stage."""

    calls: tuple[Named, ...]
    next_session: int | None
    """Session from which on there is more to do; None: nothing will be left."""


def leaving(state: Validator) -> Leaving:
    """Return the next stage of leaving."""
    calls: list[Named] = []
    index = state.sessions.index
    if state.is_candidate:
        calls.append(("Authorities.chill", {}))
    if state.active:
        calls.append(("Authorities.unbond", {"amount": state.active}))
    due = [session for _, session in state.unlocking]
    if any(session <= index for session in due):
        calls.append(("Authorities.withdraw_unbonded", {}))
    later = [session for session in due if session > index]
    serves = state.place is not None or state.is_queued or state.is_candidate
    if state.keys is not None and not state.active and not later:
        if not serves:
            calls.append(("Session.purge_keys", {}))
        else:
            later = [index + 2]
    return Leaving(tuple(calls), max(later, default=None))


def few_text(validators: int) -> str:
    """Return a warning of a set that tolerates no absent validator; empty if there is no need."""
    if not 1 < validators < TOLERANT:
        return ""
    return (
        f"{validators} validators tolerate no absence: finality stops while one of them is off; "
        f"{TOLERANT} tolerate one"
    )


def seat_text(state: Validator) -> str:
    """Return whether a stash validates, or since when and why not, in words."""
    sessions = state.sessions
    if state.place is not None:
        if state.is_disabled:
            return "disabled for an offence, until the next session"
        leaves = "" if state.is_queued else "; not in the next session"
        return f"validates, place {state.place}{leaves}"
    if state.is_queued:
        return f"validates from the next session on, {sessions.when(sessions.index + 1)}"
    if state.is_barred:
        return f"barred for an offence until session {state.barred_until}, " + sessions.when(
            state.barred_until
        )
    if state.is_candidate:
        session = sessions.next_seats
        return (
            f"candidate; if it is elected, it validates from session {session} on, "
            f"{sessions.when(session)}; {NOT_ELECTED}"
        )
    return "no candidate: `btt-chain validator join`"


# ---- reading


async def read_sessions(chain: Chain) -> Sessions:
    """Read the state of the sessions."""
    last = await chain.storage("Authorities.LastElection")
    return Sessions(
        await ChainTime.read(chain),
        _int(await chain.storage("Session.CurrentIndex")),
        _int(await chain.storage("Babe.EpochIndex")),
        _int(chain.constant("Babe.EpochDuration")),
        0 if last is None else _int(last),
        _int(chain.constant("Authorities.ReelectionEpochs")),
        bool(await chain.storage("Authorities.ElectionDue")) or last is None,
        await chain.storage("Babe.Engine") == "Manual",
    )


async def read_validator(chain: Chain, stash: bytes) -> Validator:
    """Read the state of a stash."""
    account, address = "0x" + stash.hex(), chain.metadata.address(stash)
    keys = await chain.storage("Session.NextKeys", account)
    ledger = await chain.storage("Authorities.Ledger", account)
    validators = await chain.storage("Session.Validators")
    queued = await chain.storage("Session.QueuedKeys")
    disabled = await chain.storage("Session.DisabledValidators")
    barred = await chain.storage("Authorities.Barred", account)
    active, unlocking = _ledger(ledger)
    names = validators if isinstance(validators, list) else []
    place = names.index(address) if address in names else None
    return Validator(
        address=address,
        keys={name: str(key) for name, key in keys.items()} if isinstance(keys, dict) else None,
        active=active,
        unlocking=unlocking,
        is_candidate=await chain.storage("Authorities.Candidates", account) is not None,
        barred_until=0 if barred is None else _int(barred),
        place=place,
        is_queued=any(row[0] == address for row in _pairs(queued)),
        is_disabled=isinstance(disabled, list) and place in [_int(each) for each in disabled],
        minimum_bond=_int(await chain.storage("Authorities.MinimumBond")),
        sessions=await read_sessions(chain),
    )


async def read_offences(chain: Chain, address: str) -> int:
    """Read the number of reported offences of a stash that the chain still keeps."""
    found = 0
    async for _, report in chain.entries("Offences.Reports"):
        offender = report.get("offender") if isinstance(report, dict) else None
        found += isinstance(offender, list) and offender[0] == address
    return found


async def owner_of(chain: Chain, kind: str, public: str) -> str | None:
    """Return the account that registered a session key, None without."""
    typed: Plain = ["0x" + kind.encode().hex(), public]
    owner = await chain.storage("Session.KeyOwner", typed)
    return owner if isinstance(owner, str) else None


def _ledger(value: Plain) -> tuple[int, tuple[tuple[int, int], ...]]:
    if not isinstance(value, dict):
        return 0, ()
    chunks = value.get("unlocking")
    rows = [row for row in chunks if isinstance(row, dict)] if isinstance(chunks, list) else []
    return _int(value["active"]), tuple((_int(row["value"]), _int(row["due"])) for row in rows)


def _pairs(value: Plain) -> Sequence[list[Plain]]:
    return [row for row in value if isinstance(row, list)] if isinstance(value, list) else []


def _int(value: Plain) -> int:
    return int(str(value))
