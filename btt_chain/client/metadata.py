"""A chain's metadata: its items by name, its values in readable form, its extrinsics and events.

Works with any Substrate chain (V14, V15, V16): nothing here depends on our pallets.
"""

from __future__ import annotations

from btt_chain.client.amount import BTT, Currency
from btt_chain.client.arguments import Arguments
from btt_chain.client.decoding import Decoder
from btt_chain.client.items import Items
from btt_chain.client.storage import StorageItems
from btt_chain.client.values import Values
from btt_chain.primitives import ss58


class ChainMetadata:
    """The metadata of one runtime; its parts encode and decode, without a network."""

    def __init__(
        self, raw: bytes, *, currency: Currency = BTT, prefix: int = ss58.DEFAULT_PREFIX
    ) -> None:
        """Read metadata. Raises Undecodable."""
        self.currency = currency
        self.prefix = prefix
        self.items = Items(raw, prefix)
        self.values = Values(self.items, currency)
        self.arguments = Arguments(self.items, currency)
        self.storage = StorageItems(self.items, self.values, self.arguments)
        self.decoder = Decoder(self.items, self.values)

    def address(self, account: bytes) -> str:
        """Return the address of an account on this chain."""
        return ss58.encode(account, self.prefix)
