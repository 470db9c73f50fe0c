"""`btt-chain dev`: blocks, time, state and signatures of a development chain sealed by hand."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import click

from btt_chain.client.chain import Chain
from btt_chain.client.jsonrpc import Json
from btt_chain.client.values import field
from btt_chain.client.views import ViewClient
from btt_chain.crypto.development import DEV_NAMES, dev_key
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context
from btt_chain.scale import u128
from cli.common import show
from cli.common.errors import Mistyped, NotFound
from cli.common.files import json_or_text
from cli.common.options import Group, examples, query_options
from cli.common.sending import SendingCommand
from cli.common.session import open_chain, run
from cli.common.working import account as account_of
from cli.common.working import planck
from cli.declared import query
from runtime.frame.aliases import Balance

UNITS_MS: Final = {
    "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
}  # fmt: skip

WARNING: Final = "development keys, which are public: never for money"

DURATION: Final = re.compile(r"\+?(?:\d+(?:ms|[smhdw]))+")
PART: Final = re.compile(r"(\d+)(ms|[smhdw])")


dev = Group(
    "dev",
    help="""Control a development chain: blocks, time, state, signatures.

    For nodes started with `btt-chain node --dev --sealing instant` (or interval:MS, or manual).
    """,
)


def duration_ms(text: str) -> int | None:
    """Return a typed duration, as 7d or 1h30m, in milliseconds; None if the text is none."""
    if not DURATION.fullmatch(text):
        return None
    return sum(int(count) * UNITS_MS[unit] for count, unit in PART.findall(text))


def clock(ms: int) -> str:
    """Return a time for people."""
    if not ms:
        return "none: genesis has no time"
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


class Head:
    """The head after a command, for people and programs."""

    def __init__(self, chain: Chain, status: dict[str, Json]) -> None:
        self.chain = chain
        self.status = status

    @classmethod
    async def of(cls, chain: Chain) -> Head:
        """Return the node's head."""
        status = await chain.connection.call("dev_status")
        if not isinstance(status, dict):
            raise NotFound("the node's answer to dev_status has another form")
        return cls(chain, status)

    @property
    def time(self) -> int:
        """Time of the head, in milliseconds since 1970."""
        time = self.status["time"]
        return time if isinstance(time, int) else 0

    def print(self, as_json: bool, **more: Json) -> None:
        """Print the head, and what else a program may want."""
        head = self.status["head"]
        number, hash = (head["number"], head["hash"]) if isinstance(head, dict) else (None, None)
        if as_json:
            show.document({"number": number, "hash": hash, "time": self.time, **more})
            return
        show.record(
            {
                **{name: str(value) for name, value in more.items()},
                "head": f"{number} {hash}",
                "time": clock(self.time),
            }
        )


def fork_rows(fork: object) -> dict[str, str]:
    """Return where a fork begins, and how much of the other node's state is here; {} if none."""
    if not isinstance(fork, dict):
        return {}
    hits, misses = int(fork["hits"]), int(fork["misses"])
    share = 100 * hits // (hits + misses) if hits + misses else 100
    failed = f", {fork['failures']} failed" if fork["failures"] else ""
    mib = 1 << 20
    return {
        "fork of": f"block {fork['number']} of {fork['url']}",
        "its reads": f"{hits + misses}, {share} % from the cache; {fork['reads']} parts{failed}",
        "its cache": f"{fork['bytes'] / mib:.1f} of {fork['limit'] / mib:.0f} MiB",
    }


@examples("btt-chain dev status", "btt-chain dev status --json")
@dev.command()
@query_options
def status(url: str, timeout: float, as_json: bool) -> None:
    """Show head, time, way of sealing, snapshots and impersonated accounts."""

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            head = await Head.of(chain)
            if as_json:
                show.document(head.status)
                return
            follows = ", each block takes the next slot" if head.status["followsSlots"] else ""
            head.print(False)
            snapshots, accounts = head.status["snapshots"], head.status["impersonated"]
            show.record(
                {
                    "sealing": f"{head.status['mode']}{follows}",
                    "snapshots": [
                        f"{row['id']} {row['block']}"
                        for row in (snapshots if isinstance(snapshots, list) else [])
                        if isinstance(row, dict)
                    ]
                    or "none",
                    "impersonated": [
                        chain.metadata.address(bytes.fromhex(str(who)[2:]))
                        for who in (accounts if isinstance(accounts, list) else [])
                    ]
                    or ("all, by mock signatures" if head.status["mockSignatures"] else "none"),
                    **fork_rows(head.status.get("fork")),
                }
            )

    run(work())


@dataclass(frozen=True, slots=True)
class DevAccount:
    """An account of the development phrase."""

    uri: str
    address: str
    free: Balance


@dataclass(frozen=True, slots=True)
class DevAccounts:
    """The accounts of the development phrase."""

    note: str
    url: str
    accounts: list[DevAccount]


def print_accounts(answer: DevAccounts, context: Context) -> None:
    """Print the accounts as a table."""
    money = context.currency.format
    rows = [[row.uri, row.address, money(int(row.free))] for row in answer.accounts]
    show.table(["key", "address", ">balance"], rows, title=answer.note)


@query(dev, "btt-chain dev accounts", "btt-chain dev accounts --json", view=print_accounts)
async def accounts(chain: ViewClient) -> DevAccounts:
    """List the accounts of the development phrase, with balances. Their keys are public."""
    uris = [f"//{name}" for name in DEV_NAMES]
    addresses = [chain.chain.metadata.address(dev_key(uri).account_id) for uri in uris]
    stored = await chain.chain.storage_many("System.Account", [[who] for who in addresses])
    free = [u128(int(str(field(field(info, "data"), "free") or 0))) for info in stored]
    rows = list(map(DevAccount, uris, addresses, free))
    return DevAccounts(WARNING, chain.chain.connection.url, rows)


@examples("btt-chain dev mine", "btt-chain dev mine 600")
@dev.command(cls=SendingCommand)
@click.argument("count", type=click.IntRange(1, 100_000), default=1, metavar="[N]")
@query_options
def mine(count: int, url: str, timeout: float, as_json: bool) -> None:
    """Make N blocks (one unless said) of the transactions that wait."""
    _control(url, timeout, as_json, "dev_newBlock", {"count": count})


@examples(
    "btt-chain dev travel 7d", "btt-chain dev travel 1h30m", "btt-chain dev travel 2030-01-01"
)
@dev.command(cls=SendingCommand)
@click.argument("when")
@query_options
def travel(when: str, url: str, timeout: float, as_json: bool) -> None:
    """Move the chain's time forward, by one block at that time.

    WHEN is a duration from the head's time (ms, s, m, h, d, w) or a date in UTC. The slots in
    between stay empty. From then on each block takes the next slot.
    """
    ahead = duration_ms(when)
    if ahead is None and not re.search(r"\d{4}", when):
        raise Mistyped(f"{when!r} is neither a duration, as 7d or 1h30m, nor a date, as 2030-01-31")

    async def travel(chain: Chain) -> None:
        goal: Json = when
        if ahead is not None:
            # Genesis has no time: the first block would take that of the clock.
            now = (await Head.of(chain)).time or int(datetime.now(UTC).timestamp() * 1_000)
            goal = now + ahead
        await chain.connection.call("dev_timeTravel", goal)

    _changed(url, timeout, as_json, travel)


@examples("btt-chain dev snapshot")
@dev.command()
@query_options
def snapshot(url: str, timeout: float, as_json: bool) -> None:
    """Keep the present head, to return to it with `dev revert`."""
    _control(url, timeout, as_json, "dev_snapshot", answer="snapshot")


@examples("btt-chain dev revert 0x1", "btt-chain dev revert 1")
@dev.command()
@click.argument("snapshot")
@query_options
def revert(snapshot: str, url: str, timeout: float, as_json: bool) -> None:
    """Return to a SNAPSHOT; it and all later ones are used up by that."""
    if not re.fullmatch(r"0x[0-9a-fA-F]+|[0-9]+", snapshot):
        raise Mistyped(f"{snapshot!r} is not a snapshot: `btt-chain dev snapshot` prints one")

    async def return_(chain: Chain) -> None:
        if not await chain.connection.call("dev_revert", snapshot):
            raise NotFound(
                f"there is no snapshot {snapshot}; `btt-chain dev status` lists those there are"
            )

    _changed(url, timeout, as_json, return_)


@examples("btt-chain dev head 120", "btt-chain dev head -1", "btt-chain dev head 0x8a5f...")
@dev.command(context_settings={"ignore_unknown_options": True})
@click.argument("block")
@query_options
def head(block: str, url: str, timeout: float, as_json: bool) -> None:
    """Make another BLOCK the head: a number, a hash, or how many to go back (-1).

    Blocks that are left are known by their hash, and can be made the head again.
    """
    if block.startswith("--") or (block.startswith("-") and not block[1:].isdecimal()):
        raise click.NoSuchOption(block, ctx=click.get_current_context())
    which: Json = int(block) if re.fullmatch(r"-?\d+", block) else block
    _control(url, timeout, as_json, "dev_setHead", which)


@examples(
    "btt-chain dev set-balance //Bob 1000000BTT",
    "btt-chain dev set-balance 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 250mBTT",
)
@dev.command(cls=SendingCommand)
@click.argument("account")
@click.argument("amount")
@query_options
def set_balance(account: str, amount: str, url: str, timeout: float, as_json: bool) -> None:
    """Set the free balance of an ACCOUNT, with a block of its own.

    The difference is minted or destroyed, and the total issuance moves with it.
    """

    async def set_(chain: Chain) -> None:
        free = planck(chain.metadata.currency, amount)
        await chain.connection.call("dev_setBalance", _address(chain, account), str(free))

    _changed(url, timeout, as_json, set_)


@examples(
    "btt-chain dev set-storage Sudo.Key //Bob",
    """btt-chain dev set-storage System.Account //Bob '{"nonce": 7, "data": {"free": "5"}}'""",
    "btt-chain dev set-storage Sudo.Key null",
)
@dev.command()
@click.argument("item", metavar="PALLET.ITEM")
@click.argument("words", nargs=-1, required=True, metavar="[KEYS]... VALUE")
@query_options
def set_storage(item: str, words: tuple[str, ...], url: str, timeout: float, as_json: bool) -> None:
    """Set a storage item to a VALUE, with a block of its own.

    A map takes its KEYS before the value. VALUE is JSON or plain text; fields that are left out
    are zero or empty; 0x and hex is the encoded value; null removes the entry.
    """
    pallet, dot, name = item.partition(".")
    if not dot:
        raise Mistyped(f"{item!r} has no dot: write the pallet and its item, as System.Account")
    *keys, value = map(json_or_text, words)

    async def set_(chain: Chain) -> None:
        chain.metadata.items.storage(item)
        content: Json = [[keys, value]] if keys else value
        if isinstance(content, str) and content.startswith("//"):
            content = _address(chain, content)
        await chain.connection.call("dev_setStorage", {pallet: {name: content}})

    _changed(url, timeout, as_json, set_)


@examples(
    "btt-chain dev impersonate 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
    "btt-chain dev impersonate //Bob --stop",
)
@dev.command()
@click.argument("account")
@click.option("--stop", is_flag=True, help="Accept only the account's own signatures again.")
@query_options
def impersonate(account: str, stop: bool, url: str, timeout: float, as_json: bool) -> None:
    """Accept any signature of an ACCOUNT, until the node stops."""

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            who = _address(chain, account)
            name = "dev_stopImpersonatingAccount" if stop else "dev_impersonateAccount"
            if not await chain.connection.call(name, who):
                raise NotFound(f"{who} is not impersonated")
            text = (
                f"Only valid signatures of {who} are accepted." if stop
                else f"Any signature of {who} is accepted."
            )  # fmt: skip
            show.outcome({"account": who, "impersonated": not stop}, text, as_json=as_json)

    run(work())


@examples("btt-chain dev sealing manual", "btt-chain dev sealing instant")
@dev.command()
@click.argument("way", type=click.Choice(["instant", "manual"]))
@query_options
def sealing(way: str, url: str, timeout: float, as_json: bool) -> None:
    """Make blocks as transactions arrive (instant), or only on demand (manual)."""
    _control(url, timeout, as_json, "dev_setBlockBuildMode", way)


def _control(
    url: str, timeout: float, as_json: bool, name: str, *params: Json, answer: str = ""
) -> None:
    """Call a control, and print the head afterwards, with the `answer` under this name."""

    async def control(chain: Chain) -> dict[str, Json]:
        result = await chain.connection.call(name, *params)
        return {answer: result} if answer else {}

    _changed(url, timeout, as_json, control)


def _changed(
    url: str, timeout: float, as_json: bool,
    change: Callable[[Chain], Awaitable[dict[str, Json] | None]],
) -> None:  # fmt: skip
    """Change a chain, and print the head afterwards, with what `change` returns."""

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            more = await change(chain)
            (await Head.of(chain)).print(as_json, **more or {})

    run(work())


def _address(chain: Chain, typed: str) -> str:
    """Return the address of a typed account: an address, hex or a development key."""
    return chain.metadata.address(account_of(typed, chain.metadata.prefix))
