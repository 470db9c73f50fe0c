"""The till says `final` and never `paid` before: a block of the best chain can be replaced."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.payments.till import Best, Final, Found, Stage, Till, after

EXPIRES = 1_000_000
FOUND = Found(17, 125, 2, 9, b"\1" * 32)


def till() -> Till:
    return Till(EXPIRES)


def test_a_payment_is_seen_and_then_final() -> None:
    seen = after(till(), Best(5, FOUND))
    assert (seen.stage, seen.is_over) == (Stage.SEEN, False)
    still = after(seen, Final(4, 10, None))
    assert still.stage is Stage.SEEN
    final = after(still, Final(5, 20, FOUND))
    assert (final.stage, final.found, final.is_over) == (Stage.FINAL, FOUND, True)


def test_a_replaced_block_takes_the_payment_back() -> None:
    seen = after(till(), Best(5, FOUND))
    back = after(seen, Best(5, None))
    assert (back.stage, back.found, back.was_reverted) == (Stage.WAITING, None, True)
    assert after(back, Best(6, FOUND)).stage is Stage.SEEN


def test_a_lower_block_of_a_node_that_was_started_again_takes_no_payment_back() -> None:
    seen = after(till(), Best(5, FOUND))
    assert after(seen, Best(3, None)) == seen
    assert after(after(seen, Best(6, FOUND)), Best(5, None)).stage is Stage.SEEN


def test_an_invoice_expires_by_the_time_of_final_blocks_only() -> None:
    assert after(till(), Best(9, None)).stage is Stage.WAITING
    assert after(till(), Final(9, EXPIRES - 1, None)).stage is Stage.WAITING
    assert after(till(), Final(9, EXPIRES, None)).stage is Stage.EXPIRED
    # A payment that was seen is waited for: it may be in a final block soon.
    assert after(after(till(), Best(9, FOUND)), Final(8, EXPIRES, None)).stage is Stage.SEEN


EVENTS = st.lists(
    st.builds(Best, st.integers(0, 20), st.none() | st.just(FOUND))
    | st.builds(Final, st.integers(0, 20), st.integers(0, 2 * EXPIRES), st.none() | st.just(FOUND)),
    max_size=20,
)


@given(EVENTS)
def test_it_is_final_only_after_a_final_block_with_the_payment(events: list[Best | Final]) -> None:
    state = till()
    for event in events:
        before, state = state, after(state, event)
        if state.stage is Stage.FINAL and before.stage is not Stage.FINAL:
            assert isinstance(event, Final)
            assert event.found is not None
        if before.is_over:
            assert state == before
        if isinstance(event, Best):
            assert state.stage in (Stage.WAITING, Stage.SEEN) or before.is_over
