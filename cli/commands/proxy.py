"""`btt-chain proxy`: let others act for an account, and act for one.

A proxy without a delay acts with `--proxy-for ACCOUNT` on any command that sends. One with a delay
announces each call first, and executes it when the delay is over, unless the account rejects it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.transactions import Call
from btt_chain.client.values import field
from btt_chain.crypto.hashing import blake2_256
from btt_chain.present.times import span
from btt_chain.scale.metadata import VariantDef
from cli.common import show
from cli.common.calls import report, send_call
from cli.common.errors import Mistyped, NotFound, Refused, hint
from cli.common.options import Group, examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import call_given, open_chain, run
from cli.common.signers import carrying
from cli.common.trying import failure_of, signed_by
from cli.common.wallets import names_of_accounts, wallet, wallet_errors
from cli.common.working import account

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain

UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""Units of a delay, in seconds."""
DELAY: Final = re.compile(r"([0-9]{1,9}) ?([a-z]*)")

delegate_argument = click.argument("delegate", metavar="PROXY")
real_argument = click.argument("real", metavar="ACCOUNT")
number_argument = click.argument("number", required=False)


@dataclass(frozen=True, slots=True)
class Definition:
    """A proxy of an account."""

    delegate: str
    scope: str
    delay: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """An announced call of a proxy."""

    real: str
    call_hash: str
    height: int


@click.group(cls=Group)
def proxy() -> None:
    """Let others act for an account, and act for one.

    A proxy makes the calls of its type, such as Staking or Governance; Any is all of them, also
    payments. Any command that sends takes `--proxy-for ACCOUNT`.
    """


@examples("btt-chain proxy list //Alice", "btt-chain proxy list treasury --json")
@proxy.command("list")
@real_argument
@query_options
def list_(real: str, url: str, timeout: float, as_json: bool) -> None:
    """Show the proxies of an account, and the calls that it announced as a proxy itself."""

    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            who = _address(chain, real)
            found, deposit = await _proxies(chain, who)
            pending = await _announcements(chain, who)
            if as_json:
                show.document(
                    {"account": who, "deposit": str(deposit),
                     "proxies": [{"proxy": each.delegate, "type": each.scope,
                                  "delay": each.delay} for each in found],
                     "announcements": [{"account": each.real, "callHash": each.call_hash,
                                        "number": each.height} for each in pending]}
                )  # fmt: skip
                return
            known = names_of_addresses(chain)
            if found:
                show.table(
                    ["proxy", "type", "delay"],
                    [[known.get(each.delegate, each.delegate), each.scope,
                      _delay_text(chain, each.delay)] for each in found],
                )  # fmt: skip
                show.note(f"{chain.metadata.currency.format(deposit)} is reserved for them")
            else:
                show.note("the account has no proxies")
            if pending:
                show.table(
                    [">number", "as", "hash of the call"],
                    [[str(each.height), known.get(each.real, each.real), each.call_hash]
                     for each in pending],
                    title="announced calls",
                )  # fmt: skip

    run(ask())


@examples("btt-chain proxy add bob --type Staking --from alice",
          "btt-chain proxy add bob --type Any --delay 2d --from alice")  # fmt: skip
@proxy.command(cls=SendingCommand)
@delegate_argument
@click.option("--type", "scope", required=True, help="The calls it may make, as Staking or Any.")
@click.option(
    "--delay", default="0", show_default=True, metavar="BLOCKS|TIME",
    help="Time between the announcement of a call and its execution: blocks, or as 2d or 6h.",
)  # fmt: skip
@call_options
def add(
    delegate: str, scope: str, delay: str, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Let PROXY act for the signer, for a deposit. It can end with `proxy remove` at any time."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            blocks, kind = _blocks(chain, delay), _scope(chain, scope)
            who = _address(chain, delegate)
            if who == chain.metadata.address(sender.account):
                raise Mistyped("an account cannot be its own proxy")
            if kind == "Any" and not as_json:
                show.note("A proxy of type Any may make all calls, also send all of the money.")
            call = chain.compose("Proxy.add_proxy", delegate=who, proxy_type=kind, delay=blocks)
            done = await send_call(sender, chain, call)
            text = f"{delegate} may now act for {chain.metadata.address(sender.account)} ({kind})."
            report(done, as_json, text, proxy=who, type=kind, delay=blocks)

    run(work())


@examples("btt-chain proxy remove bob --from alice", "btt-chain proxy remove --all --from alice")
@proxy.command(cls=SendingCommand)
@click.argument("delegate", metavar="PROXY", required=False)
@click.option("--type", "scope", help="Only the proxy of this type.")
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
        async with open_chain(url, timeout) as chain:
            found, _ = await _proxies(chain, chain.metadata.address(sender.account))
            if delegate is None:
                if not found:
                    raise NotFound("the account has no proxies")
                done = await send_call(sender, chain, chain.compose("Proxy.remove_proxies"))
                report(done, as_json, f"{len(found)} proxies are removed.", removed=len(found))
                return
            who = _address(chain, delegate)
            own = [each for each in found if each.delegate == who
                   and (scope is None or each.scope == _scope(chain, scope))]  # fmt: skip
            if not own:
                raise NotFound(
                    f"{delegate} is not such a proxy of {chain.metadata.address(sender.account)}"
                )
            if len(own) > 1:
                kinds = ", ".join(each.scope for each in own)
                raise Mistyped(
                    f"{delegate} is a proxy in several ways: give --type, one of {kinds}"
                )
            (one,) = own
            call = chain.compose("Proxy.remove_proxy", delegate=who, proxy_type=one.scope,
                                 delay=one.delay)  # fmt: skip
            done = await send_call(sender, chain, call)
            report(done, as_json, f"{delegate} is no longer a proxy ({one.scope}).", proxy=who,
                   type=one.scope)  # fmt: skip

    run(work())


@examples("btt-chain proxy announce alice Balances.transfer_keep_alive carol 5BTT --from bob")
@proxy.command(cls=SendingCommand)
@real_argument
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
        async with open_chain(url, timeout) as chain:
            who = _address(chain, real)
            own = await _definition(chain, who, chain.metadata.address(sender.account))
            inner = Call(chain.metadata.arguments.encode_call(call_name, arguments))
            digest = blake2_256(inner.raw)
            failure = await failure_of(
                chain, signed_by(account(real, chain.metadata.prefix)), inner
            )
            if failure is not None:
                show.note(f"note: as things stand, {real} could not make this call: {failure}")
            with wallet_errors():
                wallet().remember_call(digest, inner.raw)
            call = chain.compose("Proxy.announce", real=who, call_hash="0x" + digest.hex())
            done = await send_call(sender, chain, call)
            text = (
                f"Announced as number {done.number}. In {_delay_text(chain, own.delay)}: "
                f"`btt-chain proxy execute {real} {done.number}`."
            )
            report(done, as_json, text, number=done.number, callHash="0x" + digest.hex(),
                   call="0x" + inner.raw.hex(), dueAtBlock=done.number + own.delay)  # fmt: skip

    run(work())


@examples("btt-chain proxy execute alice 184 --from bob")
@proxy.command(cls=SendingCommand)
@real_argument
@number_argument
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
        async with open_chain(url, timeout) as chain:
            who, own = _address(chain, real), chain.metadata.address(sender.account)
            found = await _announced(chain, own, who, number)
            rule, best = await _definition(chain, who, own), (await chain.best()).number
            left = found.height + rule.delay - best
            if left > 0:
                raise Refused(f"number {found.height} can be executed in "
                              f"{_delay_text(chain, left)}")  # fmt: skip
            inner = Call(_bytes_of(found, given))
            arguments: dict[str, Plain] = {"delegate": own, "real": who, "force_proxy_type": None}
            call = carrying(chain.metadata, "Proxy.proxy_announced", arguments, inner)
            done = await send_call(sender, chain, call)
            report(done, as_json, f"Number {found.height} is executed.", number=found.height)

    run(work())


@examples("btt-chain proxy reject bob 184 --from alice")
@proxy.command(cls=SendingCommand)
@delegate_argument
@number_argument
@call_options
def reject(
    delegate: str, number: str | None, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Reject a call that PROXY announced as the signer's account."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            who = _address(chain, delegate)
            found = await _announced(chain, who, chain.metadata.address(sender.account), number)
            call = chain.compose("Proxy.reject_announcement", delegate=who,
                                 call_hash=found.call_hash)  # fmt: skip
            done = await send_call(sender, chain, call)
            report(done, as_json, f"Number {found.height} is rejected.", number=found.height)

    run(work())


@examples("btt-chain proxy withdraw alice 184 --from bob")
@proxy.command(cls=SendingCommand)
@real_argument
@number_argument
@call_options
def withdraw(
    real: str, number: str | None, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Withdraw a call that the signer announced as ACCOUNT; its deposit is returned."""
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            who = _address(chain, real)
            found = await _announced(chain, chain.metadata.address(sender.account), who, number)
            call = chain.compose("Proxy.remove_announcement", real=who,
                                 call_hash=found.call_hash)  # fmt: skip
            done = await send_call(sender, chain, call)
            report(done, as_json, f"Number {found.height} is withdrawn.", number=found.height)

    run(work())


# ---- the chain's records


async def _proxies(chain: Chain, who: str) -> tuple[list[Definition], int]:
    """Return the proxies of an account, and the deposit for them."""
    found = await chain.storage("Proxy.Proxies", who)
    rows, deposit = found if isinstance(found, list) else ([], 0)
    return [
        Definition(
            str(field(each, "delegate")),
            str(field(each, "proxy_type")),
            int(str(field(each, "delay"))),
        )
        for each in (rows if isinstance(rows, list) else [])
    ], int(str(deposit))


async def _definition(chain: Chain, real: str, delegate: str) -> Definition:
    """Return the entry that makes an account a proxy of another. Refused if nothing does."""
    found, _ = await _proxies(chain, real)
    own = [each for each in found if each.delegate == delegate]
    if not own:
        raise Refused(f"{delegate} is not a proxy of {real}")
    return own[0]


async def _announcements(chain: Chain, delegate: str) -> list[Announcement]:
    found = await chain.storage("Proxy.Announcements", delegate)
    rows = found[0] if isinstance(found, list) else []
    return [
        Announcement(
            str(field(each, "real")),
            str(field(each, "call_hash")),
            int(str(field(each, "height"))),
        )
        for each in (rows if isinstance(rows, list) else [])
    ]


async def _announced(chain: Chain, delegate: str, real: str, number: str | None) -> Announcement:
    """Return an announced call by its number or the beginning of its hash; else the only one."""
    pending = [each for each in await _announcements(chain, delegate) if each.real == real]
    known = ", ".join(str(each.height) for each in pending)
    fits = [
        each for each in pending
        if number is None or number == str(each.height)
        or (len(number) > 5 and each.call_hash.startswith(number.lower()))
    ]  # fmt: skip
    if not pending:
        raise NotFound(f"{delegate} has announced no call as {real}")
    if not fits:
        raise NotFound(f"no call {number} is announced; known are {known}")
    if len(fits) > 1:
        hashes = ", ".join(each.call_hash[:14] for each in fits)
        raise Mistyped(f"several calls are announced: give the beginning of a hash, of {hashes}")
    return fits[0]


# ---- helpers


def names_of_addresses(chain: Chain) -> dict[str, str]:
    """Return addresses with their names in the wallet, as they are shown."""
    return {
        chain.metadata.address(account): f"{name} ({chain.metadata.address(account)})"
        for account, name in names_of_accounts().items()
    }


def _address(chain: Chain, text: str) -> str:
    """Return the address of an account as typed. Mistyped if the text is not an account."""
    return chain.metadata.address(account(text, chain.metadata.prefix))


def _scope(chain: Chain, given: str) -> str:
    """Return a type of proxy by its name, in any case. Mistyped if there is none."""
    _, call = chain.metadata.items.call("Proxy.add_proxy")
    types = chain.metadata.items.types
    kind = next(field.type for field in call.fields if field.name == "proxy_type")
    definition = types.type(kind).definition
    known = (
        [each.name for each in definition.variants] if isinstance(definition, VariantDef) else []
    )
    plain = given.replace("-", "").replace("_", "").lower()
    for name in known:
        if name.lower() == plain:
            return name
    raise Mistyped(f"--type: there is no type {given!r}; {hint(given, known)}")


def _blocks(chain: Chain, text: str) -> int:
    """Return a delay in blocks: a number of them, or a time. Mistyped if it is neither."""
    found = DELAY.fullmatch(text.strip())
    if found is None or (found[2] and found[2] not in UNITS):
        raise Mistyped(f"--delay: {text!r} is not a delay: write blocks, as 600, or a time, as 2d, "
                       "6h or 30min")  # fmt: skip
    number = int(found[1])
    if found[2]:
        number = -(-number * UNITS[found[2]] * 1_000 // _slot_ms(chain))
    if number >= 1 << 32:
        raise Mistyped(f"--delay: {text} is too long")
    return number


def _slot_ms(chain: Chain) -> int:
    return int(str(chain.constant("Babe.ExpectedBlockTime")))


def _delay_text(chain: Chain, blocks: int) -> str:
    if not blocks:
        return "none"
    return f"{blocks:_} blocks (about {span(blocks * _slot_ms(chain))})"


def _bytes_of(found: Announcement, given: str | None) -> bytes:
    """Return the announced call. Mistyped or Refused if it is not here, or another one is given."""
    digest = bytes.fromhex(found.call_hash[2:])
    if given is None:
        with wallet_errors():
            raw = wallet().recall(digest)
        if raw is None:
            raise Mistyped(
                f"the chain has only the hash of the call, {found.call_hash}: give it with --call "
                "HEX"
            )
    else:
        raw = call_given(given)
    if blake2_256(raw) != digest:
        raise Refused("this is another call than the announced one")
    return raw
