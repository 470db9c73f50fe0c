"""`btt-chain identity`: ending an identity, and sub-accounts that share one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import click

from btt_chain.client.values import field
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u32
from cli.common import show
from cli.common.errors import Mistyped, NotFound
from cli.common.options import Group, examples, query_options
from cli.common.session import open_chain, run
from cli.common.wallets import names_of_accounts
from cli.common.working import account
from cli.declared import Input, composed, send
from runtime.pallets.identity.pallet import Identity

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain

MAX_NAME: Final = 32
"""Maximum length of a sub-account's name, in bytes."""


def _data(name: str) -> Plain:
    """Return a name in the form of calls. Mistyped if it is empty or too long."""
    raw = name.encode()
    if not 0 < len(raw) <= MAX_NAME:
        raise Mistyped(f"a name has 1 to {MAX_NAME} bytes, {len(raw)} were given")
    return {f"Raw{len(raw)}": "0x" + raw.hex()}


Name = Annotated[str, Input(check=_data)]

members = Group("members")
"""Commands that `btt-chain identity` has."""

send(
    members, "clear", Identity.clear_identity, "btt-chain identity clear --from //Bob",
    help="Remove your identity and its sub-accounts; all deposits are returned.",
    done="The identity is removed.",
)  # fmt: skip


@composed(
    members, Identity.cancel_request, "btt-chain identity cancel --from //Bob",
    done="The request is withdrawn.",
)  # fmt: skip
def cancel(
    registrar: Annotated[u32, Input(help="The number of the registrar.", default="0")],
) -> dict[str, object]:
    """Withdraw a request for a judgement; its fee is returned."""
    return {"reg_index": registrar}


@examples("btt-chain identity registrars")
@members.command()
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
@members.command()
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


@composed(
    members, Identity.add_sub, "btt-chain identity add-sub //Dave 'Ward 7' --from //Bob",
    done="{sub} is a sub-account; it agrees with `btt-chain identity agree`.",
)  # fmt: skip
def add_sub(sub: AccountId, name: Name) -> dict[str, object]:
    """Name a sub-account; it shares your identity when it agrees."""
    return {"sub": Id(sub), "data": _data(name)}


@composed(
    members, Identity.rename_sub, "btt-chain identity rename-sub //Dave 'Ward 8' --from //Bob",
    done="{sub} has another name.",
)  # fmt: skip
def rename_sub(sub: AccountId, name: Name) -> dict[str, object]:
    """Give a sub-account another name."""
    return add_sub(sub, name)


send(
    members, "remove-sub", Identity.remove_sub,
    "btt-chain identity remove-sub //Dave --from //Bob",
    help="Remove a sub-account; its deposit is returned.",
    done="{sub} is no longer a sub-account.",
)  # fmt: skip
send(
    members, "agree", Identity.agree_sub, "btt-chain identity agree //Bob --from //Dave",
    help="Agree to be a sub-account of PARENT, which named you: you share its identity.",
    inputs={"main": Input("PARENT")}, done="You are a sub-account of {main}.",
)  # fmt: skip
send(
    members, "leave", Identity.quit_sub, "btt-chain identity leave --from //Dave",
    help="Leave your parent account.", done="You are no longer a sub-account.",
)  # fmt: skip


# ---- helpers


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
