"""`btt-chain identity`: ending an identity, and sub-accounts that share one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.values import field
from cli.common import show
from cli.common.calls import report, send_calls
from cli.common.errors import Mistyped, NotFound
from cli.common.options import examples, query_options
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import open_chain, run
from cli.common.wallets import names_of_accounts
from cli.common.working import account

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain

MAX_NAME: Final = 32
"""Maximum length of a sub-account's name, in bytes."""

sub_argument = click.argument("sub", metavar="ACCOUNT")


@examples("btt-chain identity clear --from //Bob")
@click.command(cls=SendingCommand)
@call_options
def clear(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Remove your identity and its sub-accounts; all deposits are returned."""
    _send("Identity.clear_identity", {}, "The identity is removed.", url, timeout, as_json, options)


@examples("btt-chain identity cancel --from //Bob")
@click.command(cls=SendingCommand)
@click.option(
    "--registrar", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
    help="The number of the registrar.",
)  # fmt: skip
@call_options
def cancel(registrar: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Withdraw a request for a judgement; its fee is returned."""
    _send("Identity.cancel_request", {"reg_index": registrar}, "The request is withdrawn.", url,
          timeout, as_json, options)  # fmt: skip


@examples("btt-chain identity registrars")
@click.command()
@query_options
def registrars(url: str, timeout: float, as_json: bool) -> None:
    """List the registrars, and their fees."""

    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            found = await chain.storage("Identity.Registrars")
            rows = [
                (number, str(field(each, "account")), int(str(field(each, "fee"))))
                for number, each in enumerate(found if isinstance(found, list) else [])
                if each is not None
            ]
            if as_json:
                show.document([{"registrar": number, "account": who, "fee": str(fee)}
                               for number, who, fee in rows])  # fmt: skip
            elif rows:
                currency = chain.metadata.currency
                show.table([">registrar", "account", ">fee"],
                           [[str(number), who, currency.format(fee)]
                            for number, who, fee in rows])  # fmt: skip
            else:
                show.note("there are no registrars: governance appoints them")

    run(ask())


@examples("btt-chain identity subs //Bob")
@click.command()
@click.argument("who", metavar="ACCOUNT")
@query_options
def subs(who: str, url: str, timeout: float, as_json: bool) -> None:
    """List the sub-accounts of an account, and whether each agreed; and its own parent."""

    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            own = chain.metadata.address(account(who, chain.metadata.prefix))
            rows, deposit = await _subs(chain, own)
            parent = await _parent(chain, own)
            if as_json:
                show.document(
                    {"account": own, "parent": parent[0] if parent else None,
                     "deposit": str(deposit),
                     "subs": [{"account": each, "name": name, "agreed": agreed}
                              for each, name, agreed in rows]}
                )  # fmt: skip
                return
            if parent is not None:
                show.record({"parent": parent[0], "name there": parent[1]})
            if not rows:
                show.note("the account has no sub-accounts")
                return
            known = {chain.metadata.address(raw): name for raw, name in names_of_accounts().items()}
            show.table(
                ["sub-account", "name", "agreed"],
                [[f"{known[each]} ({each})" if each in known else each, name,
                  "yes" if agreed else "no"] for each, name, agreed in rows],
            )  # fmt: skip
            show.note(f"{chain.metadata.currency.format(deposit)} is reserved for them")

    run(ask())


@examples("btt-chain identity add-sub //Dave 'Ward 7' --from //Bob")
@click.command("add-sub", cls=SendingCommand)
@sub_argument
@click.argument("name")
@call_options
def add_sub(
    sub: str, name: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Name a sub-account; it shares your identity when it agrees."""
    _send("Identity.add_sub", {"sub": sub, "data": _data(name)}, f"{sub} is a sub-account; it "
          "agrees with `btt-chain identity agree`.", url, timeout, as_json, options)  # fmt: skip


@examples("btt-chain identity rename-sub //Dave 'Ward 8' --from //Bob")
@click.command("rename-sub", cls=SendingCommand)
@sub_argument
@click.argument("name")
@call_options
def rename_sub(
    sub: str, name: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Give a sub-account another name."""
    _send("Identity.rename_sub", {"sub": sub, "data": _data(name)}, f"{sub} has another name.",
          url, timeout, as_json, options)  # fmt: skip


@examples("btt-chain identity remove-sub //Dave --from //Bob")
@click.command("remove-sub", cls=SendingCommand)
@sub_argument
@call_options
def remove_sub(sub: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Remove a sub-account; its deposit is returned."""
    _send("Identity.remove_sub", {"sub": sub}, f"{sub} is no longer a sub-account.", url, timeout,
          as_json, options)  # fmt: skip


@examples("btt-chain identity agree //Bob --from //Dave")
@click.command(cls=SendingCommand)
@click.argument("main", metavar="PARENT")
@call_options
def agree(main: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Agree to be a sub-account of PARENT, which named you: you share its identity."""
    _send("Identity.agree_sub", {"main": main}, f"You are a sub-account of {main}.", url, timeout,
          as_json, options)  # fmt: skip


@examples("btt-chain identity leave --from //Dave")
@click.command(cls=SendingCommand)
@call_options
def leave(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Leave your parent account."""
    _send("Identity.quit_sub", {}, "You are no sub-account any more.", url, timeout, as_json,
          options)  # fmt: skip


COMMANDS: Final = (clear, cancel, registrars, subs, add_sub, rename_sub, remove_sub, agree, leave)


# ---- helpers


def _send(
    call: str, arguments: dict[str, Plain], text: str, url: str, timeout: float, as_json: bool,
    options: dict[str, object],
) -> None:  # fmt: skip
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            report(await send_calls(sender, chain, [(call, arguments)]), as_json, text)

    run(work())


def _data(name: str) -> Plain:
    """Return a name in the form of calls. Mistyped if it is empty or too long."""
    raw = name.encode()
    if not 0 < len(raw) <= MAX_NAME:
        raise Mistyped(f"a name has 1 to {MAX_NAME} bytes, {len(raw)} were given")
    return {f"Raw{len(raw)}": "0x" + raw.hex()}


async def _subs(chain: Chain, who: str) -> tuple[list[tuple[str, str, bool]], int]:
    """Return the sub-accounts of an account with their names and consent, and their deposit."""
    found = await chain.storage("Identity.SubsOf", who)
    deposit, accounts = found if isinstance(found, list) else (0, [])
    listed: list[Plain] = accounts if isinstance(accounts, list) else []
    keys = [[each] for each in listed]
    parents = await chain.storage_many("Identity.SuperOf", keys) if keys else []
    agreed = await chain.storage_batch(
        [chain.storage_key("Identity.Agreed", each) for each in listed]
    )
    rows = [
        (str(each), _text(parent), consent is not None)
        for each, parent, consent in zip(listed, parents, agreed, strict=True)
    ]
    return rows, int(str(deposit))


async def _parent(chain: Chain, who: str) -> tuple[str, str] | None:
    """Return the parent of an account, and its name there."""
    found = await chain.storage("Identity.SuperOf", who)
    return (str(found[0]), _text(found)) if isinstance(found, list) else None


def _text(parent: Plain) -> str:
    """Return the name in an entry of `SuperOf`."""
    data = parent[1] if isinstance(parent, list) else None
    if not isinstance(data, dict) or len(data) != 1:
        return ""
    ((_, raw),) = data.items()
    try:
        return bytes.fromhex(str(raw)[2:]).decode("utf-8", "replace")
    except ValueError:
        raise NotFound("the chain has no name of this sub-account") from None
