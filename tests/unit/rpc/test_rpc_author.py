"""author_*, transaction_v1_* and transactionWatch_v1_*: sending transactions."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.extrinsic import opaque
from btt_chain.rpc import transaction
from btt_chain.rpc.author import MAX_EXTRINSIC
from btt_chain.rpc.backend import NewBest
from btt_chain.rpc.transaction import watch_event
from btt_chain.txpool import Status, StatusEvent
from support.rpc_backend import ALICE, BOB, UNKNOWN_ACCOUNT, ModelBackend, transfer
from support.rpc_client import CallFailed, HttpClient, WsClient

WATCH = "author_submitAndWatchExtrinsic"
WATCH_V1 = "transactionWatch_v1_submitAndWatch"


def hx(raw: bytes) -> str:
    return "0x" + raw.hex()


def wire(account: bytes = ALICE, nonce: int = 0, tip: int = 0, *, good: bool = True) -> str:
    return hx(opaque(transfer(account, nonce, tip, good)))


async def refusal(client: HttpClient | WsClient, method: str, *params: object) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await client.call(method, *params)
    return caught.value


async def test_a_submission_answers_the_hash_of_the_whole_extrinsic(
    http: HttpClient, backend: ModelBackend
) -> None:
    raw = opaque(transfer())
    assert await http.call("author_submitExtrinsic", raw.hex()) == hx(blake2_256(raw))
    assert await http.call("author_pendingExtrinsics") == [hx(raw)]


async def test_what_waits_for_others_is_not_pending(http: HttpClient) -> None:
    await http.call("author_submitExtrinsic", wire(nonce=4))
    assert await http.call("author_pendingExtrinsics") == []


async def test_each_refusal_has_its_code_and_words(http: HttpClient, backend: ModelBackend) -> None:
    submit = "author_submitExtrinsic"
    for raw in ("", "0x", "0x0c0000", hx(opaque(transfer())) + "00", hx(opaque(bytes(1 << 20)))):
        problem = await refusal(http, submit, raw)
        assert problem.code == 1001
        assert problem.message.startswith("Extrinsic has invalid format: ")
    problem = await refusal(http, submit, wire(good=False))
    assert (problem.code, problem.message, problem.data) == (
        1010,
        "Invalid Transaction",
        "Transaction has a bad signature",
    )
    problem = await refusal(http, submit, wire(good=False))
    assert (problem.code, problem.message) == (1012, "Transaction is temporarily banned")
    assert "Transaction has a bad signature" in (problem.data or "")
    problem = await refusal(http, submit, wire(UNKNOWN_ACCOUNT))
    assert (problem.code, problem.data) == (1011, "CannotLookup")
    hash = await http.call(submit, wire(tip=9))
    problem = await refusal(http, submit, wire(tip=9))
    assert (problem.code, problem.message, problem.data) == (
        1013,
        "Transaction Already Imported",
        hash,
    )
    problem = await refusal(http, submit, wire(tip=1))
    assert (problem.code, problem.message) == (1014, "Priority is too low: (9 vs 1)")
    backend.chain.block(body=[transfer(tip=9)])
    problem = await refusal(http, submit, wire(tip=2))
    assert (problem.code, problem.data) == (1010, "Transaction is outdated")


async def test_a_watched_transaction_sends_its_statuses_as_words_and_objects(
    ws: WsClient, backend: ModelBackend
) -> None:
    inner = transfer()
    subscription = await ws.call(WATCH, hx(opaque(inner)))
    assert not ws.waiting
    first = await ws.notification()
    assert first["method"] == "author_extrinsicUpdate"
    assert first["params"] == {"subscription": subscription, "result": "ready"}
    backend.pool.pool.on_broadcast({blake2_256(opaque(inner)): ["peer"]})
    backend.pool._pass_on()
    assert await ws.result(subscription) == {"broadcast": ["peer"]}
    block = backend.chain.block(body=[inner])
    assert await ws.result(subscription) == {"inBlock": hx(block)}
    backend.chain.finalize(block)
    assert await ws.result(subscription) == {"finalized": hx(block)}
    assert await ws.call("author_unwatchExtrinsic", subscription) is False


async def test_a_future_transaction_becomes_ready_when_its_turn_comes(
    ws: WsClient, http: HttpClient
) -> None:
    subscription = await ws.call(WATCH, wire(nonce=1))
    assert await ws.result(subscription) == "future"
    await http.call("author_submitExtrinsic", wire(nonce=0))
    assert await ws.result(subscription) == "ready"


async def test_a_retracted_block_is_reported(ws: WsClient, backend: ModelBackend) -> None:
    base = backend.chain.best_hash
    subscription = await ws.call(WATCH, wire())
    assert await ws.result(subscription) == "ready"
    block = backend.chain.block(base, [transfer()])
    assert await ws.result(subscription) == {"inBlock": hx(block)}
    backend.chain.set_best(backend.chain.block(base, best=False))
    assert await ws.result(subscription) == {"retracted": hx(block)}


async def test_a_usurped_transaction_is_reported_with_its_successor(
    ws: WsClient, http: HttpClient
) -> None:
    subscription = await ws.call(WATCH, wire(tip=1))
    assert await ws.result(subscription) == "ready"
    by = await http.call("author_submitExtrinsic", wire(tip=2))
    assert await ws.result(subscription) == {"usurped": by}


async def test_a_refused_watch_is_an_error_and_no_subscription(ws: WsClient) -> None:
    problem = await refusal(ws, WATCH, wire(good=False))
    assert (problem.code, problem.data) == (1010, "Transaction has a bad signature")
    assert await ws.silence()


async def test_unwatching_ends_the_watch_and_leaves_the_transaction(
    ws: WsClient, backend: ModelBackend
) -> None:
    subscription = await ws.call(WATCH, wire())
    await ws.notification()
    assert await ws.call("author_unwatchExtrinsic", subscription) is True
    assert not any(backend.pool.watchers.values())
    backend.chain.block(body=[transfer()])
    assert await ws.silence()


async def test_transactions_are_removed_by_hash_or_by_bytes(http: HttpClient) -> None:
    first = await http.call("author_submitExtrinsic", wire(ALICE))
    second = await http.call("author_submitExtrinsic", wire(BOB))
    gone = await http.call("author_removeExtrinsic", [{"hash": first}, {"extrinsic": wire(BOB)}])
    assert sorted(gone) == sorted([first, second])
    assert await http.call("author_pendingExtrinsics") == []
    for wrong in ({}, {"hash": "0x00"}, {"other": 1}, "0x00", {"hash": first, "extrinsic": "0x"}):
        assert (await refusal(http, "author_removeExtrinsic", [wrong])).code == -32602


# ---- the new API


async def test_a_broadcast_reaches_the_pool_and_can_be_stopped_once(
    ws: WsClient, backend: ModelBackend
) -> None:
    id = await ws.call("transaction_v1_broadcast", wire())
    assert isinstance(id, str)
    assert list(backend.pool.ready()) == [opaque(transfer())]
    assert await ws.call("transaction_v1_stop", id) is None
    assert (await refusal(ws, "transaction_v1_stop", id)).code == -32602


async def test_an_invalid_broadcast_is_no_error_and_is_tried_again(
    ws: WsClient, backend: ModelBackend
) -> None:
    assert isinstance(await ws.call("transaction_v1_broadcast", "0x00ff"), str)
    backend.chain.block(body=[transfer(nonce=0)])
    retried = transfer(UNKNOWN_ACCOUNT)
    id = await ws.call("transaction_v1_broadcast", hx(opaque(retried)))
    assert isinstance(id, str)
    assert not backend.pool.ready()
    backend.chain.block()
    assert await ws.silence()


async def test_a_broadcast_keeps_no_bytes_that_it_will_not_send_again(
    ws: WsClient, backend: ModelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[transaction.Broadcast] = []
    real = transaction.Broadcast

    def remembered(extrinsic: bytes | None) -> transaction.Broadcast:
        made.append(real(extrinsic))
        return made[-1]

    monkeypatch.setattr(transaction, "Broadcast", remembered)
    oversized = hx(opaque(bytes(MAX_EXTRINSIC)))
    ids = [
        await ws.call("transaction_v1_broadcast", sent)
        for sent in (oversized, "0x00ff", wire(), wire(), hx(opaque(transfer(UNKNOWN_ACCOUNT))))
    ]
    assert all(ids)
    assert await ws.silence()
    kept = [broadcast.extrinsic for broadcast in made]
    assert kept == [None, None, None, None, opaque(transfer(UNKNOWN_ACCOUNT))]
    for _ in range(transaction.MAX_ATTEMPTS - 1):
        backend.chain.emit(NewBest(backend.chain.best_hash, (), ()))
    assert made[-1].extrinsic is None
    for id in ids:
        assert await ws.call("transaction_v1_stop", id) is None


async def test_broadcasts_are_limited_and_end_with_the_connection(
    ws: WsClient, backend: ModelBackend
) -> None:
    ids = [await ws.call("transaction_v1_broadcast", wire(nonce=i)) for i in range(17)]
    assert all(ids[:16])
    assert ids[16] is None
    await ws.call("transaction_v1_stop", ids[3])
    assert await ws.call("transaction_v1_broadcast", wire(nonce=17)) is not None


async def test_the_new_watch_reports_validity_block_and_finality(
    ws: WsClient, backend: ModelBackend
) -> None:
    base = backend.chain.best_hash
    subscription = await ws.call(WATCH_V1, wire(BOB))
    assert await ws.result(subscription) == {"event": "validated"}
    block = backend.chain.block(base, [transfer(), transfer(BOB)])
    place = {"hash": hx(block), "index": 1}
    included = {"event": "bestChainBlockIncluded", "block": place}
    assert await ws.result(subscription) == included
    backend.chain.finalize(block)
    assert await ws.result(subscription) == {"event": "finalized", "block": place}
    assert await ws.call("transactionWatch_v1_unwatch", subscription) is None


async def test_the_new_watch_reports_a_retraction_with_null(
    ws: WsClient, backend: ModelBackend
) -> None:
    base = backend.chain.best_hash
    subscription = await ws.call(WATCH_V1, wire())
    await ws.notification()
    backend.chain.block(base, [transfer()])
    await ws.notification()
    backend.chain.set_best(backend.chain.block(base, best=False))
    assert await ws.result(subscription) == {"event": "bestChainBlockIncluded", "block": None}


async def test_the_new_watch_of_an_invalid_transaction_is_an_event_after_the_id(
    ws: WsClient,
) -> None:
    for raw, words in ((wire(good=False), "bad signature"), ("0x0c", "3 bytes claimed")):
        subscription = await ws.call(WATCH_V1, raw)
        event = await ws.result(subscription)
        assert event["event"] == "invalid"
        assert words in event["error"]


async def test_the_new_watch_calls_a_usurped_transaction_invalid(
    ws: WsClient, http: HttpClient
) -> None:
    subscription = await ws.call(WATCH_V1, wire(tip=1))
    await ws.notification()
    by = await http.call("author_submitExtrinsic", wire(tip=2))
    assert await ws.result(subscription) == {
        "event": "invalid",
        "error": f"Extrinsic was usurped by {by}",
    }


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (Status.FUTURE, None),
        (Status.BROADCAST, None),
        (Status.DROPPED, {"event": "dropped", "error": "too many"}),
        (Status.INVALID, {"event": "invalid", "error": "too many"}),
        (
            Status.FINALITY_TIMEOUT,
            {"event": "dropped", "error": "The block took too long to become final"},
        ),
    ],
)
def test_each_status_has_its_event_or_none(status: Status, event: object) -> None:
    assert watch_event(StatusEvent(bytes(32), status, reason="too many")) == event
