"""`btt-chain provider list`: who computes, with their bonds and loads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.paging import PAGE, pages
from cli.common import show
from cli.common.options import examples, query_options
from cli.common.session import open_chain, run

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain

MAX_CLASS: Final = 65_535
YES: Final = "yes"


@dataclass(frozen=True, slots=True)
class Row:
    """A provider of the list; amounts in planck."""

    address: str
    kind: str
    classes: tuple[int, ...]
    busy: int
    capacity: int
    active: int
    reserved: int
    leaving: int
    lost: int
    last_heartbeat: int
    is_chilled: bool

    @property
    def bond(self) -> int:
        """The bond that answers for jobs."""
        return self.active + self.reserved


@examples("btt-chain provider list", "btt-chain provider list --class 1 --free --json")
@click.command("list")
@click.option(
    "--class", "model_class", type=click.IntRange(0, MAX_CLASS), help="Those that serve this class."
)
@click.option("--free", is_flag=True, help="Those that take another job now.")
@query_options
def list_(model_class: int | None, free: bool, url: str, timeout: float, as_json: bool) -> None:
    """List the providers: what they serve, their load and bond, and when they were last seen."""

    async def ask() -> None:
        async with open_chain(url, timeout) as chain:
            found = await read_rows(chain)
            emission = await chain.api("MiningApi.emission")
            fresh = fresh_eras(chain)
            currency = chain.metadata.currency
        era = int(str(emission["era"])) if isinstance(emission, dict) else 0
        rows = [
            row for row in found
            if (model_class is None or model_class in row.classes)
            and not (free and _takes(row, era, fresh) != YES)
        ]  # fmt: skip
        rows.sort(key=lambda row: (-row.bond, row.address))
        if as_json:
            show.document([document(row, era) for row in rows])
            return
        if not rows:
            show.note("there is no such provider" if found else "there are no providers")
            return
        show.table(
            ["provider", "kind", "classes", ">jobs", ">bond", ">lost", "last seen", "takes jobs"],
            [
                [
                    row.address, row.kind, ", ".join(map(str, row.classes)),
                    f"{row.busy} of {row.capacity}", bond, lost, _seen(row, era),
                    _takes(row, era, fresh),
                ]
                for row, bond, lost in zip(
                    rows, show.amounts(currency, [row.bond for row in rows]),
                    show.amounts(currency, [row.lost or None for row in rows]), strict=True,
                )
            ],
        )  # fmt: skip

    run(ask())


async def read_rows(chain: Chain) -> list[Row]:
    """Read all providers, page by page."""

    async def read(after: str | None) -> list[Row]:
        page = await chain.api("WorkApi.providers", after, PAGE)
        views = page if isinstance(page, list) else []
        return [_row(view) for view in views if isinstance(view, dict)]

    return [row async for row in pages(read, lambda row: row.address, None)]


def _row(view: dict[str, Plain]) -> Row:
    info = view["info"]
    known = info if isinstance(info, dict) else {}
    classes = known.get("classes")
    kind = known.get("kind")
    return Row(
        address=str(view["provider"]),
        kind=str(kind),
        classes=tuple(int(str(each)) for each in classes) if isinstance(classes, list) else (),
        busy=_int(view, "busy"),
        capacity=_int(view, "capacity"),
        active=_int(view, "active"),
        reserved=_int(view, "reserved"),
        leaving=_int(view, "leaving"),
        lost=_int(view, "lost"),
        last_heartbeat=_int(view, "last_heartbeat"),
        is_chilled=bool(view["chilled"]),
    )


def _int(view: dict[str, Plain], name: str) -> int:
    return int(str(view[name]))


def fresh_eras(chain: Chain) -> int:
    """Return the number of eras after the last heartbeat in which a provider gets jobs."""
    return int(str(chain.constant("Providers.FreshEras")))


def takes_jobs(*, is_chilled: bool, age: int, fresh: int, busy: int, capacity: int) -> str:
    """Return whether a provider gets a further job now, and why not; `age` of its heartbeat."""
    if is_chilled:
        return "no: it was chilled, or slashed"
    if age > fresh:
        return f"no: no heartbeat for {show.counted(age, 'era')}"
    return YES if busy < capacity else "no: it has all that it takes"


def _takes(row: Row, era: int, fresh: int) -> str:
    return takes_jobs(
        is_chilled=row.is_chilled, age=era - row.last_heartbeat, fresh=fresh, busy=row.busy,
        capacity=row.capacity,
    )  # fmt: skip


def _seen(row: Row, era: int) -> str:
    """Return the era of the last heartbeat in words."""
    age = era - row.last_heartbeat
    return "in this era" if age <= 0 else f"{show.counted(age, 'era')} ago"


def document(row: Row, era: int) -> dict[str, object]:
    """Return a provider as JSON; amounts in planck."""
    return {
        "provider": row.address,
        "kind": row.kind,
        "classes": list(row.classes),
        "busy": row.busy,
        "capacity": row.capacity,
        "active": str(row.active),
        "reserved": str(row.reserved),
        "leaving": str(row.leaving),
        "lost": str(row.lost),
        "lastHeartbeat": row.last_heartbeat,
        "era": era,
        "chilled": row.is_chilled,
    }
