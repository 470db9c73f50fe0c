"""The budget for answering: a bounded part of the time, and a fair share for each peer."""

from __future__ import annotations

from collections import Counter
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from p2p.limits import FEW_REQUESTS, MAX_REQUESTS, MAX_REQUESTS_TOTAL, may_serve
from p2p.network import BLOCKS, EXCHANGES, WARP, Asked
from p2p.protocols.budget import SAVED_MS, SHARE, Budget

_IDS = count()


def question(peer: str, protocol: str = BLOCKS) -> Asked:
    return Asked(peer, protocol, b"?", next(_IDS))


def serve(budget: Budget, now: float, until: float, cost: dict[str, float]) -> Counter[str]:
    """Answer what waits until a time, each peer asking again at once; count the answers."""
    served: Counter[str] = Counter()
    while now < until:
        due = budget.due(now)
        assert due is not None
        now = max(now, due)
        asked = budget.take(now)
        if asked is None:
            continue
        now += cost[asked.peer]
        budget.spent(asked.peer, cost[asked.peer])
        served[asked.peer] += 1
        budget.put(question(asked.peer), now)
    return served


def test_one_question_is_answered_at_once() -> None:
    budget = Budget(0)
    asked = question("a")
    assert budget.due(0) is None
    assert budget.put(asked, 0)
    assert budget.due(0) == 0
    assert budget.take(0) == asked
    assert budget.due(0) is None


def test_many_at_their_limits_get_no_more_than_the_share_in_the_long_run() -> None:
    budget = Budget(0)
    cost = {f"p{n}": 20.0 for n in range(50)}
    for peer in cost:
        for _ in range(MAX_REQUESTS):
            assert budget.put(question(peer), 0)
    served = serve(budget, 0, 60_000, cost)
    spent = 20 * served.total()
    assert 0.9 * SHARE * 60_000 < spent <= SHARE * 60_000 + SAVED_MS + 20
    assert max(served.values()) - min(served.values()) <= 1


def test_a_peer_with_costly_requests_is_answered_more_rarely_not_the_others() -> None:
    budget = Budget(0)
    cost = {"greedy": 400.0, "a": 10.0, "b": 10.0}
    for peer in cost:
        for _ in range(4):
            budget.put(question(peer), 0)
    served = serve(budget, 0, 60_000, cost)
    assert served["a"] > 20 * served["greedy"]
    shares = [served[peer] * cost[peer] for peer in cost]
    assert max(shares) - min(shares) <= 400


def test_a_newcomer_does_not_wait_behind_what_a_crowd_has_piled_up() -> None:
    budget = Budget(0)
    cost = {f"p{n}": 30.0 for n in range(20)}
    for peer in cost:
        for _ in range(MAX_REQUESTS):
            budget.put(question(peer), 0)
    serve(budget, 0, 9_000, cost)
    budget.put(question("late"), 9_000)
    now, before = 9_000.0, 0
    while True:
        now = max(now, budget.due(now) or now)
        asked = budget.take(now)
        assert asked is not None
        if asked.peer == "late":
            break
        budget.spent(asked.peer, 30)
        before += 1
        now += 30
    assert before <= len(cost)


def test_a_pause_is_no_credit_against_those_who_asked_meanwhile() -> None:
    budget = Budget(0)
    cost = {"idle": 10.0, "busy": 10.0}
    budget.put(question("idle"), 0)
    budget.take(0)
    budget.spent("idle", 10)
    budget.put(question("busy"), 0)
    serve(budget, 0, 60_000, cost)
    for _ in range(8):
        budget.put(question("idle"), 60_000)
    served = serve(budget, 60_000, 62_000, cost)
    assert abs(served["idle"] - served["busy"]) <= 2


def test_a_peer_with_too_many_questions_here_is_refused_and_only_it() -> None:
    budget = Budget(0)
    assert all(budget.put(question("a"), 0) for _ in range(MAX_REQUESTS))
    assert not budget.put(question("a"), 0)
    assert budget.put(question("b"), 0)


def test_a_question_whose_asker_waits_no_more_is_not_answered() -> None:
    budget = Budget(0)
    budget.put(question("a"), 0)
    budget.put(question("b", WARP), 0)
    later = EXCHANGES[BLOCKS].timeout_ms
    found = budget.take(later)
    assert found is not None
    assert found.peer == "b"
    assert budget.take(later) is None
    assert budget.waiting == 0


def test_a_peer_that_left_is_not_answered() -> None:
    budget = Budget(0)
    budget.put(question("a"), 0)
    budget.gone("a")
    assert budget.due(0) is None
    budget.spent("a", 5)
    assert budget.take(0) is None


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 300), st.integers(0, 400)), max_size=60
    )
)
def test_what_was_spent_never_passes_the_share_by_more_than_one_answer(
    steps: list[tuple[str, int, int]],
) -> None:
    budget, now, spent, most = Budget(0), 0.0, 0.0, 0.0
    for peer, wait, cost in steps:
        now += wait
        budget.put(question(peer), now)
        asked = budget.take(now)
        if asked is not None:
            budget.spent(asked.peer, cost)
            spent, most = spent + cost, max(most, cost)
            now += cost
        assert spent <= SAVED_MS + SHARE * now + most


def test_a_few_that_ask_much_leave_places_for_all_others() -> None:
    assert may_serve(0, MAX_REQUESTS_TOTAL + 50)
    assert may_serve(FEW_REQUESTS - 1, MAX_REQUESTS_TOTAL)
    assert not may_serve(FEW_REQUESTS, MAX_REQUESTS_TOTAL)
    assert may_serve(MAX_REQUESTS - 1, MAX_REQUESTS_TOTAL - 1)
    assert not may_serve(MAX_REQUESTS, 0)
