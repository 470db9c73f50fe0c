"""`btt-chain dev`: blocks, time, state and signatures of a development chain sealed by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Final

import click

from btt_chain.client.jsonrpc import Json
from btt_chain.client.values import field
from btt_chain.client.views import ViewClient
from btt_chain.crypto.development import DEV_NAMES, dev_key
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from cli.common import show
from cli.common.errors import Mistyped, NotFound
from cli.common.files import json_or_text
from cli.common.options import Group
from cli.common.working import account as account_of
from cli.declared import program, query
from cli.parameters import Input
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


async def status_of(chain: ViewClient) -> dict[str, Json]:
    """Return the status of a development chain."""
    status = await chain.chain.connection.call("dev_status")
    if not isinstance(status, dict):
        raise NotFound("the node's answer to dev_status has another form")
    return status


def time_of(status: Mapping[str, Json]) -> int:
    """Return the time of the head, in milliseconds since 1970."""
    time = status["time"]
    return time if isinstance(time, int) else 0


def print_status(status: Mapping[str, Json], as_json: bool, **more: Json) -> None:
    """Print the head, and what else a program may want."""
    head, time = status["head"], time_of(status)
    number, hash = (head["number"], head["hash"]) if isinstance(head, dict) else (None, None)
    if as_json:
        show.document({"number": number, "hash": hash, "time": time, **more})
        return
    facts = {name: str(value) for name, value in more.items()}
    show.record({**facts, "head": f"{number} {hash}", "time": clock(time)})


async def print_head(chain: ViewClient, as_json: bool, **more: Json) -> None:
    """Print the head after a command."""
    print_status(await status_of(chain), as_json, **more)


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


@program(dev, "btt-chain dev status", "btt-chain dev status --json")
async def status(chain: ViewClient, as_json: bool) -> None:
    """Show head, time, way of sealing, snapshots and impersonated accounts."""
    answer = await status_of(chain)
    if as_json:
        show.document(answer)
        return
    print_status(answer, as_json)
    follows = ", each block takes the next slot" if answer["followsSlots"] else ""
    snapshots, accounts = answer["snapshots"], answer["impersonated"]
    show.record(
        {
            "sealing": f"{answer['mode']}{follows}",
            "snapshots": [
                f"{row['id']} {row['block']}"
                for row in (snapshots if isinstance(snapshots, list) else [])
                if isinstance(row, dict)
            ]
            or "none",
            "impersonated": [
                chain.chain.metadata.address(bytes.fromhex(str(who)[2:]))
                for who in (accounts if isinstance(accounts, list) else [])
            ]
            or ("all, by mock signatures" if answer["mockSignatures"] else "none"),
            **fork_rows(answer.get("fork")),
        }
    )


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


@program(dev, "btt-chain dev mine", "btt-chain dev mine 600")
async def mine(
    chain: ViewClient,
    as_json: bool,
    count: Annotated[u32 | None, Input("N", least=1, most=100_000)],
) -> None:
    """Make N blocks (one unless said) of the transactions that wait."""
    await chain.chain.connection.call("dev_newBlock", {"count": int(count or 1)})
    await print_head(chain, as_json)


def check_goal(when: str) -> None:
    """Raise Mistyped if a text is neither a duration nor a date."""
    if duration_ms(when) is None and not re.search(r"\d{4}", when):
        raise Mistyped(f"{when!r} is neither a duration, as 7d or 1h30m, nor a date, as 2030-01-31")


@program(
    dev, "btt-chain dev travel 7d", "btt-chain dev travel 1h30m", "btt-chain dev travel 2030-01-01"
)
async def travel(
    chain: ViewClient, as_json: bool, when: Annotated[str, Input(check=check_goal)]
) -> None:
    """Move the chain's time forward, by one block at that time.

    WHEN is a duration from the head's time (ms, s, m, h, d, w) or a date in UTC. The slots in
    between stay empty. From then on each block takes the next slot.
    """
    goal: Json = when
    ahead = duration_ms(when)
    if ahead is not None:
        # Genesis has no time: the first block would take that of the clock.
        now = time_of(await status_of(chain)) or int(datetime.now(UTC).timestamp() * 1_000)
        goal = now + ahead
    await chain.chain.connection.call("dev_timeTravel", goal)
    await print_head(chain, as_json)


@program(dev, "btt-chain dev snapshot")
async def snapshot(chain: ViewClient, as_json: bool) -> None:
    """Keep the present head, to return to it with `dev revert`."""
    id = await chain.chain.connection.call("dev_snapshot")
    await print_head(chain, as_json, snapshot=id)


def check_snapshot(text: str) -> None:
    """Raise Mistyped if a text is not the id of a snapshot."""
    if not re.fullmatch(r"0x[0-9a-fA-F]+|[0-9]+", text):
        raise Mistyped(f"{text!r} is not a snapshot: `btt-chain dev snapshot` prints one")


@program(dev, "btt-chain dev revert 0x1", "btt-chain dev revert 1")
async def revert(
    chain: ViewClient, as_json: bool, snapshot: Annotated[str, Input(check=check_snapshot)]
) -> None:
    """Return to a SNAPSHOT; it and all later ones are used up by that."""
    if not await chain.chain.connection.call("dev_revert", snapshot):
        raise NotFound(
            f"there is no snapshot {snapshot}; `btt-chain dev status` lists those there are"
        )
    await print_head(chain, as_json)


def check_block(text: str) -> None:
    """Raise NoSuchOption for a text that begins as one and is not a number."""
    if text.startswith("--") or (text.startswith("-") and not text[1:].isdecimal()):
        raise click.NoSuchOption(text, ctx=click.get_current_context())


@program(dev, "btt-chain dev head 120", "btt-chain dev head -1", "btt-chain dev head 0x8a5f...")
async def head(
    chain: ViewClient, as_json: bool, block: Annotated[str, Input(check=check_block)]
) -> None:
    """Make another BLOCK the head: a number, a hash, or how many to go back (-1).

    Blocks that are left are known by their hash, and can be made the head again.
    """
    which: Json = int(block) if re.fullmatch(r"-?\d+", block) else block
    await chain.chain.connection.call("dev_setHead", which)
    await print_head(chain, as_json)


dev.commands["head"].context_settings["ignore_unknown_options"] = True


@program(
    dev, "btt-chain dev set-balance //Bob 1000000BTT",
    "btt-chain dev set-balance 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 250mBTT",
)  # fmt: skip
async def set_balance(
    chain: ViewClient, as_json: bool, account: AccountId, amount: Balance
) -> None:
    """Set the free balance of an ACCOUNT, with a block of its own.

    The difference is minted or destroyed, and the total issuance moves with it.
    """
    address = chain.chain.metadata.address(account)
    await chain.chain.connection.call("dev_setBalance", address, str(amount))
    await print_head(chain, as_json)


def check_item(item: str) -> None:
    """Raise Mistyped if a text is not the name of a pallet and an item."""
    if "." not in item:
        raise Mistyped(f"{item!r} has no dot: write the pallet and its item, as System.Account")


@program(
    dev, "btt-chain dev set-storage Sudo.Key //Bob",
    """btt-chain dev set-storage System.Account //Bob '{"nonce": 7, "data": {"free": "5"}}'""",
    "btt-chain dev set-storage Sudo.Key null",
)  # fmt: skip
async def set_storage(
    chain: ViewClient,
    as_json: bool,
    item: Annotated[str, Input("PALLET.ITEM", check=check_item)],
    words: Annotated[list[str], Input("[KEYS]... VALUE")],
) -> None:
    """Set a storage item to a VALUE, with a block of its own.

    A map takes its KEYS before the value. VALUE is JSON or plain text; fields that are left out
    are zero or empty; 0x and hex is the encoded value; null removes the entry.
    """
    *keys, value = map(json_or_text, words)
    chain.chain.metadata.items.storage(item)
    content: Json = [[keys, value]] if keys else value
    if isinstance(content, str) and content.startswith("//"):
        content = chain.chain.metadata.address(account_of(content, chain.prefix))
    pallet, _, name = item.partition(".")
    await chain.chain.connection.call("dev_setStorage", {pallet: {name: content}})
    await print_head(chain, as_json)


@program(
    dev, "btt-chain dev impersonate 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
    "btt-chain dev impersonate //Bob --stop",
)  # fmt: skip
async def impersonate(
    chain: ViewClient,
    as_json: bool,
    account: AccountId,
    stop: Annotated[bool, Input(help="Accept only the account's own signatures again.")],
) -> None:
    """Accept any signature of an ACCOUNT, until the node stops."""
    who = chain.chain.metadata.address(account)
    name = "dev_stopImpersonatingAccount" if stop else "dev_impersonateAccount"
    if not await chain.chain.connection.call(name, who):
        raise NotFound(f"{who} is not impersonated")
    text = (
        f"Only valid signatures of {who} are accepted." if stop
        else f"Any signature of {who} is accepted."
    )  # fmt: skip
    show.outcome({"account": who, "impersonated": not stop}, text, as_json=as_json)


class Sealing(IntEnum):
    """The time at which blocks are made: as transactions arrive, or on demand."""

    Instant = 0
    Manual = 1


@program(dev, "btt-chain dev sealing manual", "btt-chain dev sealing instant")
async def sealing(chain: ViewClient, as_json: bool, way: Sealing) -> None:
    """Make blocks as transactions arrive (instant), or only on demand (manual)."""
    await chain.chain.connection.call("dev_setBlockBuildMode", way.name.lower())
    await print_head(chain, as_json)
