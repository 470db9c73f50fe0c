"""`btt-chain proxy`: let others act for an account, and act for one.

A proxy without a delay acts with `--proxy-for ACCOUNT` on any command that sends. One with a delay
announces each call first, and executes it when the delay is over, unless the account rejects it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import click

from btt_chain.client.transactions import Call
from btt_chain.client.views import ViewClient
from btt_chain.crypto.hashing import blake2_256
from btt_chain.present import Context, rule
from btt_chain.present.times import span
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.meaning import SLOTS
from btt_chain.scale import u32, u128
from cli.common import show
from cli.common.calls import report
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group, examples
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import call_given, run
from cli.common.signers import carrying
from cli.common.trying import failure_of, signed_by
from cli.common.wallets import account_writer, wallet, wallet_errors
from cli.common.working import account, view_chain
from cli.declared import Input, Word, composed, query
from runtime.frame.aliases import Balance
from runtime.pallets.proxy import Announcement, Proxy, ProxyDefinition, ProxyType, events

TYPES: Final = rule(ProxyType)
Delegate = Annotated[AccountId, Input("PROXY")]
Number = Annotated[str | None, Input("NUMBER")]

proxy = Group(
    "proxy",
    help="""Let others act for an account, and act for one.

    A proxy makes the calls of its type, such as Staking or Governance; Any is all of them, also
    payments. Any command that sends takes `--proxy-for ACCOUNT`.
    """,
)


# ---- proxies


@dataclass(frozen=True, slots=True)
class Delegation:
    """The proxies of an account, and the calls that it announced as a proxy itself."""

    account: AccountId
    deposit: Balance
    proxies: list[ProxyDefinition]
    announcements: list[Announcement]


def print_delegation(delegation: Delegation, context: Context) -> None:
    """Print proxies and announced calls; accounts of the wallet with their names."""
    write = account_writer(context.prefix)
    if delegation.proxies:
        show.table(
            ["proxy", "type", "delay"],
            [
                [write(one.delegate), one.proxy_type.name, blocks(one.delay, context.slot_ms)]
                for one in delegation.proxies
            ],
        )
        show.note(f"{rule(Balance).text(delegation.deposit, context)} is reserved for them")
    else:
        show.note("the account has no proxies")
    if delegation.announcements:
        show.table(
            [">number", "as", "hash of the call"],
            [
                [str(call.height), write(call.real), to_hex(call.call_hash)]
                for call in delegation.announcements
            ],
            title="announced calls",
        )


@query(
    proxy, "btt-chain proxy list //Alice", "btt-chain proxy list treasury --json",
    view=print_delegation,
)  # fmt: skip
async def list_(chain: ViewClient, account: AccountId) -> Delegation:
    """Show the proxies of an account, and the calls that it announced as a proxy itself."""
    definitions, deposit = await proxies_of(chain, account)
    return Delegation(account, deposit, definitions, await announcements_of(chain, account))


@composed(
    proxy, Proxy.add_proxy, "btt-chain proxy add bob --type Staking --from alice",
    "btt-chain proxy add bob --type Any --delay 2d --from alice", event=events.ProxyAdded,
    done="{delegatee} may now act for {delegator} ({proxy_type}).",
)  # fmt: skip
def add(
    delegate: Delegate,
    type_: Annotated[ProxyType, Input(help="The calls it may make, as Staking or Any.")],
    delay: Annotated[
        u32,
        SLOTS,
        Input(
            "BLOCKS|TIME",
            "Time between the announcement of a call and its execution: blocks, or as 2d or 6h.",
            default="0",
        ),
    ],
    sender: Sender,
) -> dict[str, object]:
    """Let PROXY act for the signer, for a deposit. It can end with `proxy remove` at any time."""
    if delegate == sender.account:
        raise Mistyped("an account cannot be its own proxy")
    if type_ is ProxyType.Any and not sender.as_json:
        show.note("A proxy of type Any may make all calls, also send all of the money.")
    return {"delegate": Id(delegate), "proxy_type": type_, "delay": delay}


@examples("btt-chain proxy remove bob --from alice", "btt-chain proxy remove --all --from alice")
@proxy.command(cls=SendingCommand)
@click.argument("delegate", metavar="PROXY", required=False)
@click.option("--type", "scope", type=Word(TYPES.choices), help="Only the proxy of this type.")
@click.option("--all", "removes_all", is_flag=True, help="All proxies of the account.")
@call_options
def remove(
    delegate: str | None, scope: str | None, removes_all: bool, url: str, timeout: float,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """End what PROXY may do for the signer; the deposit is returned."""
    if removes_all == (delegate is not None):
        raise Mistyped("give either a PROXY or --all")
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            definitions, _ = await proxies_of(chain, AccountId(sender.account))
            if delegate is None:
                if not definitions:
                    raise NotFound("the account has no proxies")
                sent = await sender.send(chain, "Proxy", "remove_proxies")
                count = len(definitions)
                report(sent, as_json, f"{count} proxies are removed.", removed=count)
                return
            who = account(delegate, chain.prefix)
            kind = None if scope is None else TYPES.parse(scope, Context())
            own = [one for one in definitions
                   if one.delegate == who and kind in (None, one.proxy_type)]  # fmt: skip
            if not own:
                address = chain.chain.metadata.address(sender.account)
                raise NotFound(f"{delegate} is not such a proxy of {address}")
            if len(own) > 1:
                kinds = ", ".join(one.proxy_type.name for one in own)
                raise Mistyped(
                    f"{delegate} is a proxy in several ways: give --type, one of {kinds}"
                )
            (removed,) = own
            sent = await sender.send(
                chain, "Proxy", "remove_proxy", delegate=Id(removed.delegate),
                proxy_type=removed.proxy_type, delay=removed.delay,
            )  # fmt: skip
            report(
                sent, as_json, f"{delegate} is no longer a proxy ({removed.proxy_type.name}).",
                proxy=chain.chain.metadata.address(who), type=removed.proxy_type.name,
            )  # fmt: skip

    run(work())


# ---- announced calls


@examples("btt-chain proxy announce alice Balances.transfer_keep_alive carol 5BTT --from bob")
@proxy.command(cls=SendingCommand)
@click.argument("real", metavar="ACCOUNT")
@click.argument("call_name", metavar="PALLET.CALL")
@click.argument("arguments", nargs=-1, metavar="[ARG|NAME=ARG]...")
@call_options
def announce(
    real: str, call_name: str, arguments: tuple[str, ...], url: str, timeout: float,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Announce a call as ACCOUNT, of which the signer is a proxy with a delay."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            who = AccountId(account(real, chain.prefix))
            own = await definition_of(chain, who, AccountId(sender.account))
            inner = Call(chain.chain.metadata.arguments.encode_call(call_name, arguments))
            digest = blake2_256(inner.raw)
            failure = await failure_of(chain.chain, signed_by(who), inner)
            if failure is not None:
                show.note(f"note: as things stand, {real} could not make this call: {failure}")
            with wallet_errors():
                wallet().remember_call(digest, inner.raw)
            sent = await sender.send(chain, "Proxy", "announce", real=Id(who), call_hash=digest)
            report(
                sent, as_json,
                f"Announced as number {sent.number}. In {blocks(own.delay, chain.slot_ms)}: "
                f"`btt-chain proxy execute {real} {sent.number}`.",
                number=sent.number, callHash=to_hex(digest), call=to_hex(inner.raw),
                dueAtBlock=sent.number + int(own.delay),
            )  # fmt: skip

    run(work())


@examples("btt-chain proxy execute alice 184 --from bob")
@proxy.command(cls=SendingCommand)
@click.argument("real", metavar="ACCOUNT")
@click.argument("number", required=False)
@click.option(
    "--call", "given", metavar="HEX|FILE",
    help="The encoded call, if it was announced from another wallet.",
)  # fmt: skip
@call_options
def execute(
    real: str, number: str | None, given: str | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Make an announced call as ACCOUNT, when its delay is over."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with view_chain(url, timeout) as chain:
            who, own = AccountId(account(real, chain.prefix)), AccountId(sender.account)
            announced = await announced_call(chain, own, who, number)
            delay = int((await definition_of(chain, who, own)).delay)
            left = int(announced.height) + delay - (await chain.chain.best()).number
            if left > 0:
                raise Refused(
                    f"number {announced.height} can be executed in {blocks(left, chain.slot_ms)}"
                )
            call = carrying(
                chain.chain.metadata, "Proxy.proxy_announced",
                {"delegate": to_hex(own), "real": to_hex(who), "force_proxy_type": None},
                Call(bytes_of(announced, given)),
            )  # fmt: skip
            sent = await sender.send_call(chain.chain, call)
            height = int(announced.height)
            report(sent, as_json, f"Number {height} is executed.", number=height)

    run(work())


@composed(
    proxy, Proxy.reject_announcement, "btt-chain proxy reject bob 184 --from alice",
    done="The announced call is rejected.",
)  # fmt: skip
async def reject(
    chain: ViewClient, delegate: Delegate, number: Number, sender: Sender
) -> dict[str, object]:
    """Reject a call that PROXY announced as the signer's account."""
    announced = await announced_call(chain, delegate, AccountId(sender.account), number)
    return {"delegate": Id(delegate), "call_hash": announced.call_hash}


@composed(
    proxy, Proxy.remove_announcement, "btt-chain proxy withdraw alice 184 --from bob",
    done="The announced call is withdrawn.",
)  # fmt: skip
async def withdraw(
    chain: ViewClient, real: AccountId, number: Number, sender: Sender
) -> dict[str, object]:
    """Withdraw a call that the signer announced as ACCOUNT; its deposit is returned."""
    announced = await announced_call(chain, AccountId(sender.account), real, number)
    return {"real": Id(real), "call_hash": announced.call_hash}


# ---- the chain's records


async def proxies_of(chain: ViewClient, who: AccountId) -> tuple[list[ProxyDefinition], u128]:
    """Return the proxies of an account, and the deposit for them."""
    stored = await chain.storage(tuple[list[ProxyDefinition], u128], "Proxy.Proxies", who)
    return stored or ([], u128(0))


async def definition_of(chain: ViewClient, real: AccountId, delegate: AccountId) -> ProxyDefinition:
    """Return the entry that makes an account a proxy of another. Refused if nothing does."""
    for definition in (await proxies_of(chain, real))[0]:
        if definition.delegate == delegate:
            return definition
    address = chain.chain.metadata.address
    raise Refused(f"{address(delegate)} is not a proxy of {address(real)}")


async def announcements_of(chain: ViewClient, delegate: AccountId) -> list[Announcement]:
    """Return the calls that a proxy announced."""
    stored = await chain.storage(
        tuple[list[Announcement], u128], "Proxy.Announcements", delegate
    )  # fmt: skip
    return [] if stored is None else stored[0]


async def announced_call(
    chain: ViewClient, delegate: AccountId, real: AccountId, number: str | None
) -> Announcement:
    """Return an announced call by its number or the beginning of its hash; else the only one."""
    pending = [call for call in await announcements_of(chain, delegate) if call.real == real]
    if not pending:
        address = chain.chain.metadata.address
        raise NotFound(f"{address(delegate)} has announced no call as {address(real)}")
    fits = [
        call for call in pending
        if number is None or number == str(call.height)
        or (len(number) > 5 and to_hex(call.call_hash).startswith(number.lower()))
    ]  # fmt: skip
    if not fits:
        heights = ", ".join(str(call.height) for call in pending)
        raise NotFound(f"no call {number} is announced; known are {heights}")
    if len(fits) > 1:
        hashes = ", ".join(to_hex(call.call_hash)[:14] for call in fits)
        raise Mistyped(f"several calls are announced: give the beginning of a hash, of {hashes}")
    return fits[0]


def blocks(number: int, slot_ms: int | None) -> str:
    """Return a number of blocks and about how long they take."""
    if not number:
        return "none"
    time = "" if slot_ms is None else f" (about {span(int(number) * slot_ms)})"
    return f"{int(number):_} blocks{time}"


def bytes_of(announced: Announcement, given: str | None) -> bytes:
    """Return the announced call. Mistyped or Refused if it is not here, or another one is given."""
    if given is None:
        with wallet_errors():
            raw = wallet().recall(announced.call_hash)
        if raw is None:
            raise Mistyped(
                f"the chain has only the hash of the call, {to_hex(announced.call_hash)}: give it "
                "with --call HEX"
            )
    else:
        raw = call_given(given)
    if blake2_256(raw) != announced.call_hash:
        raise Refused("this is another call than the announced one")
    return raw
