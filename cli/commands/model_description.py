"""Descriptions of models by their owners: options, checks before a fee, lines for readers."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import click

from btt_chain.present import Context, Unfit, record, rule_of
from btt_chain.present.scalars import Name, Percentage
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.meaning import MILLIONTHS
from btt_chain.scale import u32
from cli.common.errors import Mistyped, Refused
from cli.common.options import Command
from cli.common.working import hash_of
from runtime.pallets.jobs.views import ModelView
from runtime.pallets.models.types import (
    METRICS,
    NO_CARD,
    PPM,
    Agreement,
    Claim,
    Description,
    Metric,
    Modality,
    Service,
    Use,
)

if TYPE_CHECKING:
    from btt_chain.work.package import Package

Member = TypeVar("Member", bound=IntEnum)

CLAIM: Final = "METRIC:SHARE:ITEMS:SET"
AGREEMENT: Final = "SHARE:ITEMS:SET"
"""Forms of texts; a set is a file or its SHA-256."""
UNEVALUATED: Final = (
    "--use decision-support needs a record of an evaluation with skill, which no model of this "
    "chain has yet: choose research, education or administrative"
)
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")


class Stated(NamedTuple):
    """The typed parts of a description; None: not typed."""

    service: Service | None = None
    modality: Modality | None = None
    use: Use | None = None
    card: Path | None = None
    claim: str | None = None
    agreement: str | None = None


def description_options(command: Command) -> Command:
    """Add the options of what the owner of a model states, which `Stated` takes."""
    options = (
        _member_option(
            "service", Service, "The kind of result; classification where a package has labels."
        ),
        _member_option(
            "modality", Modality, "The kind of input; other unless the package says it."
        ),
        _member_option("use", Use, "The intended use; research unless said."),
        click.option(
            "--card", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The model card: intended use, training data, licence, contact. Its SHA-256 goes "
            "to the chain.",
        ),
        click.option(
            "--claim", metavar=CLAIM,
            help="Your own result, as roc-auc:94.1%:1000:cases.npz. It is shown as your word.",
        ),
        click.option(
            "--agreement", metavar=AGREEMENT,
            help="The part of decisions that are those of the float model, as 99.2%:500:cases.npz.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _member_option(name: str, kind: type[IntEnum], help: str) -> Callable[[Command], Command]:
    def read(_ctx: click.Context, _param: click.Parameter, typed: str | None) -> IntEnum | None:
        return None if typed is None else member(kind, typed)

    choice = click.Choice(record_choices(kind), case_sensitive=False)
    return click.option(f"--{name}", type=choice, callback=read, help=help)


def record_choices(kind: type[IntEnum]) -> tuple[str, ...]:
    """Return the names of the members of an enumeration, as they are typed."""
    return rule_of(kind).choices


def described(typed: Stated, before: Description) -> Description:
    """Return a description with what was typed; the rest is as before. Mistyped, Refused.

    Whatever the chain would refuse is refused here, before a fee is paid.
    """
    stated = Description(
        before.service if typed.service is None else typed.service,
        before.modality if typed.modality is None else typed.modality,
        before.use if typed.use is None else typed.use,
        before.card if typed.card is None else hash_of(typed.card),
        before.claim if typed.claim is None else read_claim(typed.claim),
        before.loss if typed.agreement is None else read_agreement(typed.agreement),
    )
    if stated.use is Use.DecisionSupport:
        raise Refused(UNEVALUATED)
    claimed = stated.claim
    if claimed is not None and claimed.metric not in METRICS[stated.service]:
        metrics = " or ".join(words(metric) for metric in METRICS[stated.service])
        raise Refused(f"--claim: {words(stated.service)} is measured by {metrics}")
    return stated


def likely_description(package: Package, service: Service | None) -> Description:
    """Return the description that the preparation of a package suggests.

    Mistyped if neither it nor `service` says what the model returns.
    """
    preparation, outputs = package.preparation.as_json(), package.manifest.graph.made[0].dims
    if service is None and not ("labels" in preparation and len(outputs) == 1):
        raise Mistyped(
            "the package does not say what the model returns: give --service, one of "
            + ", ".join(record_choices(Service))
        )
    if "columns" in preparation:
        return Description(modality=Modality.Table)
    match preparation.get("modalities"):
        case [str(code)] if code in Modality.__members__:
            return Description(modality=Modality[code])
    return Description()


def member(kind: type[Member], typed: str) -> Member:
    """Return the member of an enumeration with a typed name. Raises Mistyped."""
    try:
        return Name(kind, lower_names=False).parse(typed, Context())
    except Unfit as error:
        raise Mistyped(str(error)) from None


def words(value: IntEnum) -> str:
    """Return the typed name of a member."""
    return record_choices(type(value))[list(type(value)).index(value)]


def read_claim(text: str) -> Claim:
    """Return the claim of a text, METRIC:SHARE:ITEMS:SET. Raises Mistyped."""
    metric, share, items, labelled = _parts("--claim", text, CLAIM)
    return Claim(
        _set(labelled), member(Metric, metric), _share("--claim", share), _items("--claim", items)
    )


def read_agreement(text: str) -> Agreement:
    """Return the agreement of a text, SHARE:ITEMS:SET. Raises Mistyped."""
    share, items, compared = _parts("--agreement", text, AGREEMENT)
    return Agreement(_share("--agreement", share), _items("--agreement", items), _set(compared))


def _parts(flag: str, text: str, form: str) -> list[str]:
    count = form.count(":")
    parts = text.split(":", count)
    if len(parts) != count + 1:
        raise Mistyped(f"{flag}: {text!r} is not of the form {form}")
    return parts


def _share(flag: str, text: str) -> u32:
    try:
        share = Percentage(u32, MILLIONTHS).parse(text, Context())
    except Unfit as error:
        raise Mistyped(f"{flag}: {error}") from None
    if share > PPM:
        raise Mistyped(f"{flag}: {text} is more than 100%")
    return share


def _items(flag: str, text: str) -> u32:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= u32.MAX:
        raise Mistyped(f"{flag}: {text!r} is not a number of items above zero")
    return u32(int(text))


def _set(text: str) -> H256:
    if _HASH.fullmatch(text):
        return H256(bytes.fromhex(text[2:]))
    if not Path(text).is_file():
        raise Mistyped(f"{text!r} is neither a file nor 0x and 64 hex digits of a SHA-256")
    return hash_of(Path(text))


def description_lines(view: ModelView, context: Context) -> dict[str, str]:
    """Return the lines about a registered model that its record has from owner and manifest."""
    about, text = view.description, record(ModelView).labelled(view, context)
    lines = {
        "leaves": f"{int(view.committed):_} bytes an item",
        "outputs": f"{int(view.outputs):_}",
        "preparation": to_hex(view.schema),
        "licence": f"{text['licence']} an item; not charged yet",
    }
    if view.next_licence is not None:
        next_fee = record(type(view.next_licence)).labelled(view.next_licence, context)
        lines["licence later"] = f"{next_fee['licence']} from {next_fee['since']} on"
    said = {
        "service": words(about.service),
        "modality": about.modality.name,
        "use": words(about.use),
        "card": "none" if about.card == NO_CARD else to_hex(about.card),
        "result": "none" if about.claim is None else _claim(about.claim),
        "agreement": "not stated" if about.loss is None else _agreement(about.loss),
    }
    return lines | {f"owner says: {name}": value for name, value in said.items()}


def _claim(claim: Claim) -> str:
    share = record(Claim).labelled(claim, Context())["value"]
    return f"{words(claim.metric)} {share} of {int(claim.items):_} items, set {to_hex(claim.set)}"


def _agreement(loss: Agreement) -> str:
    share = record(Agreement).labelled(loss, Context())["value"]
    return f"{share} with the float model of {int(loss.items):_} items, set {to_hex(loss.set)}"
