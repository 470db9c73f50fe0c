"""Shared by the commands of points: folders, secrets, and the chain's months."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.common.errors import NotFound, Refused
from cli.common.options import Command, read_text
from cli.common.working import account

if TYPE_CHECKING:
    from btt_chain.care.facility import FacilityFolder
    from btt_chain.care.schedule import Calendar
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.primitives.account import AccountId
    from btt_chain.primitives.activity_rule import ActivityRule
    from runtime.apis.incentives import CurrentMonth, EpochView

MIN_SECRET: Final = 12


def care_folder_option(command: Command) -> Command:
    """Add `--base-path`: the folder of vouchers and evidence."""
    return click.option(
        "--base-path",
        envvar="BTT_CARE",
        show_envvar=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Where vouchers and evidence are kept. [default: ~/.local/share/btt-chain]",
    )(command)


def secret_option(command: Command) -> Command:
    """Add `--secret`: the text that encrypts a facility's or an auditor's folder."""
    return click.option(
        "--secret",
        envvar="BTT_CARE_SECRET",
        show_envvar=True,
        required=True,
        metavar="SECRET",
        help="The secret that encrypts the folder; better a file that holds it, or -.",
    )(command)


def folder_secret(given: str) -> bytes:
    """Return the bytes of a folder's secret. UsageError if it is short.

    NotFound for the name of a missing file: the name itself would become the secret.
    """
    text = read_text(given)
    if text == given and is_file_name(text):
        raise NotFound(f"--secret: {text}: there is no such file")
    if len(text) < MIN_SECRET:
        raise click.UsageError(f"--secret has at least {MIN_SECRET} characters")
    return text.encode()


def is_file_name(text: str) -> bool:
    """Return True if a text resembles the name of a file; random text in base64 does not."""
    from btt_chain.client.accounts import FILE_NAME

    folders, _, name = text.rpartition("/")
    if FILE_NAME.fullmatch(name) or text.startswith(("./", "../")):
        return True
    first = folders[1:].partition("/")[0] if text.startswith("/") and len(text) < 256 else ""
    return bool(first) and Path("/", first).is_dir()


def care_folder(base: Path | None, role: str, genesis: bytes, owner: bytes) -> Path:
    """Return the folder of a role and an account on a chain."""
    from btt_chain.node.config import default_base_path

    return (
        (base or default_base_path()) / "care" / genesis.hex()[:16] / f"{role}-{owner.hex()[:16]}"
    )


@contextmanager
def words() -> Iterator[None]:
    """Turn errors of the programs of care into those of commands."""
    from btt_chain.care.errors import CareError

    try:
        yield
    except CareError as error:
        raise Refused(str(error)) from None


@contextmanager
def facility_folder(
    base: Path | None, secret: str, genesis: bytes, owner: bytes
) -> Iterator[FacilityFolder]:
    """Open a facility's folder; errors become those of commands."""
    from btt_chain.care.facility import FacilityFolder

    place = care_folder(base, "facility", genesis, owner)
    with words(), FacilityFolder.open(place, folder_secret(secret), genesis, owner) as folder:
        yield folder


def account_id(given: str, prefix: int) -> AccountId:
    """Return the account of a text. Mistyped if it is none."""
    from btt_chain.primitives.account import AccountId

    return AccountId(account(given, prefix))


async def current(chain: RuntimeClient) -> CurrentMonth:
    """Return the chain's current month."""
    from runtime.apis.incentives import IncentivesApi

    return await chain.api(IncentivesApi.current)


async def last_month(chain: RuntimeClient) -> int:
    """Return the month before the current one. Refused in the chain's first month."""
    now = await current(chain)
    if not now.month:
        left = int(now.ends) - await slot_of(chain)
        raise Refused(f"no month is over yet: month 0 ends in {left} slots")
    return int(now.month) - 1


async def calendar(chain: RuntimeClient) -> Calendar:
    """Return the calendar of the chain's months."""
    from btt_chain.care.schedule import MONTH_DAYS, Calendar

    now = await current(chain)
    return Calendar((int(now.ends) - int(now.begins)) // MONTH_DAYS)


async def slot_of(chain: RuntimeClient) -> int:
    """Return the chain's time, in slots since genesis."""
    from cli.commands.gov_calls import slot_now

    return await slot_now(chain.chain)


async def keys_of(chain: RuntimeClient, facility: AccountId, month: int) -> list[bytes]:
    """Return the moduli that the chain has for a facility's month; none if there are none."""
    from btt_chain.scale import u32
    from runtime.apis.incentives import IncentivesApi

    found = await chain.api(IncentivesApi.keys, facility, u32(month))
    return found or []


async def epoch_of(chain: RuntimeClient, facility: AccountId, month: int) -> EpochView | None:
    """Return a facility's month; None if it has not paid for it."""
    from btt_chain.scale import u32
    from runtime.apis.incentives import IncentivesApi

    return await chain.api(IncentivesApi.epoch, facility, u32(month))


async def rules_of(chain: RuntimeClient) -> dict[int, ActivityRule]:
    """Return the rules of activities by number."""
    from runtime.apis.incentives import IncentivesApi

    return {int(view.id): view.rule for view in await chain.api(IncentivesApi.rules)}


async def rule_of(chain: RuntimeClient, number: int) -> ActivityRule:
    """Return a rule. NotFound if there is none."""
    found = (await rules_of(chain)).get(number)
    if found is None:
        raise NotFound(f"the chain has no rule {number}; `btt-chain facility rules` lists them")
    return found
