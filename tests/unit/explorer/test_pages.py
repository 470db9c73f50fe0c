"""The pages: complete without scripts, small, safe with what users wrote, in both languages."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient
from click.testing import CliRunner
from yarl import URL

from btt_chain.explorer.economy import LINKS, WORDS
from btt_chain.explorer.export import cell
from btt_chain.explorer.index.queries import Index
from btt_chain.explorer.language import TABLES, language
from btt_chain.explorer.live import MAILBOX, MAX_LISTENERS, Hub
from btt_chain.explorer.pages.audit import MEANINGS
from btt_chain.explorer.pages.governance import CHAMBERS, STAGES
from btt_chain.explorer.pages.jobs import STATES
from btt_chain.explorer.pages.providers import MONEY
from btt_chain.explorer.pages.staking import BENEFITS
from btt_chain.explorer.pages.transactions import name_of
from btt_chain.explorer.pages.upgrades import DECISIONS
from btt_chain.explorer.pages.validators import OFFENCES
from btt_chain.explorer.render import HERE, STATIC, Renderer, static, words
from btt_chain.explorer.sentences import OTHERS, SENTENCES
from btt_chain.explorer.server import LIMITS, TITLES, Server
from btt_chain.explorer.signing.driver import POOR
from btt_chain.payments.doubts import PROTECTED
from btt_chain.present.visible import of_bytes, shown
from btt_chain.primitives import ss58
from btt_chain.scale import u128
from cli.program import program
from runtime.pallets.asset_registry.types import AssetKind
from runtime.pallets.facilities.types import Kind
from runtime.pallets.providers.types import ProviderKind
from support.chain import ALICE, BOB, DevChain, address
from support.explorer import ChainConnection, index_chain, pages_of
from support.record_words import words_of_records

Client = TestClient[web.Request, web.Application]

HOSTILE = "<script>alert(1)</script>\u202ejavascript:\u200b" + "e" + "\u0301" * 40
ALICE_ADDRESS = ss58.encode(ALICE.account_id)
BUDGET = 20 * 1_024
SCRIPT = 6 * 1_024
PATHS = [
    "/", "/blocks", "/block/2", "/block/0", "/txs", "/txs?all=1",
    "/txs?call=Balances.transfer_keep_alive", "/tx/1-1", "/tx/2-1", "/tx/3-1", "/accounts",
    f"/account/{ALICE_ADDRESS}", "/account/0x" + "77" * 32, "/validators", "/calls",
    "/pallet/Balances", "/pallet/System", "/storage/System.Number",
    f"/storage/System.Account?key={ALICE_ADDRESS}", "/events/Balances.Transfer", "/audit",
    "/search?q=transfer", "/search?q=zzz", "/export",
]  # fmt: skip


@pytest.fixture(scope="module")
def chain() -> DevChain:
    made = DevChain(shared=True)
    pay = made.call("Balances", "transfer_keep_alive", dest=address(BOB), value=u128(5 * 10**18))
    made.run(ALICE, pay, tip=10**15)
    made.run(ALICE, made.call("System", "remark_with_event", remark=HOSTILE.encode()))
    made.run(BOB, made.call("Balances", "burn", value=u128(10**30), keep_alive=True))
    return made


@pytest.fixture(scope="module")
def connection(chain: DevChain) -> ChainConnection:
    return ChainConnection(chain, kind="Development")


@pytest.fixture(scope="module")
def index_file(tmp_path_factory: pytest.TempPathFactory, connection: ChainConnection) -> Path:
    file = tmp_path_factory.mktemp("pages") / "index.db"
    asyncio.run(index_chain(connection, file))
    return file


@pytest_asyncio.fixture
async def served(
    index_file: Path, connection: ChainConnection
) -> AsyncIterator[tuple[Client, Server]]:
    async with pages_of(connection, index_file) as (client, server):
        yield client, server


async def page(client: Client, path: str, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status == 200, path
    return await answer.text()


async def test_every_page_is_there_in_both_languages_within_its_budget(
    served: tuple[Client, Server],
) -> None:
    client, _ = served
    files = sum(len(gzip.compress(static(name)[0])) for name in STATIC)
    scripts = [gzip.compress(static(name)[0]) for name in STATIC if name.endswith(".js")]
    assert sum(map(len, scripts)) <= SCRIPT
    for path in PATHS:
        english = await page(client, path)
        chinese = await page(client, path, **{"Accept-Language": "zh-CN,zh;q=0.9"})
        assert '<html lang="en">' in english
        assert '<html lang="zh">' in chinese
        assert len(gzip.compress(english.encode())) + files <= BUDGET, path
        assert "index complete to #3" in english
        assert "索引完整至 #3" in chinese


async def test_the_page_of_a_transaction_begins_with_its_sentence(
    served: tuple[Client, Server],
) -> None:
    client, _ = served
    paid = await page(client, "/tx/1-1")
    assert re.search(r'class="lead">Alice paid Bob 5 BTT; fee 0\.\d+ BTT<', paid)
    assert "of it a tip" in paid
    failed = await page(client, "/tx/3-1")
    assert "Bob burned 1_000_000_000_000 BTT, which failed: Token.FundsUnavailable; fee" in failed
    assert "the account has too little free money" in failed
    chinese = await page(client, "/tx/1-1", **{"Accept-Language": "zh"})
    assert "Alice 向 Bob 支付了 5 BTT；手续费" in chinese
    found = json.loads(await page(client, "/tx/1-1.json"))
    by_hash = json.loads(await page(client, f"/tx/{found['hash']}.json"))
    assert by_hash == found
    assert found["sentence"].startswith("Alice paid Bob 5 BTT")
    assert [each["name"] for each in found["events"]][-1] == "System.ExtrinsicSuccess"


async def test_what_users_wrote_is_text_and_nothing_else(served: tuple[Client, Server]) -> None:
    client, _ = served
    for path in ("/tx/2-1", "/search?q=%3Cscript%3Ealert(1)%3C/script%3E", "/block/%3Cscript%3E"):
        answer = await client.get(path)
        text = await answer.text()
        assert "<script>alert" not in text
        assert "\u202e" not in text
        assert text.count("<script") == 1
    remark = await page(client, "/tx/2-1")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩javascript:⟨U+200B⟩" in remark
    assert remark.count("\u0301") == 2


async def test_every_answer_forbids_foreign_scripts_frames_and_forms(
    served: tuple[Client, Server],
) -> None:
    client, _ = served
    for path in ("/", "/nothing", "/static/style.css", "/index.json", "/export/blocks.csv"):
        headers = (await client.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
    for path in PATHS:
        text = await page(client, path)
        assert not re.search(r" on[a-z]+=| style=|<style|javascript:[^⟨]", text), path


async def test_search_leads_to_what_was_typed(
    served: tuple[Client, Server], chain: DevChain
) -> None:
    client, _ = served
    hash = chain.client.best().hash.hex()
    foreign = ss58.encode(ALICE.account_id, 0)
    for typed, to in {
        "3": "/block/3", "2-1": "/tx/2-1", f"0x{hash}": f"/block/0x{hash}",
        ALICE_ADDRESS: f"/account/{ALICE_ADDRESS}", foreign: f"/account/{ALICE_ADDRESS}",
        "alice": f"/account/{ALICE_ADDRESS}",
    }.items():  # fmt: skip
        answer = await client.get("/search", params={"q": typed}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, to)
    names = await page(client, "/search?q=transfer_keep")
    assert "Balances.transfer_keep_alive" in names
    other = await page(client, f"/account/{foreign}")
    assert "of network 0" in other


async def test_guessed_addresses_lead_to_ours(served: tuple[Client, Server]) -> None:
    client, _ = served
    for old, new in (("/extrinsic/1-1", "/tx/1-1"), ("/address/x", "/account/x")):
        answer = await client.get(old, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (301, new)


FORGED = [
    ("/block/9", 404), ("/block/x", 404), ("/tx/1-9", 404), ("/tx/" + "0" * 70, 404),
    ("/txs?below=1-", 400), ("/txs?below=1-1-1", 400), ("/txs?call=No.call", 404),
    ("/accounts?below=-1-1", 400), ("/accounts?below=" + "9" * 40 + "-1", 400),
    ("/accounts?below=340282366920938463463374607431768211455-9", 200),
    ("/accounts?below=340282366920938463463374607431768211456-9", 400),
    ("/blocks?below=1e9", 400), ("/blocks?below=9999999999", 200),
    ("/block/2?from=99999999999999", 400), ("/events/No.Event", 404), ("/pallet/No", 404),
    ("/account/5Grw", 400), ("/export/no.csv", 404), ("/export/history.csv", 400),
    ("/export/blocks.csv?after=x", 400), ("/blocks?below=" + "\u0663", 400),
    ("/storage/System.Account?key=no", 200), ("/lang/xx", 404), ("/static/..%2Fserver.py", 404),
]  # fmt: skip


async def test_forged_places_are_refused_in_words(served: tuple[Client, Server]) -> None:
    client, _ = served
    for path, status in FORGED:
        answer = await client.get(path)
        assert answer.status == status, path
        assert "Traceback" not in await answer.text()
        if status >= 400:
            twin = await client.get(path, headers={"Accept": "application/json"})
            assert twin.status == status
            assert (await twin.json())["error"]


async def test_exports_are_complete_and_go_on_after_any_row(served: tuple[Client, Server]) -> None:
    client, server = served
    rows = list(csv.DictReader(io.StringIO(await page(client, "/export/extrinsics.csv"))))
    assert [row["place"] for row in rows] == ["1-0", "1-1", "2-0", "2-1", "3-0", "3-1"]
    assert rows[1]["signer"] == ALICE_ADDRESS
    assert int(rows[1]["feePlanck"]) > 0
    assert rows[1]["fee"].endswith(" BTT")
    rest = await page(client, "/export/extrinsics.ndjson?after=2-0")
    assert [json.loads(line)["place"] for line in rest.splitlines()] == ["2-1", "3-0", "3-1"]
    events = (await page(client, "/export/events.ndjson")).splitlines()
    index: Index = server.context.index
    assert len(events) == sum(row.events for row in index.blocks_above(-1, 100))
    accounts = list(csv.DictReader(io.StringIO(await page(client, "/export/accounts.csv"))))
    assert sum(int(row["totalPlanck"]) for row in accounts) == index.blocks_above(2, 1)[0].issuance
    history = await page(client, f"/export/history.ndjson?account={ALICE_ADDRESS}")
    assert json.loads(history.splitlines()[0])["roles"].split()[0] == "signer"


FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\t=1", "\n=1", " =1", "\u3000=1", "\uff1d1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    assert cell(text) == "'" + text
    assert cell(7) == "7"
    assert cell("-") == "'-"


async def test_a_page_that_did_not_change_is_not_sent_again(served: tuple[Client, Server]) -> None:
    client, _ = served
    first = await client.get("/calls")
    again = await client.get("/calls", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    assert await again.read() == b""


async def test_one_address_cannot_take_all_the_time(served: tuple[Client, Server]) -> None:
    client, server = served
    server.bounds.clock = lambda: 0.0  # a busy machine takes longer than the pause that restores
    states = [(await client.get("/robots.txt")).status for _ in range(int(LIMITS.burst) + 3)]
    assert states == [200] * int(LIMITS.burst) + [429] * 3
    answer = await client.get("/robots.txt")
    assert answer.status == 200 or int(answer.headers["Retry-After"]) >= 1


async def test_a_language_is_chosen_by_a_link_that_leads_nowhere_else(
    served: tuple[Client, Server],
) -> None:
    client, _ = served
    answer = await client.get("/lang/zh?to=/blocks", allow_redirects=False)
    assert answer.headers["Location"] == "/blocks"
    assert "lang=zh" in answer.headers["Set-Cookie"]
    for to in ("/search?q=a+b&x=%25", "/blocks?below=2", "/search?q=%E2%82%AC"):
        link = re.search('"(/lang/[^"]+)"', await page(client, to))
        assert link is not None
        answer = await client.get(link[1], allow_redirects=False)
        assert URL(answer.headers["Location"]) == URL(to)
    for to in ("//evil.example", "https://evil.example", "/\\evil.example", "%0d%0aX: y"):
        answer = await client.get(f"/lang/en?to={to}", allow_redirects=False)
        assert answer.headers["Location"] == "/"


async def test_a_proof_of_a_page_is_verified_without_a_node(
    served: tuple[Client, Server], tmp_path: Path, chain: DevChain
) -> None:
    client, _ = served
    proof = tmp_path / "proof.json"
    proof.write_text(await page(client, f"/proof/account/{ALICE_ADDRESS}.json"))
    hash = "0x" + chain.client.best().hash.hex()
    words = ["verify", "proof", str(proof), "--checkpoint"]
    good = CliRunner().invoke(program, [*words, hash, "--json"])
    assert good.exit_code == 0, good.output
    assert json.loads(good.output)["valid"] is True
    said = CliRunner().invoke(program, [*words, hash]).output
    # The words are made of what was proven: of whom the balance is, and how much it is.
    assert f"System.Account of {ALICE_ADDRESS}" in said
    assert f"{chain.account(ALICE).data.free:_} planck" in said
    assert "32 bytes in hex, not 1" in CliRunner().invoke(program, [*words, "0x12"]).output
    other = CliRunner().invoke(program, [*words, "0x" + "11" * 32])
    assert other.exit_code == 1
    assert "not the checkpoint" in other.output
    document = json.loads(proof.read_text())
    for change, reason in (
        ({"value": "0x00"}, "another value"), ({"proof": document["proof"][1:]}, "invalid"),
        ({"header": "0x00"}, "malformed"), ({"key": 7}, "in hex"), ({"proof": 7}, "no list"),
    ):  # fmt: skip
        proof.write_text(json.dumps(document | change))
        refused = CliRunner().invoke(program, [*words, hash])
        assert refused.exit_code == 1
        assert reason in refused.output
    proof.write_text(await page(client, "/index.json"))
    assert "links `Proof` lead to one" in CliRunner().invoke(program, [*words, hash]).output
    proof.write_text("no proof")
    assert CliRunner().invoke(program, [*words, hash]).exit_code == 2
    proof.write_text(await page(client, "/proof/storage/Balances.TotalIssuance.json"))
    assert "issued  " in CliRunner().invoke(program, [*words, hash]).output
    absent = ss58.encode(bytes((7,)) * 32)
    proof.write_text(await page(client, f"/proof/account/{absent}.json"))
    said = CliRunner().invoke(program, [*words, hash]).output
    assert f"there is no such entry in the state of block {chain.client.best().number}" in said
    assert f"System.Account of {absent}" in said


# ---- parts


def test_a_slow_listener_is_cut_and_the_places_are_limited() -> None:
    hub = Hub()
    boxes = [hub.join() for _ in range(MAX_LISTENERS)]
    assert hub.join() is None
    slow = boxes[0]
    assert slow is not None
    for number in range(MAILBOX + 1):
        for box in boxes[1:]:
            if box is not None and not box.empty():
                box.get_nowait()
        hub.publish({"best": str(number)})
    assert len(hub) == MAX_LISTENERS - 1
    lines = [slow.get_nowait() for _ in range(slow.qsize())]
    assert lines[-1] is None
    assert len(lines[0] or b"") <= 300
    hub.close()
    assert len(hub) == 0


async def test_open_pages_receive_a_new_block(served: tuple[Client, Server]) -> None:
    client, server = served
    async with client.get("/live") as stream:
        server.context.progress.tip = 1_234
        server.announce()
        line = await stream.content.readline()
        assert json.loads(line.removeprefix(b"data: "))["best"] == "1\u202f234"
        server.hub.close()


def test_decoded_texts_have_links_and_amounts_as_in_tables(
    served: tuple[Client, Server],
) -> None:
    _, server = served
    named = Renderer(server.context.data).named
    job = "0x" + "ab" * 32
    assert named(f"job: {job}, amount: 41_666.5 BTT") == (
        f'job: <a href="/job/{job}" title="{job}">0xabab…ababab</a>, amount: 41\u202f666.5 BTT'
    )
    assert f'href="/account/{ALICE_ADDRESS}"' in named(f"who: {ALICE_ADDRESS}")
    # Other hashes, other texts with lines, and markup stay as they are.
    for text in (f"root: {job}", f"job: {job}00", "name: a_b 1_000", "1_00 BTT", "job: 0x1234"):
        assert named(text) == text
    assert named("<b>") == "&lt;b&gt;"
    assert name_of(server.context, job) == "0xabab…ababab"


def test_texts_of_users_are_cut_and_made_visible() -> None:
    assert shown("a\u202eb\u200bc\x1b[31m") == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+001B⟩[31m"
    assert shown("x" * 100) == "x" * 64 + "…"
    assert of_bytes("Größe".encode()) == "Größe"
    assert of_bytes(b"\xff\xfe") is None
    assert of_bytes(b"\0\1") is None
    assert of_bytes("é".encode() * 300) == "é" * 64 + "…"


def test_every_text_of_the_pages_has_a_translation() -> None:
    texts = {*OTHERS, *MEANINGS.values(), *TITLES.values(), "Error"}
    texts |= {sentence for sentence, _ in SENTENCES.values()}
    texts |= {
        "good",
        "bad",
        "open",
        "pallet",
        "call",
        "event",
        "account",
        "model",
        "asset",
        "signer",
        "from",
        "to",
        "other",
    }
    texts |= words_of_records(HERE / "templates")
    texts |= {words(kind.name) for kinds in (AssetKind, Kind, ProviderKind) for kind in kinds}
    texts |= {name for _, name, _ in LINKS} | {*CHAMBERS, *STAGES, *STATES}
    texts |= {each for table in WORDS.values() for each in table.values()}
    texts |= {each.words for each in MONEY.values()} | {*BENEFITS.values()}
    texts |= {*DECISIONS.values(), *OFFENCES.values()}
    for picture in (HERE / "pictures").glob("*.py"):
        source = picture.read_text(encoding="utf-8")
        texts |= set(re.findall(r'\bt\(\s*"([^"]+)"', source))
    sentences = (HERE / "signing" / "sentences.py").read_text(encoding="utf-8")
    texts |= {POOR, PROTECTED, *re.findall(r'"([A-Z][^"\n]*\{\w+\}[^"\n]*\.)"', sentences)}
    for file in (HERE / "signing" / "invoices.py", HERE.parent / "payments" / "request.py"):
        source = file.read_text(encoding="utf-8")
        for made in re.findall(r'Doubt\(\s*((?:"[^"]*"\s*)+)', source):
            texts.add("".join(re.findall('"([^"]*)"', made)))
    texts.add("referendum")
    for template in (HERE / "templates").glob("*.html"):
        source = template.read_text(encoding="utf-8")
        texts |= set(re.findall(r'\bt\("([^"]+)"', source))
        texts |= set(re.findall(r'\("/\w+", "(\w+)"\)', source))
    table = json.loads((TABLES / "zh.json").read_text(encoding="utf-8"))
    ages = {"{n} d ago", "{n} h ago", "{n} min ago", "{n} s ago"}
    assert table.keys() == texts | ages
    for english, chinese in table.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))
    assert language("zh").ago(7_300) == "2 小时前"
    assert language("en").ago(5) == "5 s ago"
