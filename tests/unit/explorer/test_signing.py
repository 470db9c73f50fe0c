"""Signing in the browser, on the server's side: what is prepared, and what is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from btt_chain.client.errors import Disconnected
from btt_chain.client.jsonrpc import Json
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.explorer.signing.routes import MAX_OF_CALLER
from btt_chain.primitives import ss58
from btt_chain.primitives.extrinsic import signing_payload
from btt_chain.scale import u128
from btt_chain.web.access import REFUSED_HOST
from btt_chain.web.bodies import Bodies
from btt_chain.web.proxies import HEADER, Proxies
from support.chain import ALICE, BOB, CHARLIE, DevChain, address
from support.explorer import ChainConnection, index_chain, pages_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

Client = TestClient[web.Request, web.Application]
Found = dict[str, object]

ALICE_ADDRESS, BOB_ADDRESS, CHARLIE_ADDRESS = (
    ss58.encode(pair.account_id) for pair in (ALICE, BOB, CHARLIE)
)
PAYMENT = {"action": "transfer", "dest": BOB_ADDRESS, "value": "1.5", "account": ALICE_ADDRESS}


@pytest.fixture(scope="module")
def chain() -> DevChain:
    made = DevChain(shared=True)
    pay = made.call("Balances", "transfer_keep_alive", dest=address(BOB), value=u128(10**18))
    made.run(ALICE, pay)
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    tmp_path_factory: pytest.TempPathFactory, chain: DevChain
) -> AsyncIterator[Client]:
    async with served(chain, tmp_path_factory.mktemp("signing"), "Development") as client:
        yield client


@asynccontextmanager
async def served(
    chain: DevChain, folder: Path, kind: str, *, is_public: bool = False
) -> AsyncIterator[Client]:
    """Serve the pages of a chain of a kind, without a limit of requests."""
    connection = ChainConnection(chain, kind=kind)
    await index_chain(connection, folder / "index.db")
    async with pages_of(connection, folder / "index.db", burst=10_000, is_public=is_public) as (
        client,
        _,
    ):
        yield client


def origin(client: Client) -> str:
    return str(client.make_url("/")).rstrip("/")


async def post(client: Client, path: str, body: object, **headers: str) -> ClientResponse:
    own = {"Origin": origin(client), "Accept": "application/json", **headers}
    return await client.post(path, json=body, headers=own)


async def prepare(client: Client, given: Mapping[str, str] = PAYMENT) -> Found:
    answer = await post(client, "/tx/prepare", given)
    found: Found = await answer.json()
    assert answer.status == 200, found
    return found


async def refusal(answer: ClientResponse, status: int = 400) -> str:
    found = await answer.json()
    assert answer.status == status, found
    return str(found["error"])


def payload_of(offer: Found) -> dict[str, object]:
    payload = offer["payload"]
    assert isinstance(payload, dict)
    return payload


def message_of(chain: DevChain, offer: Found, *, with_digest: bool = True) -> bytes:
    """Return the bytes that a wallet signs, made of the payload's JSON as a wallet does."""
    payload = payload_of(offer)

    def raw(name: str) -> bytes:
        return bytes.fromhex(str(payload[name])[2:])

    def word(name: str) -> bytes:
        return int(str(payload[name]), 16).to_bytes(4, "little")

    nonce = int(str(payload["nonce"]), 16)
    assert nonce < 64
    mode = b"\1" if with_digest else b"\0"
    carried = raw("era") + bytes((nonce << 2,)) + b"\0" + mode
    along = word("specVersion") + word("transactionVersion")
    along += raw("genesisHash") + raw("blockHash")
    along += b"\1" + raw("metadataHash") if with_digest else b"\0"
    del chain
    return signing_payload(raw("method"), carried, along)


def proof(pair: KeyPair, message: bytes) -> str:
    """Return a signature as wallets do, with the number of its scheme in front."""
    return "0x" + (bytes((pair.scheme.value,)) + pair.sign(message)).hex()


async def submit(client: Client, offer: Found, signature: str, **more: object) -> ClientResponse:
    body = {"payload": offer["payload"], "seal": offer["seal"], "signature": signature, **more}
    return await post(client, "/tx/submit", body)


async def course(client: Client, answer: ClientResponse) -> list[Found]:
    found = await answer.json()
    assert answer.status == 200, found
    stream = await client.get(f"/tx/status/{found['hash']}")
    lines = (await stream.text()).split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


def free(chain: DevChain, pair: KeyPair) -> int:
    return int(chain.account(pair).data.free)


# ---- what is prepared and sent


async def test_a_prepared_payment_is_signed_sent_and_followed(
    client: Client, chain: DevChain
) -> None:
    before = free(chain, BOB)
    offer = await prepare(client)
    assert offer["call"] == "Balances.transfer_keep_alive"
    assert offer["sentence"] == f"Pay 1.5 BTT to {BOB_ADDRESS}."
    assert int(str(offer["fee"])) > 0
    assert offer["warnings"] == []
    answer = await submit(client, offer, proof(ALICE, message_of(chain, offer)))
    states = await course(client, answer)
    assert [state["state"] for state in states] == ["sent", "block", "final"]
    assert states[-1]["reason"] is None
    assert free(chain, BOB) == before + 15 * 10**17


async def test_a_wallet_that_knows_no_digest_of_the_metadata_signs_without(
    client: Client, chain: DevChain
) -> None:
    offer = await prepare(client)
    message = message_of(chain, offer, with_digest=False)
    states = await course(client, await submit(client, offer, proof(ALICE, message)))
    assert states[-1]["state"] == "final"


@pytest.mark.parametrize("scheme", [Scheme.ED25519, Scheme.ECDSA])
async def test_each_scheme_of_signatures_is_taken(
    client: Client, chain: DevChain, scheme: Scheme
) -> None:
    payer = KeyPair.from_uri("//Payer", scheme)
    to = ss58.encode(payer.account_id)
    rich = await prepare(client, {**PAYMENT, "dest": to, "value": "5"})
    await course(client, await submit(client, rich, proof(ALICE, message_of(chain, rich))))
    offer = await prepare(client, {**PAYMENT, "account": to, "value": "1"})
    answer = await submit(client, offer, proof(payer, message_of(chain, offer)))
    assert (await course(client, answer))[-1]["state"] == "final"


async def test_what_a_call_failed_of_is_reported(client: Client, chain: DevChain) -> None:
    offer = await prepare(client, {**PAYMENT, "value": "999999999999"})
    answer = await submit(client, offer, proof(ALICE, message_of(chain, offer)))
    assert "FundsUnavailable" in str((await course(client, answer))[-1]["reason"])


async def test_an_account_without_money_is_warned_and_refused_by_the_chain(
    client: Client, chain: DevChain
) -> None:
    poor = KeyPair.from_uri("//Poor//1")
    offer = await prepare(client, {**PAYMENT, "account": ss58.encode(poor.account_id)})
    assert offer["warnings"] == ["The account has not enough free money for the fee."]
    answer = await submit(client, offer, proof(poor, message_of(chain, offer)))
    assert "the chain refuses it" in await refusal(answer)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"action": "vote", "referendum": "3", "side": "aye", "value": "20 BTT"},
         "Vote aye on referendum 3 with 20 BTT."),
        ({"action": "vote", "referendum": "3", "side": "nay", "value": "0.5"},
         "Vote nay on referendum 3 with 0.5 BTT."),
        ({"action": "vote", "referendum": "70000", "side": "abstain", "value": "12345"},
         "Abstain on referendum 70000 with 12\u202f345 BTT."),
        ({"action": "delegate", "track": "1", "to": "Bob", "value": "7"},
         f"Delegate votes with 7 BTT in track 1 to {BOB_ADDRESS}."),
        ({"action": "undelegate", "track": "1"},
         "End the delegation of votes in track 1."),
        ({"action": "stake", "amount": "100", "tier": "2"}, "Stake 100 BTT in tier 2."),
        ({"action": "claim", "id": "4"}, "Claim the reward of stake 4."),
        ({"action": "unstake", "id": "4"}, "Close stake 4."),
        ({"action": "order", "asset": "0", "side": "buy", "units": "10", "price": "2.5"},
         "Buy 10 units of asset 0 for at most 2.5 BTT each."),
        ({"action": "order", "asset": "9", "side": "sell", "units": "1000", "price": "5planck"},
         "Sell 1000 units of asset 9 for at least 5 planck each."),
        ({"action": "cancel", "id": "17"}, "Cancel order 17."),
        ({"action": "identity", "display": "一号医院", "web": "https://one.example"},
         "Set the identity: display: 一号医院; web: https://one.example."),
    ],
)  # fmt: skip
async def test_each_action_is_said_in_a_sentence(
    client: Client, given: dict[str, str], sentence: str
) -> None:
    offer = await prepare(client, {**given, "account": ALICE_ADDRESS})
    assert offer["sentence"] == sentence


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"value": "much"}, "value: "),
        ({"value": "-1"}, "value: "),
        ({"value": ""}, "value: nothing is given"),
        ({"value": "1" * 60}, "value: "),
        ({"dest": "5Grw"}, "dest: "),
        ({"dest": "1" * 3_000}, "dest: too long"),
        ({"account": "carol"}, "is not an address"),
        ({"action": "sudo"}, "not offered"),
        ({"action": "vote", "referendum": "1.5", "side": "aye"}, "is not a whole number"),
        ({"action": "vote", "referendum": str(2**40), "side": "aye"}, "does not fit"),
        ({"action": "vote", "referendum": "1", "side": "yes"}, "one of aye, nay, abstain"),
        ({"action": "identity", "display": "x" * 33}, "at most 32 bytes"),
        ({"action": "identity", "display": "a\u202eb"}, "without a visible form"),
        ({"action": "pay", "request": "hello"}, "is not a payment request"),
        ({"action": "pay", "request": "x" * 3_000}, "too long"),
    ],
)
async def test_fields_that_make_no_call_are_refused_with_the_reason(
    client: Client, changed: dict[str, str], words: str
) -> None:
    answer = await post(client, "/tx/prepare", {**PAYMENT, **changed})
    assert words in await refusal(answer)


async def test_the_course_of_an_unknown_transaction_is_no_page(client: Client) -> None:
    answer = await client.get("/tx/status/0x" + "11" * 32, headers={"Accept": "application/json"})
    assert "not sent here" in await refusal(answer, 404)


class Forgetful(ChainConnection):
    """A node whose pool takes each transaction, and reports given events of it."""

    events: tuple[Json, ...] = ()

    async def _sent(self, wire: bytes) -> AsyncIterator[Json]:
        del wire
        for event in self.events:
            yield event


@pytest.mark.parametrize(
    ("events", "states"),
    [
        (({"event": "dropped", "error": "the pool is full"},), [("invalid", "the pool is full")]),
        (({"event": "validated"}, {"event": "invalid", "error": "stale"}),
         [("sent", None), ("invalid", "stale")]),
        (({"event": "validated"}, {"event": "bestChainBlockIncluded", "block": None}),
         [("sent", None), ("lost", "the node reports no more")]),
        (({"event": "finalized", "block": {}},), [("lost", "the node's answer has no 'hash'")]),
        (("nonsense",), [("lost", "the node reports no more")]),
    ],
)  # fmt: skip
async def test_each_end_of_a_transaction_is_reported(
    tmp_path: Path, chain: DevChain, events: tuple[Json, ...],
    states: list[tuple[str, str | None]],
) -> None:  # fmt: skip
    connection = Forgetful(chain, kind="Development")
    connection.events = events
    await index_chain(connection, tmp_path / "index.db")
    async with pages_of(connection, tmp_path / "index.db") as (client, _):
        offer = await prepare(client)
        found = await course(client, await submit(client, offer, "", signAs="Alice"))
    assert [each["state"] for each in found] == [state for state, _ in states]
    assert [each.get("reason") for each in found] == [reason for _, reason in states]


class Breaking(Forgetful):
    """A node that puts the transaction into a final block, and goes away before it reports that."""

    async def _sent(self, wire: bytes) -> AsyncIterator[Json]:
        yield {"event": "validated"}
        self.chain.pool.submit(wire)
        self.chain.seal()
        raise Disconnected("the node closed the connection")


async def test_what_a_node_included_before_it_went_away_is_read_from_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("btt_chain.explorer.signing.driver.LOOK_SECONDS", 0.01)
    chain = DevChain()
    connection = Breaking(chain, kind="Development")
    await index_chain(connection, tmp_path / "index.db")
    async with pages_of(connection, tmp_path / "index.db") as (client, _):
        offer = await prepare(client)
        sent = await submit(client, offer, "", signAs="Alice")
        await index_chain(connection, tmp_path / "index.db")
        found = await course(client, sent)
    assert [each["state"] for each in found] == ["sent", "final"]
    assert found[-1]["place"] == "1-1"
    assert found[-1]["reason"] is None


class Waiting(ChainConnection):
    """A node whose pool takes each transaction, and puts none into a block."""

    async def _sent(self, wire: bytes) -> AsyncIterator[Json]:
        del wire
        yield {"event": "validated"}
        await asyncio.Event().wait()


async def test_status_streams_are_few_in_all_and_for_one_address(
    tmp_path: Path, chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one limit in all, one address would have had every visitor's status refused."""
    connection = Waiting(chain, kind="Development")
    await index_chain(connection, tmp_path / "index.db")
    monkeypatch.setattr("btt_chain.explorer.signing.driver.PING_SECONDS", 0.5)
    proxies = Proxies(["127.0.0.1"])
    async with pages_of(connection, tmp_path / "index.db", burst=10_000, proxies=proxies) as (
        client,
        server,
    ):
        places = server.signing.listeners
        sent = await submit(client, await prepare(client), "", signAs="Alice")
        path = f"/tx/status/{(await sent.json())['hash']}"

        async def listen(address: str) -> ClientResponse:
            return await client.get(path, headers={HEADER: address})

        open_streams = [await listen("203.0.113.9") for _ in range(MAX_OF_CALLER)]
        assert {each.status for each in open_streams} == {200}
        refused = await listen("203.0.113.9")
        assert (refused.status, refused.headers["Retry-After"]) == (429, "30")
        assert await refused.text() == (
            "16 streams of this address are open, its maximum: "
            "close a page, or try again in 30 seconds\n"
        )
        with ExitStack() as taken:
            while not places.is_full:
                taken.enter_context(places.place(f"198.51.100.{places.total}"))
            refused = await listen("203.0.113.10")
            assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
            assert "all 128 streams are in use: try again" in await refused.text()
        assert places.total == MAX_OF_CALLER
        # Listeners that leave are found without a new state, and give their places back.
        for each in open_streams:
            each.close()
        async with asyncio.timeout(30):
            while places.total:
                await asyncio.sleep(0.05)


async def test_a_transaction_whose_nonce_was_used_meanwhile_is_refused(
    client: Client, chain: DevChain
) -> None:
    first, second = await prepare(client), await prepare(client, {**PAYMENT, "value": "2"})
    await course(client, await submit(client, first, proof(ALICE, message_of(chain, first))))
    answer = await submit(client, second, proof(ALICE, message_of(chain, second)))
    assert "the chain refuses it" in await refusal(answer)


# ---- attacks


async def test_a_payload_that_was_changed_after_it_was_prepared_is_refused(
    client: Client, chain: DevChain
) -> None:
    offer = await prepare(client)
    other = payload_of(await prepare(client, {**PAYMENT, "dest": CHARLIE_ADDRESS}))
    for name, value in {
        "method": other["method"], "address": CHARLIE_ADDRESS, "genesisHash": "0x" + "11" * 32,
        "nonce": "0x00000001", "tip": "0x01", "more": 1,
    }.items():  # fmt: skip
        swapped = {**offer, "payload": {**payload_of(offer), name: value}}
        answer = await submit(client, swapped, proof(ALICE, message_of(chain, offer)))
        assert "not prepared here" in await refusal(answer), name


async def test_a_signature_of_another_account_or_of_another_payload_is_refused(
    client: Client, chain: DevChain
) -> None:
    offer, other = await prepare(client), await prepare(client, {**PAYMENT, "value": "9"})
    for signature in (
        proof(BOB, message_of(chain, offer)),
        proof(ALICE, message_of(chain, other)),
        "0x01" + "00" * 64, "0x", "zz", "0x" + "00" * 80,
    ):  # fmt: skip
        said = await refusal(await submit(client, offer, signature))
        assert "did not sign the prepared payload" in said or "signature" in said, signature


async def test_a_payload_is_sent_once(client: Client, chain: DevChain) -> None:
    offer = await prepare(client)
    signature = proof(ALICE, message_of(chain, offer))
    await course(client, await submit(client, offer, signature))
    assert await refusal(await submit(client, offer, signature)) == "it was sent already"


async def test_a_payload_of_another_session_is_refused(client: Client, chain: DevChain) -> None:
    offer = await prepare(client)
    client.session.cookie_jar.clear()
    answer = await submit(client, offer, proof(ALICE, message_of(chain, offer)))
    assert "another session" in await refusal(answer)


async def test_requests_of_other_sites_are_refused(client: Client) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": origin(client)},
        {"Origin": origin(client) + "0"},
    ):
        answer = await post(client, "/tx/prepare", PAYMENT, **headers)
        assert "another site" in await refusal(answer, 403), headers


async def test_a_name_that_another_site_bound_to_this_machine_is_refused(client: Client) -> None:
    """DNS rebinding: the browser takes the other site for the origin of this server."""
    headers = {"Host": "evil.example:80", "Origin": "http://evil.example:80"}
    for answer in (
        await post(client, "/tx/prepare", PAYMENT, **headers),
        await client.get("/", headers=headers),
        await client.get("/index.json", headers=headers),
    ):
        assert answer.status == 403
        assert REFUSED_HOST in await answer.text()


async def test_pages_are_answered_under_further_names(tmp_path: Path, chain: DevChain) -> None:
    connection = ChainConnection(chain)
    await index_chain(connection, tmp_path / "index.db")
    for hosts, is_public, status in (
        (["Explorer.example"], False, 200), ([], False, 403), ([], True, 200),
    ):  # fmt: skip
        async with pages_of(
            connection, tmp_path / "index.db", hosts=hosts, is_public=is_public
        ) as (client, _):
            answer = await client.get("/", headers={"Host": "explorer.example:443"})
            assert answer.status == status


async def test_a_body_is_bounded(client: Client) -> None:
    answer = await post(client, "/tx/prepare", {**PAYMENT, "value": "1" * 70_000})
    assert answer.status == 413


async def test_a_body_that_is_no_request_is_refused(client: Client) -> None:
    bodies: list[object] = [
        [], "x", {"payload": []}, {"payload": "{"}, {"payload": {}, "seal": "1.x"},
    ]  # fmt: skip
    for body in bodies:
        assert await refusal(await post(client, "/tx/submit", body))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json; charset=nonsense", b"{"),
        ("application/json", b"[" * 60_000),
        ("application/json", b'{"payload":' + b'{"a":' * 10_000),
        ("application/json", b'{"payload":{},"seal":"9.\\ud800"}'),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nfoo"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"payload=b"),
        ("application/x-www-form-urlencoded", b"payload=\xff"),
        ("application/x-www-form-urlencoded", b"a=b&" * 10_000),
    ],
)
async def test_no_body_of_a_request_is_reported_as_a_fault_of_the_server(
    client: Client, caplog: pytest.LogCaptureFixture, kind: str, body: bytes
) -> None:
    """Faults of the server are logged: no caller may fill the log."""
    headers = {"Origin": origin(client), "Accept": "application/json", "Content-Type": kind}
    assert await refusal(await client.post("/tx/submit", data=body, headers=headers))
    assert not caplog.records


async def test_names_of_hosts_that_cannot_be_read_are_no_fault_of_the_server(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get("/", headers={"Host": "["})
    assert answer.status == 403
    for headers in ({"Origin": "http://["}, {"Host": "[", "Sec-Fetch-Site": "same-origin"}):
        assert (await post(client, "/tx/prepare", PAYMENT, **headers)).status == 403
    assert not caplog.records


async def test_bodies_count_in_the_limit_of_all_bodies(tmp_path: Path, chain: DevChain) -> None:
    connection = ChainConnection(chain, kind="Development")
    await index_chain(connection, tmp_path / "index.db")
    async with pages_of(connection, tmp_path / "index.db") as (client, server):
        server.bounds.bodies = Bodies(100)
        for path in ("/tx/prepare", "/api/scan/blocks"):
            answer = await post(client, path, {"a": "b" * 200})
            assert answer.status == 503


# ---- development keys


async def test_a_development_key_signs_on_a_development_chain(
    client: Client, chain: DevChain
) -> None:
    before = free(chain, BOB)
    offer = await prepare(client)
    assert offer["signAs"] == "Alice"
    states = await course(client, await submit(client, offer, "", signAs="Alice"))
    assert states[-1]["state"] == "final"
    assert free(chain, BOB) == before + 15 * 10**17


async def test_a_development_key_signs_for_its_own_account_only(client: Client) -> None:
    offer = await prepare(client)
    assert "another account" in await refusal(await submit(client, offer, "", signAs="Bob"))
    answer = await submit(client, offer, "", signAs="Alice//stash")
    assert "development chains only" in await refusal(answer, 403)


@pytest.mark.parametrize("kind", ["Live", "Testnet", ""])
async def test_development_keys_sign_on_no_other_kind_of_chain(
    tmp_path: Path, chain: DevChain, kind: str
) -> None:
    async with served(chain, tmp_path, kind) as client:
        assert "<option value=" not in await (await client.get(f"/account/{BOB_ADDRESS}")).text()
        offer = await prepare(client)
        assert offer["signAs"] is None
        answer = await submit(client, offer, "", signAs="Alice")
        assert "development chains only" in await refusal(answer, 403)


async def test_public_pages_sign_behind_tls_only_and_never_with_development_keys(
    tmp_path: Path, chain: DevChain
) -> None:
    async with served(chain, tmp_path, "Development", is_public=True) as client:
        answer = await post(client, "/tx/prepare", PAYMENT)
        assert "TLS" in await refusal(answer, 403)
        assert "sign.js" not in await (await client.get(f"/account/{BOB_ADDRESS}")).text()
        tls = {"X-Forwarded-Proto": "https"}
        answer = await post(client, "/tx/prepare", PAYMENT, **tls)
        offer = await answer.json()
        assert offer["signAs"] is None
        body = {"payload": offer["payload"], "seal": offer["seal"], "signAs": "Alice"}
        answer = await post(client, "/tx/submit", body, **tls)
        assert "development chains only" in await refusal(answer, 403)


async def test_a_development_key_signs_on_a_devnet(tmp_path: Path, chain: DevChain) -> None:
    async with served(chain, tmp_path, "Local") as client:
        offer = await prepare(client)
        states = await course(client, await submit(client, offer, "", signAs="Alice"))
        assert states[-1]["state"] == "final"


# ---- without a script


async def test_a_form_without_a_script_gets_a_command_and_a_code_for_a_device(
    client: Client, chain: DevChain
) -> None:
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    answer = await client.post("/tx/prepare", data=PAYMENT, headers=headers)
    text = await answer.text()
    assert answer.status == 200
    assert f"btt-chain tx transfer {BOB_ADDRESS} 1.5BTT --from key.txt" in text
    assert f"Pay 1.5 BTT to {BOB_ADDRESS}." in text
    assert 'src="data:image/svg+xml' in text
    assert "form-action" in answer.headers["Content-Security-Policy"]
    del chain


async def test_wallets_get_the_metadata_in_their_form(client: Client, chain: DevChain) -> None:
    found = await (await client.get("/tx/metadata.json")).json()
    assert found["genesisHash"] == "0x" + chain.client.genesis_hash.hex()
    assert (found["specVersion"], found["tokenDecimals"], found["tokenSymbol"]) == (100, 18, "BTT")
    assert found["ss58Format"] == 42
