"""Exports of the pages' lists: what a page shows by runtime APIs, as whole tables.

A table is declared by its page, the list in that page's JSON, and its columns. It is streamed page
by page, at the last final block of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.forms import BadRequest, Fields, number_of
from btt_chain.present import Json
from btt_chain.present.visible import shown
from btt_chain.primitives.digits import whole_number

Fetch: TypeAlias = Callable[[dict[str, str], dict[str, str]], Awaitable[Fields]]
"""Returns the JSON of a page by the parts of its path and its query."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of a page. A column ends with `@` for an account, with `$` for an amount in planck."""

    page: str
    """Path of the page; its part, if it has one, is `of` in the query."""
    name: str
    fields: str
    """Columns as they are in the list, separated by spaces; the part of a path comes first."""
    cursor: str | None = None
    """Parameter of the query that continues the list."""

    @property
    def pallet(self) -> str | None:
        """The pallet without which a chain does not have the page; None for pages of any chain."""
        return PALLETS.get("/" + self.page.split("/")[1])

    @property
    def part(self) -> str | None:
        """The name of the part of the page's path; None if it has none."""
        _, brace, rest = self.page.partition("{")
        return rest.rstrip("}") if brace else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        found: list[str] = []
        for field in self.fields.split():
            name = field.rstrip("@$")
            found += [f"{name}Planck", name] if field.endswith("$") else [name]
        return tuple(found)

    async def read(
        self, context: Context, fetch: Fetch, of: str | None, after: str | None, *, is_next: bool
    ) -> tuple[list[Fields], str | None]:
        """Return the rows after a place, and the next place; None at the end.

        `after` is the first column of a row, or, if `is_next`, the place that was returned before.
        Raises BadRequest, and what the page raises.
        """
        query = {} if after is None else {self._cursor(): after}
        if after is not None and self.cursor == "from" and not is_next:
            number = number_of(after)
            if number is None:
                raise BadRequest(f"after={shown(after)} is not a number")
            query = {"from": str(number + 1)}
        if self.part is not None and not of:
            raise BadRequest("Name what the list belongs to: ?of=, as in the address of its page.")
        parts = {} if self.part is None else {self.part: of or ""}
        page = await fetch(parts, query)
        rows = page.get(self.name)
        following = page.get("next") if self.cursor is not None else None
        return (
            [self._row(context, row) for row in rows if isinstance(row, dict)]
            if isinstance(rows, list)
            else []
        ), None if following is None else str(following)

    def _cursor(self) -> str:
        if self.cursor is None:
            raise BadRequest("This table is short: it is exported as a whole only.")
        return self.cursor

    def _row(self, context: Context, row: Fields) -> Fields:
        found: Fields = {}
        for field in self.fields.split():
            name = field.rstrip("@$")
            value = _inside(row, name)
            if field.endswith("@"):
                found[name] = value.get("address") if isinstance(value, dict) else None
            elif field.endswith("$"):
                found[f"{name}Planck"] = value
                found[name] = _whole(context, value)
            else:
                found[name] = value
        return found


def _inside(row: Fields, name: str) -> Json:
    """Return a field, or with `a.b` the field of one."""
    value: Json = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _whole(context: Context, value: Json) -> Json:
    number = whole_number(value) if isinstance(value, str) else None
    return None if number is None else context.data.currency.format(number).replace("_", "")


PALLETS: Final = {
    "/governance": "Referenda", "/chambers": "Chambers", "/jobs": "Jobs", "/providers": "Jobs",
    "/provider": "Jobs", "/models": "Jobs", "/tokenomics": "Tokenomics", "/vesting": "Tokenomics",
    "/staking": "TierStaking", "/exchange": "Exchange", "/market": "Exchange",
    "/asset": "Exchange", "/payfi": "PayFi", "/facilities": "Facilities",
    "/statistics": "Facilities", "/oracle": "Oracle",
}  # fmt: skip
"""Pallets by the first part of the pages that need them."""

LISTED: Final = {
    "validators": Listed(
        "/validators", "validators", "account@ isActive share made expected low high last"
    ),
    "versions": Listed("/upgrades", "versions", "version first time codeHash"),
    "decisions": Listed("/upgrades", "decisions", "height time what version extrinsic signer@ by"),
    "audits": Listed("/audit", "audits", "height time checks"),
    "health": Listed("/doctor", "findings", "name verdict seen todo"),
    "pallets": Listed("/calls", "pallets", "index name calls events errors storage constants"),
    "referenda": Listed(
        "/governance", "referenda",
        "index stage isOpen track proposer@ hasDeposit call proposal bytes at", "below",
    ),
    "tracks": Listed(
        "/governance", "tracks",
        "id name deciding maxDeciding queued decisionDeposit$ approval participation",
    ),
    "chambers": Listed("/chambers", "chambers", "name weight share electorate$ members"),
    "weights": Listed("/chambers", "years", "year shares"),
    "institutions": Listed("/chambers", "institutions", "account@ amount$"),
    "representatives": Listed("/chambers", "representatives", "account@ amount$"),
    "jobs": Listed(
        "/jobs", "jobs",
        "id state outcome model modelName items work tier price$ paid$ posted requester@ provider@",
        "after",
    ),
    "prices-of-work": Listed("/jobs", "prices", "class name base$ least$ most$ sold offered"),
    "providers": Listed(
        "/providers", "providers",
        "account@ operator@ kind region classes capacity busy active$ reserved$ leaving$ "
        "lastHeartbeat chilled endpoints", "after",
    ),
    "earnings": Listed("/provider/{account}", "earnings", "height time what amount$"),
    "models": Listed(
        "/models", "models",
        "id name owner@ className base$ macs pricePerItem$ check openJobs isSuspended isRetired",
        "after",
    ),
    "allocation": Listed("/tokenomics", "allocation", "name kind amount$ share"),
    "pools": Listed(
        "/tokenomics", "pools", "account@ allocated$ released$ burned$ balance$ spent"
    ),
    "burns": Listed("/tokenomics", "burned", "reason amount$"),
    "milestones": Listed(
        "/tokenomics", "milestoneBurns", "id amount$ executedAt hospitals needed"
    ),
    "releases": Listed(
        "/tokenomics", "years",
        "year table$ contractual$ mining$ discretionary$ ceiling$ headroom$",
    ),
    "vesting": Listed(
        "/vesting", "rows",
        "name amount$ released$ share times.start times.cliff times.end years",
    ),
    "tiers": Listed("/staking", "tiers", "tier days reward burn minimum$ benefits"),
    "assets": Listed(
        "/exchange", "assets",
        "id name symbol kind right state issuer@ units value$ documents restricted frozen holders "
        "distributed$", "from",
    ),
    "bids": Listed("/market/{asset}", "bids", "price$ units orders"),
    "asks": Listed("/market/{asset}", "asks", "price$ units orders"),
    "trades": Listed("/market/{asset}", "trades", "slot price$ units"),
    "valuations": Listed("/asset/{asset}", "valuations", "slot time value$"),
    "reports": Listed(
        "/asset/{asset}", "reports", "role verifier@ approved complexity report slot time"
    ),
    "settlement": Listed("/payfi", "buckets", "bucket due minutes isLate merchants gross$"),
    "merchants": Listed("/payfi", "merchants", "account@ category state", "after"),
    "facilities": Listed(
        "/facilities", "facilities", "account@ kind region state bond$ knownGood counted", "after"
    ),
    "statistics": Listed("/statistics", "months", "month shown rows"),
    "prices": Listed("/oracle", "prices", "key state value time isWaiting minCount expiresMs"),
    "feeders": Listed("/oracle", "feeders", "account@ bond$ fed missed values"),
}  # fmt: skip
"""The tables by name."""


def listed(context: Context) -> list[tuple[str, Listed]]:
    """Return the tables of the pages that the chain has."""
    metadata = context.data.latest()
    found: set[str | None] = {None}
    if metadata is not None:
        found |= {pallet.name for pallet in metadata.items.runtime.pallets}
    return [(name, each) for name, each in LISTED.items() if each.pallet in found]
