"""A client for chains of Substrate's kind: read, send, watch; with asyncio and without.

    from btt_chain.client import BlockingChain, KeyPair

    with BlockingChain.connect("ws://127.0.0.1:9944") as chain:
        call = chain.compose("Balances.transfer_keep_alive", dest="//Bob", value=10**18)
        print(chain.transactions.send(call, KeyPair.from_uri("//Alice")).events)

`Chain` is the same for asyncio. Everything is encoded and decoded by the chain's own metadata, so
no runtime is needed; `typed.RuntimeClient` has the classes of this repository's runtime instead.
docs/client.md is the guide.

The names below are imported when they are first used, so that the package is cheap to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btt_chain.client.amount import AmountError, Currency
    from btt_chain.client.blocking import BlockingChain
    from btt_chain.client.chain import BlockRef, BlockView, Chain
    from btt_chain.client.decoding import EventView, ExtrinsicView
    from btt_chain.client.errors import (
        ClientError,
        Disconnected,
        DispatchFailed,
        InvalidAnswer,
        InvalidArgument,
        NotFound,
        NotIncluded,
        RpcError,
        RuntimeChanged,
        TimedOut,
        TransactionRefused,
        Undecodable,
    )
    from btt_chain.client.extrinsics import Draft, Signer, SigningContext, hash_of, sign
    from btt_chain.client.jsonrpc import connect
    from btt_chain.client.metadata import ChainMetadata
    from btt_chain.client.transactions import Call, Included
    from btt_chain.crypto.keypair import KeyPair, Scheme

_MODULES = {
    "AmountError": "amount",
    "BlockRef": "chain",
    "BlockView": "chain",
    "BlockingChain": "blocking",
    "Call": "transactions",
    "Chain": "chain",
    "ChainMetadata": "metadata",
    "ClientError": "errors",
    "Currency": "amount",
    "Disconnected": "errors",
    "DispatchFailed": "errors",
    "Draft": "extrinsics",
    "EventView": "decoding",
    "ExtrinsicView": "decoding",
    "Included": "transactions",
    "InvalidAnswer": "errors",
    "InvalidArgument": "errors",
    "KeyPair": "..crypto.keypair",
    "NotFound": "errors",
    "NotIncluded": "errors",
    "RpcError": "errors",
    "RuntimeChanged": "errors",
    "Scheme": "..crypto.keypair",
    "Signer": "extrinsics",
    "SigningContext": "extrinsics",
    "TimedOut": "errors",
    "TransactionRefused": "errors",
    "Undecodable": "errors",
    "connect": "jsonrpc",
    "hash_of": "extrinsics",
    "sign": "extrinsics",
}
"""The module of each public name."""

__all__ = [
    "AmountError",
    "BlockRef",
    "BlockView",
    "BlockingChain",
    "Call",
    "Chain",
    "ChainMetadata",
    "ClientError",
    "Currency",
    "Disconnected",
    "DispatchFailed",
    "Draft",
    "EventView",
    "ExtrinsicView",
    "Included",
    "InvalidAnswer",
    "InvalidArgument",
    "KeyPair",
    "NotFound",
    "NotIncluded",
    "RpcError",
    "RuntimeChanged",
    "Scheme",
    "Signer",
    "SigningContext",
    "TimedOut",
    "TransactionRefused",
    "Undecodable",
    "connect",
    "hash_of",
    "sign",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES[name]
    path = module if module.startswith(".") else f".{module}"
    value: object = getattr(import_module(path, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
