"""Life cycle of a dispute: a pure state machine.

`advance` maps the state of a dispute, a trigger and the present time to the next state and the
effects that the pallet carries out, in order. Each phase but Ended ends by itself at `State.until`.
Times are in milliseconds in which the chain made blocks (`Deadlines.now`).

| phase | trigger | next phase | effects |
|---|---|---|---|
| none | opened | Answering | store |
| Answering | accepted | Ended | payer gets all, return deposit |
| Answering | contested | Selecting | store |
| Answering | no answer | Ended | payer gets all, return deposit, count loss |
| Answering | withdrawn | Ended | payer gets nothing, return deposit |
| Selecting, before a panel | withdrawn | Ended | payer gets nothing, return deposit |
| Selecting, Judging | withdrawn | Ended | payer gets nothing, forfeit deposit |
| Selecting | no beacon | Selecting | store |
| Selecting | no beacon, at the end of the time | Ended | payer gets nothing, return deposit |
| Selecting | panel selected | Judging | store, announce panel |
| Judging | decided | Ended | payer gets decision |
| Judging | absent, first round | Selecting | fine absent, store |
| Judging | absent, second round | Ended | fine absent, payer gets decision |

With "payer gets decision" the deposit goes to the merchant if the payer gets nothing and an arbiter
said so; the loss counts if the payer gets at least half.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, IntEnum
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.scale import path

ROUNDS: Final = 2
"""Number of panels: absent arbiters are replaced once."""


@path("pallet_payfi::DisputePhase")
class DisputePhase(IntEnum):
    """The phase of a dispute."""

    Answering = 0
    """The merchant may answer; silence is acceptance."""
    Selecting = 1
    """The merchant contests, and the beacon that selects arbiters is awaited."""
    Judging = 2
    """The selected arbiters answer."""
    Ended = 3
    """The dispute is decided, and cannot be opened again."""


class Trigger(Enum):
    """An event in the life of a dispute; the values are the names in the table above."""

    ACCEPTED = "accepted"
    CONTESTED = "contested"
    NO_ANSWER = "no answer"
    WITHDRAWN = "withdrawn"
    NO_BEACON = "no beacon"
    PANEL_SELECTED = "panel selected"
    DECIDED = "decided"
    ABSENT = "absent"


class Effect(Enum):
    """An action of the pallet; the values are the names in the table above."""

    STORE = "store"
    """Store the dispute, with a timer for the end of its phase."""
    ANNOUNCE_PANEL = "announce panel"
    PAYER_GETS_ALL = "payer gets all"
    PAYER_GETS_NOTHING = "payer gets nothing"
    PAYER_GETS_DECISION = "payer gets decision"
    RETURN_DEPOSIT = "return deposit"
    FORFEIT_DEPOSIT = "forfeit deposit"
    """Pay the payer's deposit to the merchant."""
    COUNT_LOSS = "count loss"
    FINE_ABSENT = "fine absent"


class Clocks(NamedTuple):
    """Lengths of the phases, in milliseconds."""

    answer: int
    """Time for the merchant's answer: 72 hours."""
    judgement: int
    """Time for both panels together: 7 days, of which the first has half."""
    beacon: int
    """Time from a request to the earliest selection."""


@dataclass(frozen=True, slots=True)
class State:
    """The part of a dispute that the life cycle depends on."""

    phase: DisputePhase
    until: int
    """Time at which the phase ends by itself."""
    judged_by: int = 0
    """End of the time for all panels; 0 before the merchant contests."""
    round: int = 0
    """Number of panels selected so far."""


class NoTransition(ValueError):
    """The trigger does not happen in this phase."""


Step = tuple[State, list[Effect]]


def opened(now: int, clocks: Clocks) -> State:
    """Return the first state of a dispute."""
    return State(DisputePhase.Answering, now + clocks.answer)


def advance(state: State, trigger: Trigger, now: int, clocks: Clocks) -> Step:
    """Return the state after `trigger`, and the effects. Raises NoTransition."""
    match state.phase, trigger:
        case DisputePhase.Answering, Trigger.ACCEPTED:
            return _ended(state, now, Effect.PAYER_GETS_ALL, Effect.RETURN_DEPOSIT)
        case DisputePhase.Answering, Trigger.NO_ANSWER:
            effects = (Effect.PAYER_GETS_ALL, Effect.RETURN_DEPOSIT, Effect.COUNT_LOSS)
            return _ended(state, now, *effects)
        case DisputePhase.Answering, Trigger.CONTESTED:
            judged_by = now + clocks.judgement
            return _selecting(replace(state, judged_by=judged_by), now, clocks), [Effect.STORE]
        case phase, Trigger.WITHDRAWN if phase is not DisputePhase.Ended:
            # Answers are public: a payer who is about to lose must not save the deposit.
            judged = phase is DisputePhase.Judging or state.round
            deposit = Effect.FORFEIT_DEPOSIT if judged else Effect.RETURN_DEPOSIT
            return _ended(state, now, Effect.PAYER_GETS_NOTHING, deposit)
        case DisputePhase.Selecting, Trigger.NO_BEACON if now >= state.judged_by:
            return _ended(state, now, Effect.PAYER_GETS_NOTHING, Effect.RETURN_DEPOSIT)
        case DisputePhase.Selecting, Trigger.NO_BEACON:
            return replace(state, until=now + 1), [Effect.STORE]  # the next slot
        case DisputePhase.Selecting, Trigger.PANEL_SELECTED:
            return _judging(state, now), [Effect.STORE, Effect.ANNOUNCE_PANEL]
        case DisputePhase.Judging, Trigger.DECIDED:
            return _ended(state, now, Effect.PAYER_GETS_DECISION)
        case DisputePhase.Judging, Trigger.ABSENT if state.round < ROUNDS:
            return _selecting(state, now, clocks), [Effect.FINE_ABSENT, Effect.STORE]
        case DisputePhase.Judging, Trigger.ABSENT:
            return _ended(state, now, Effect.FINE_ABSENT, Effect.PAYER_GETS_DECISION)
    raise NoTransition(f"{trigger.value}, in phase {state.phase.name}")


def _selecting(state: State, now: int, clocks: Clocks) -> State:
    return replace(state, phase=DisputePhase.Selecting, until=now + clocks.beacon)


def _judging(state: State, now: int) -> State:
    round_ = state.round + 1
    left = max(state.judged_by - now, 1)
    until = now + (left if round_ == ROUNDS else -(-left // ROUNDS))
    return replace(state, phase=DisputePhase.Judging, until=until, round=round_)


def _ended(state: State, now: int, *effects: Effect) -> Step:
    return replace(state, phase=DisputePhase.Ended, until=now), list(effects)
