"""The decisions of a custodian about access: a state machine without I/O.

    session:  (asked) -> checking -> open -> checking (each block) -> open ... -> closed
    access:   (asked) -> checking -> served | refused

Each access, and each open session at each new block, is checked against two views of the chain:
the best block and the last final one. It is served if

1. the answer is about the current best and final block, not about one that was replaced while the
   question was under way (then it is asked again, `MAX_ASKED` times),
2. the consent is revoked in neither of them, and was revoked in none that was ever seen: a secret
   that was published once stays public, whatever a reorganisation does to its block,
3. the best block is younger than `MAX_AGE_MS`: a node that lost its peers cannot vouch, and
4. the final chain did not contradict itself.

An emergency has no consent: it is served at once, because a stalled chain must not cost a life. Its
entry is marked and anchored as any other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAX_AGE_MS: Final = 120_000
"""Age of the best block above which nothing is served."""
MAX_ASKED: Final = 4
"""Times that one access is checked while blocks replace each other."""
MAX_WAITING: Final = 256
"""Accesses that wait for an answer of the node."""
MAX_SESSIONS: Final = 1_024
MAX_SESSIONS_OF_CONSENT: Final = 16
SESSION_MS: Final = 15 * 60 * 1_000
"""Longest life of a session."""

REVOKED: Final = "the consent is revoked"
STALE: Final = "the custodian's node has no recent block: try again later"
CONTRADICTED: Final = "the custodian's node changed its final chain: it serves nothing"
UNSETTLED: Final = "blocks replace each other: try again"
BUSY: Final = "the custodian is busy: try again"
NO_SESSION: Final = "the session is closed"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a view."""

    number: int
    hash: bytes
    time_ms: int


@dataclass(frozen=True, slots=True)
class View:
    """A node's view of the chain."""

    best: Block
    final: Block


# ---- events


@dataclass(frozen=True, slots=True)
class Viewed:
    """The node has a new best or final block."""

    view: View
    now_ms: int


@dataclass(frozen=True, slots=True)
class SessionWanted:
    """A reader wants a session under a consent."""

    id: str
    handle: bytes
    until_ms: int
    """End of the consent."""
    now_ms: int


@dataclass(frozen=True, slots=True)
class AccessWanted:
    """A reader wants records, in a session or by a request of its own."""

    id: str
    handle: bytes | None
    """None in an emergency."""
    session: str | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Checked:
    """The node's answer whether a consent is revoked."""

    handle: bytes
    view: View
    revoked_at_best: bool
    revoked_at_final: bool
    now_ms: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The node did not answer for a consent."""

    handle: bytes


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""

    now_ms: int


Event = Viewed | SessionWanted | AccessWanted | Checked | Unanswered | Ticked


# ---- actions


@dataclass(frozen=True, slots=True)
class Check:
    """Ask the node whether a consent is revoked, at both blocks of the view."""

    handle: bytes
    view: View


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer a request: record the access, then send it."""

    id: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse a request."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """End a session."""

    session: str
    reason: str


Action = Check | Serve | Refuse | Close


@dataclass(slots=True)
class _Waiting:
    handle: bytes
    session: str | None
    opens_until_ms: int | None = None
    """End of the session that the answer opens; None for an access."""
    asked: int = 1
    view: View | None = None
    """View about which the node was asked last."""


@dataclass(slots=True)
class _Session:
    handle: bytes
    until_ms: int


@dataclass(slots=True)
class Machine:
    """The state of a custodian's accesses."""

    max_age_ms: int = MAX_AGE_MS
    view: View | None = None
    contradicted: bool = False
    revoked: set[bytes] = field(default_factory=set)
    """Handles that were revoked in a view; never forgotten before their consents end."""
    waiting: dict[str, _Waiting] = field(default_factory=dict)
    sessions: dict[str, _Session] = field(default_factory=dict)

    def on(self, event: Event) -> list[Action]:
        """Return the actions that follow from an event."""
        match event:
            case Viewed():
                return self._on_viewed(event)
            case SessionWanted():
                until = min(event.until_ms, event.now_ms + SESSION_MS)
                waiting = _Waiting(event.handle, None, until)
                return self._ask(event.id, waiting, event.now_ms)
            case AccessWanted():
                return self._on_wanted(event)
            case Checked():
                return self._on_checked(event)
            case Unanswered():
                return self._refuse_all(event.handle, STALE)
            case Ticked():
                return self._expire(event.now_ms)

    # ---- internals

    def _on_viewed(self, event: Viewed) -> list[Action]:
        before, self.view = self.view, event.view
        if before is not None and _contradicts(before.final, event.view.final):
            self.contradicted = True
        if self.contradicted:
            refused = [Refuse(id, CONTRADICTED) for id in self.waiting]
            closed = [Close(id, CONTRADICTED) for id in self.sessions]
            self.waiting.clear()
            self.sessions.clear()
            return [*refused, *closed]
        actions = self._expire(event.now_ms)
        if before == event.view:
            return actions
        handles = dict.fromkeys(session.handle for session in self.sessions.values())
        return [*actions, *(Check(handle, event.view) for handle in handles)]

    def _on_wanted(self, event: AccessWanted) -> list[Action]:
        if event.handle is None:
            return [Serve(event.id)]
        if event.session is not None:
            session = self.sessions.get(event.session)
            if session is None or session.until_ms <= event.now_ms:
                return [Refuse(event.id, NO_SESSION)]
        return self._ask(event.id, _Waiting(event.handle, event.session), event.now_ms)

    def _ask(self, id: str, waiting: _Waiting, now_ms: int) -> list[Action]:
        if waiting.handle in self.revoked:
            return [Refuse(id, REVOKED)]
        problem = self._problem(now_ms)
        if problem is not None or self.view is None:
            return [Refuse(id, problem or STALE)]
        opens = waiting.opens_until_ms is not None
        if len(self.waiting) >= MAX_WAITING or (opens and self._is_full(waiting.handle)):
            return [Refuse(id, BUSY)]
        waiting.view = self.view
        self.waiting[id] = waiting
        return [Check(waiting.handle, self.view)]

    def _is_full(self, handle: bytes) -> bool:
        """Return True if no further session may open under a consent; accesses still may."""
        opening = [each.handle for each in self.waiting.values() if each.opens_until_ms is not None]
        handles = [*opening, *(each.handle for each in self.sessions.values())]
        return handles.count(handle) >= MAX_SESSIONS_OF_CONSENT or len(handles) >= MAX_SESSIONS

    def _on_checked(self, event: Checked) -> list[Action]:
        if event.revoked_at_best or event.revoked_at_final:
            self.revoked.add(event.handle)
            return self._refuse_all(event.handle, REVOKED)
        if event.view != self.view:
            return self._ask_again(event.handle)
        problem = self._problem(event.now_ms)
        if problem is not None:
            return self._refuse_all(event.handle, problem)
        if event.handle in self.revoked:
            return self._refuse_all(event.handle, REVOKED)
        actions: list[Action] = []
        for id, waiting in self._of(event.handle):
            del self.waiting[id]
            if waiting.opens_until_ms is not None:
                self.sessions[id] = _Session(waiting.handle, waiting.opens_until_ms)
            elif waiting.session is not None and waiting.session not in self.sessions:
                actions.append(Refuse(id, NO_SESSION))
                continue
            actions.append(Serve(id))
        return actions

    def _ask_again(self, handle: bytes) -> list[Action]:
        """An answer about replaced blocks: ask about the current ones, a few times.

        Many requests of one consent have many such answers; each counts only what it was about.
        """
        actions: list[Action] = []
        was_asked = False
        for id, waiting in self._of(handle):
            if waiting.view == self.view:
                continue
            waiting.view = self.view
            waiting.asked += 1
            if waiting.asked > MAX_ASKED:
                del self.waiting[id]
                actions.append(Refuse(id, UNSETTLED))
            else:
                was_asked = True
        has_session = any(session.handle == handle for session in self.sessions.values())
        if self.view is not None and (was_asked or has_session):
            actions.append(Check(handle, self.view))
        return actions

    def _refuse_all(self, handle: bytes, reason: str) -> list[Action]:
        """Refuse what waits for a consent, and close its sessions."""
        actions: list[Action] = []
        for id, _ in self._of(handle):
            del self.waiting[id]
            actions.append(Refuse(id, reason))
        for id in [id for id, session in self.sessions.items() if session.handle == handle]:
            del self.sessions[id]
            actions.append(Close(id, reason))
        return actions

    def _expire(self, now_ms: int) -> list[Action]:
        ended = [id for id, session in self.sessions.items() if session.until_ms <= now_ms]
        for id in ended:
            del self.sessions[id]
        return [Close(id, NO_SESSION) for id in ended]

    def _problem(self, now_ms: int) -> str | None:
        """Return why the view vouches for nothing, None if it does."""
        if self.contradicted:
            return CONTRADICTED
        is_recent = self.view is not None and now_ms - self.view.best.time_ms <= self.max_age_ms
        return None if is_recent else STALE

    def _of(self, handle: bytes) -> list[tuple[str, _Waiting]]:
        return [(id, each) for id, each in self.waiting.items() if each.handle == handle]


def _contradicts(before: Block, after: Block) -> bool:
    """Return True if a final block cannot follow another."""
    return after.number < before.number or (
        after.number == before.number and after.hash != before.hash
    )
