"""The site on which values are shown: names and links of accounts, and a language."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.pages.clock import Clock
from btt_chain.explorer.pages.transactions import short
from btt_chain.present import Context


class Pages:
    """The pages of a chain, as `present.Site`."""

    def __init__(self, data: ChainData, words: Callable[[str], str] = str) -> None:
        self._data = data
        self.name = data.label
        self.words = words

    def link(self, account: bytes) -> str:
        """Return a link to the page of an account, by its name or a short address."""
        address, name = self._data.address(account), self._data.label(account)
        kind = Markup("") if name else Markup(' class="mono"')
        link = Markup('<a{} href="/account/{}" title="{}">{}</a>')
        return link.format(kind, address, address, name or short(address))


def json_context(data: ChainData) -> Context:
    """Return the context of the JSON of pages."""
    return Context(data.prefix, data.currency, site=Pages(data))


def page_context(data: ChainData, words: Callable[[str], str], clock: Clock | None) -> Context:
    """Return the context of a page's HTML; without a clock it shows slots as numbers."""
    slot_ms = genesis_ms = None
    if clock is not None:
        slot_ms = clock["slotMs"]
        genesis_ms = clock["time"] - clock["slot"] * slot_ms
    return Context(data.prefix, data.currency, slot_ms, genesis_ms, site=Pages(data, words))
