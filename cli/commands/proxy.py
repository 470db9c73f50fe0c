"""`btt-chain proxy`: let others act for an account, and act for one.

A proxy without a delay acts with `--proxy-for ACCOUNT` on any command that sends. One with a delay
announces each call first, and executes it when the delay is over, unless the account rejects it.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.client.transactions import Call, Included
from btt_chain.client.views import ViewClient
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, rule
from btt_chain.present.times import span
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.meaning import SLOTS
from btt_chain.scale import u32, u128
from cli.common import show
from cli.common.calls import report
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group
from cli.common.sending import Sender
from cli.common.session import call_given
from cli.common.signers import carrying
from cli.common.trying import failure_of, signed_by
from cli.common.wallets import account_writer, wallet, wallet_errors
from cli.declared import composed, program, query
from cli.parameters import Input
from runtime.frame.aliases import Balance
from runtime.pallets.proxy import events
from runtime.pallets.proxy.pallet import Proxy
from runtime.pallets.proxy.types import Announcement, ProxyDefinition, ProxyType

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
                [write(entry.delegate), entry.proxy_type.name, blocks(entry.delay, context.slot_ms)]
                for entry in delegation.proxies
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


def check_removed(delegate: str | None, all_: bool, **_: object) -> None:
    """Check that one proxy or all are named. Raises Mistyped."""
    if all_ == (delegate is not None):
        raise Mistyped("give either a PROXY or --all")


@program(
    proxy, "btt-chain proxy remove bob --from alice", "btt-chain proxy remove --all --from alice",
    check=check_removed,
)  # fmt: skip
async def remove(
    chain: ViewClient,
    sender: Sender,
    delegate: Annotated[AccountId | None, Input("PROXY")],
    type_: Annotated[ProxyType | None, Input(help="Only the proxy of this type.")],
    all_: Annotated[bool, Input(help="All proxies of the account.")],
) -> None:
    """End what PROXY may do for the signer; the deposit is returned."""
    definitions, _ = await proxies_of(chain, AccountId(sender.account))
    if all_ or delegate is None:
        if not definitions:
            raise NotFound("the account has no proxies")
        sent, count = await sender.send(chain, "Proxy", "remove_proxies"), len(definitions)
        report(sent, sender.as_json, f"{count} proxies are removed.", removed=count)
        return
    own = [entry for entry in definitions
           if entry.delegate == delegate and type_ in (None, entry.proxy_type)]  # fmt: skip
    address = chain.chain.metadata.address
    if not own:
        raise NotFound(f"{address(delegate)} is not such a proxy of {address(sender.account)}")
    if len(own) > 1:
        kinds = ", ".join(entry.proxy_type.name for entry in own)
        raise Mistyped(
            f"{address(delegate)} is a proxy in several ways: give --type, one of {kinds}"
        )
    kind = own[0].proxy_type
    sent = await sender.send(
        chain, "Proxy", "remove_proxy", delegate=Id(delegate), proxy_type=kind, delay=own[0].delay
    )  # fmt: skip
    text = f"{address(delegate)} is no longer a proxy ({kind.name})."
    report(sent, sender.as_json, text, proxy=address(delegate), type=kind.name)


# ---- announced calls


@program(
    proxy,
    "btt-chain proxy announce alice Balances.transfer_keep_alive carol 5BTT --from bob",
)  # fmt: skip
async def announce(
    chain: ViewClient,
    sender: Sender,
    real: AccountId,
    name: Annotated[str, Input("PALLET.CALL")],
    arguments: Annotated[list[str], Input("[ARG|NAME=ARG]...", default="")],
) -> None:
    """Announce a call as ACCOUNT, of which the signer is a proxy with a delay."""
    own = await definition_of(chain, real, AccountId(sender.account))
    inner = Call(chain.chain.metadata.arguments.encode_call(name, arguments))
    digest, account = blake2_256(inner.raw), chain.chain.metadata.address(real)
    failure = await failure_of(chain.chain, signed_by(real), inner)
    if failure is not None:
        show.note(f"note: as things stand, {account} could not make this call: {failure}")
    with wallet_errors():
        wallet().remember_call(digest, inner.raw)
    sent = await sender.send(chain, "Proxy", "announce", real=Id(real), call_hash=digest)
    report(
        sent, sender.as_json,
        f"Announced as number {sent.number}. In {blocks(own.delay, chain.slot_ms)}: "
        f"`btt-chain proxy execute {account} {sent.number}`.",
        number=sent.number, callHash=to_hex(digest), call=to_hex(inner.raw),
        dueAtBlock=sent.number + int(own.delay),
    )  # fmt: skip


@program(proxy, "btt-chain proxy execute alice 184 --from bob")
async def execute(
    chain: ViewClient,
    sender: Sender,
    real: AccountId,
    number: Number,
    call: Annotated[
        str | None,
        Input(
            "HEX|FILE",
            "The encoded call, if it was announced from another wallet.",
            check=call_given,
        ),
    ],
) -> None:
    """Make an announced call as ACCOUNT, when its delay is over."""
    own = AccountId(sender.account)
    announced = await announced_call(chain, own, real, number)
    delay = int((await definition_of(chain, real, own)).delay)
    height = int(announced.height)
    left = height + delay - (await chain.chain.best()).number
    if left > 0:
        raise Refused(f"number {height} can be executed in {blocks(left, chain.slot_ms)}")
    outer = carrying(
        chain.chain.metadata, "Proxy.proxy_announced",
        {"delegate": to_hex(own), "real": to_hex(real), "force_proxy_type": None},
        Call(bytes_of(announced, call)),
    )  # fmt: skip
    sent = await sender.send_call(chain.chain, outer)
    number_reported(sent, sender, height, "executed")


@program(proxy, "btt-chain proxy reject bob 184 --from alice")
async def reject(chain: ViewClient, delegate: Delegate, number: Number, sender: Sender) -> None:
    """Reject a call that PROXY announced as the signer's account."""
    announced = await announced_call(chain, delegate, AccountId(sender.account), number)
    sent = await sender.send(
        chain, "Proxy", "reject_announcement",
        delegate=Id(delegate), call_hash=announced.call_hash,
    )  # fmt: skip
    number_reported(sent, sender, announced.height, "rejected")


@program(proxy, "btt-chain proxy withdraw alice 184 --from bob")
async def withdraw(chain: ViewClient, real: AccountId, number: Number, sender: Sender) -> None:
    """Withdraw a call that the signer announced as ACCOUNT; its deposit is returned."""
    announced = await announced_call(chain, AccountId(sender.account), real, number)
    sent = await sender.send(
        chain, "Proxy", "remove_announcement", real=Id(real), call_hash=announced.call_hash
    )
    number_reported(sent, sender, announced.height, "withdrawn")


def number_reported(sent: Included, sender: Sender, height: int, done: str) -> None:
    """Print what was done with an announced call."""
    report(sent, sender.as_json, f"Number {height} is {done}.", number=int(height))


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


def bytes_of(announced: Announcement, typed: str | None) -> bytes:
    """Return the announced call. Mistyped or Refused if it is not here, or another one is given."""
    if typed is None:
        with wallet_errors():
            raw = wallet().recall(announced.call_hash)
        if raw is None:
            raise Mistyped(
                f"the chain has only the hash of the call, {to_hex(announced.call_hash)}: give it "
                "with --call HEX"
            )
    else:
        raw = call_given(typed)
    if blake2_256(raw) != announced.call_hash:
        raise Refused("this is another call than the announced one")
    return raw
