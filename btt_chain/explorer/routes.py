"""The pages: path, template, view, and what the description for programs says of each.

Everything that answers with data is declared here once: the server makes its routes of it, and
`openapi` the description.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Generic, TypeAlias, TypedDict, TypeVar

from multidict import MultiMapping

from btt_chain.explorer.context import Context
from btt_chain.explorer.export import table_names
from btt_chain.explorer.language import Language
from btt_chain.explorer.listed import listed
from btt_chain.explorer.pages import (
    accounts,
    assets,
    audit,
    blocks,
    chambers,
    contents,
    doctor,
    exchange,
    governance,
    home,
    jobs,
    merchants,
    models,
    payments,
    providers,
    runtime,
    staking,
    statistics,
    tokenomics,
    transactions,
    upgrades,
    validators,
)
from btt_chain.explorer.pages.forms import BadRequest, number_of
from btt_chain.present import Members, members
from btt_chain.present.visible import shown

Answer_co = TypeVar("Answer_co", bound=Mapping[str, object], covariant=True)
View: TypeAlias = "Callable[[Context, Asked, Language], Answer_co | Awaitable[Answer_co]]"


class Asked:
    """The parameters of a request: the parts of its path, and its query."""

    def __init__(self, parts: Mapping[str, str], query: MultiMapping[str]) -> None:
        self._parts = parts
        self._query = query

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return self._parts[name]

    def get(self, name: str) -> str | None:
        """Return a value of the query; None if it is absent."""
        return self._query.get(name)

    def has(self, name: str) -> bool:
        """Return True if the query has a name, with any value."""
        return name in self._query

    def all(self, name: str, limit: int) -> list[str]:
        """Return all values of the query with a name, at most `limit`."""
        return self._query.getall(name, [])[:limit]


@dataclass(frozen=True)
class Page(Generic[Answer_co]):
    """A page, and its twin in JSON."""

    path: str
    template: str
    about: str
    """One line for programs."""
    answer: type[Answer_co]
    """Type of its data: JSON, description and tables are written by the rule of it."""
    view: View[Answer_co]
    query: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the query, each with its meaning."""

    @cached_property
    def form(self) -> Members:
        """Rule of its data."""
        return members(self.answer)


MAX_KEYS: Final = 8
BELOW: Final = {"below": "The place below which the list goes on: `next` of the page before."}
AFTER: Final = {"after": "The row after which the list goes on: `next` of the page before."}
PARTS: Final = {
    "block": "A height, or the hash of a block.",
    "tx": "A place such as `1200-3`, or the hash of a transaction.",
    "event": "The name of an event, such as `Balances.Transfer`.",
    "account": "An address of any network, 32 bytes in hex, or the name of a known account.",
    "pallet": "The name of a pallet.",
    "item": "The name of a storage item, such as `System.Account`.",
    "index": "The number of a referendum.",
    "job": "The number of a job or of a receipt: 32 bytes in hex.",
    "model": "The number of a model: 32 bytes in hex.",
    "asset": "The number of an asset.",
    "order": "The number of an order.",
    "hash": "The hash of a transaction that was sent here.",
}
"""Parts of paths with their meanings."""


class ListRow(TypedDict):
    """A list of a page that can be exported."""

    name: str
    page: str
    of: str | None


class ExportPage(TypedDict):
    """The tables that can be exported."""

    tables: list[str]
    lists: list[ListRow]


def export_page(context: Context) -> ExportPage:
    """Return the tables that can be exported."""
    return {
        "tables": [*table_names()],
        "lists": [
            {"name": name, "page": table.page, "of": table.part} for name, table in listed(context)
        ],
    }


def _start(text: str | None) -> int:
    found = number_of(text or "0")
    if found is None:
        raise BadRequest(f"{shown(text or '')} is not an index of an extrinsic")
    return found


CHAIN: Final = (
    Page("/", "home.html", "Heights, rates, supply, and the latest blocks and transactions.",
         home.HomePage,
         lambda c, _a, _l: home.home_page(c)),
    Page("/blocks", "blocks.html", "Blocks, the highest first.", blocks.BlocksPage,
         lambda c, a, _: blocks.blocks_page(c, a.get("below")), BELOW),
    Page("/block/{block}", "block.html", "A block with its extrinsics, its own events, its digest.",
         blocks.BlockPage,
         lambda c, a, _: blocks.block_page(c, a.part("block"), _start(a.get("from"))),
         {"from": "The first extrinsic of the list."}),
    Page("/txs", "txs.html", "Signed transactions, the latest first.",
         transactions.TransactionsPage,
         lambda c, a, _: transactions.transactions_page(
             c, a.get("below"), a.get("call"), every=a.has("all")),
         {**BELOW, "call": "Only those with a call, such as `Balances.burn`.",
          "all": "With those that have no signer."}),
    Page("/tx/{tx}", "tx.html", "A transaction: its sentence, call, outcome, events and bytes.",
         transactions.TransactionPage,
         lambda c, a, spoken: transactions.transaction_page(c, a.part("tx"), spoken)),
    Page("/events/{event}", "events.html", "Events of a kind, the latest first.", blocks.EventsPage,
         lambda c, a, _: blocks.events_page(c, a.part("event"), a.get("below")), BELOW),
    Page("/accounts", "accounts.html", "Accounts, the richest first.", accounts.AccountsPage,
         lambda c, a, _: accounts.accounts_page(c, a.get("below")), BELOW),
    Page("/account/{account}", "account.html", "An account with its history and all its entries.",
         accounts.AccountPage,
         lambda c, a, _: accounts.account_page(c, a.part("account"), a.get("below")), BELOW),
    Page("/validators", "validators.html", "Validators with their blocks, made and expected.",
         validators.ValidatorsPage,
         lambda c, _a, _l: validators.validators_page(c)),
    Page("/validator/{account}", "validator.html", "A validator: blocks, bond and offences.",
         validators.ValidatorPage,
         lambda c, a, _: validators.validator_page(c, a.part("account"))),
    Page("/calls", "calls.html", "The pallets of the runtime.", runtime.CallsPage,
         lambda c, _a, _l: runtime.calls_page(c)),
    Page("/pallet/{pallet}", "pallet.html", "Calls, events, errors, constants and storage.",
         runtime.PalletPage,
         lambda c, a, _: runtime.pallet_page(c, a.part("pallet"))),
    Page("/contents/{pallet}", "contents.html", "The values that a pallet stores.",
         contents.ContentsPage,
         lambda c, a, _: contents.contents_page(c, a.part("pallet"))),
    Page("/storage/{item}", "storage.html", "The value of a storage item.", runtime.StoragePage,
         lambda c, a, _: runtime.storage_page(c, a.part("item"), a.all("key", MAX_KEYS)),
         {"key": "A key of a map; several times for several keys."}),
    Page("/upgrades", "upgrades.html", "Versions of the runtime, and the decisions on them.",
         upgrades.UpgradesPage,
         lambda c, _a, _l: upgrades.upgrades_page(c)),
    Page("/audit", "audit.html", "How complete the index is, and its last audits.", audit.AuditPage,
         lambda c, _a, _l: audit.audit_page(c)),
    Page("/doctor", "doctor.html", "The health of the node.", doctor.DoctorPage,
         lambda c, _a, _l: doctor.doctor_page(c)),
    Page("/export", "export.html", "The tables that can be exported.", ExportPage,
         lambda c, _a, _l: export_page(c)),
)  # fmt: skip
"""Pages of any Substrate chain."""

ECONOMY: Final = (
    Page("/governance", "governance.html", "Chambers, tracks and referenda.",
         governance.GovernancePage,
         lambda c, a, _: governance.governance_page(c, a.get("below")), BELOW),
    Page("/referendum/{index}", "referendum.html", "A referendum with its votes by chamber.",
         governance.ReferendumPage,
         lambda c, a, _: governance.referendum_page(c, a.part("index"))),
    Page("/chambers", "chambers.html", "Weights by year, members and the election.",
         chambers.ChambersPage,
         lambda c, _a, _l: chambers.chambers_page(c)),
    Page("/jobs", "jobs.html", "Jobs and prices of work.", jobs.JobsPage,
         lambda c, a, _: jobs.jobs_page(c, a.get("after"), only_open=a.has("open")),
         {**AFTER, "open": "Only jobs that have not ended."}),
    Page("/job/{job}", "job.html", "A job: its course, price, committee and verdicts.",
         jobs.JobPage,
         lambda c, a, _: jobs.job_page(c, a.part("job"))),
    Page("/receipt/{job}", "job.html", "The job of a receipt.", jobs.JobPage,
         lambda c, a, _: jobs.job_page(c, a.part("job"))),
    Page("/providers", "providers.html", "Providers with their bonds and load.", jobs.ProvidersPage,
         lambda c, a, _: jobs.providers_page(c, a.get("after")), AFTER),
    Page("/provider/{account}", "provider.html", "A provider: score, jobs, earnings, penalties.",
         providers.ProviderPage,
         lambda c, a, _: providers.provider_page(c, a.part("account"))),
    Page("/models", "models.html", "Models with their prices.", models.ModelsPage,
         lambda c, a, _: models.models_page(c, a.get("after")), AFTER),
    Page("/model/{model}", "model.html", "The card of a model.", models.ModelPage,
         lambda c, a, _: models.model_page(c, a.part("model"))),
    Page("/tokenomics", "tokenomics.html", "Supply, allocation, pools, burns, and releases.",
         tokenomics.TokenomicsPage,
         lambda c, _a, _l: tokenomics.tokenomics_page(c)),
    Page("/vesting", "vesting.html", "Rows of the allocation that contracts release.",
         staking.VestingPage,
         lambda c, _a, _l: staking.vesting_page(c)),
    Page("/staking", "staking.html", "Tiers, the reward pool, and what a stake would earn.",
         staking.StakingPage,
         lambda c, a, _: staking.staking_page(c, a.get("amount"), a.get("tier")),
         {"amount": "A stake, such as `1000 BTT`.", "tier": "Its tier, counted from 0."}),
    Page("/exchange", "exchange.html", "Registered assets.", exchange.ExchangePage,
         lambda c, a, _: exchange.exchange_page(c, a.get("from")),
         {"from": "The first asset of the list: `next` of the page before."}),
    Page("/market/{asset}", "market.html", "The order book and last auctions of an asset.",
         exchange.MarketPage,
         lambda c, a, _: exchange.market_page(c, a.part("asset"))),
    Page("/order/{order}", "order.html", "An open order of the exchange.", exchange.OrderPage,
         lambda c, a, _: exchange.order_page(c, a.part("order"))),
    Page("/asset/{asset}", "asset.html", "An asset: reports and the history of its value.",
         assets.AssetPage,
         lambda c, a, _: assets.asset_page(c, a.part("asset"))),
    Page("/payfi", "payfi.html", "Payments that wait for settlement, and merchants.",
         payments.PayfiPage,
         lambda c, a, _: payments.payfi_page(c, a.get("after")), AFTER),
    Page("/merchant/{account}", "merchant.html", "A merchant, without its payers.",
         merchants.MerchantPage,
         lambda c, a, _: merchants.merchant_page(c, a.part("account"))),
    Page("/facilities", "facilities.html", "Facilities, and the last statistics of points.",
         payments.FacilitiesPage,
         lambda c, a, _: payments.facilities_page(c, a.get("after")), AFTER),
    Page("/statistics", "statistics.html", "Published months of points, without small cells.",
         statistics.StatisticsPage,
         lambda c, a, _: statistics.statistics_page(c, a.get("month")),
         {"month": "The number of a published month."}),
    Page("/oracle", "oracle.html", "Prices with their states, and feeders.", payments.OraclePage,
         lambda c, _a, _l: payments.oracle_page(c)),
)  # fmt: skip
"""Pages of this project's pallets; on a chain without one, its page says so."""

PAGES: Final = CHAIN + ECONOMY
