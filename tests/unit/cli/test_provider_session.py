"""The registration of `provider run` by a chain that a test makes up."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.client.errors import DispatchFailed
from btt_chain.primitives.account import AccountId
from cli.commands.provider_session import Opened
from cli.common.errors import Refused
from runtime.pallets.providers.types import ProviderKind

if TYPE_CHECKING:
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.compute.blobs.store import BlobStore
    from btt_chain.compute.blobs.transport import BlobHost
    from btt_chain.compute.provider.folder import Folder
    from btt_chain.compute.provider.upkeep import Registration
    from btt_chain.crypto.keypair import KeyPair
    from runtime.pallets.jobs.views import ProviderView


class FakeChain:
    """Refuses each call; `info` is the description that the chain has, None for no provider."""

    def __init__(self, info: object) -> None:
        self.view = None if info is None else SimpleNamespace(info=info)

    async def submit(self, *_: object, **__: object) -> None:
        raise DispatchFailed("Providers.AlreadyRegistered", "")

    async def api(self, *_: object) -> object:
        return self.view

    async def head(self) -> object:
        return SimpleNamespace(number=9)


def opened(sent: list[int]) -> Opened:
    folder = SimpleNamespace(vrf=SimpleNamespace(public=b"v" * 32), seal_public=b"s" * 32)
    host = SimpleNamespace(endpoints=lambda: ["/ip4/127.0.0.1/tcp/1"])
    return Opened(
        AccountId(b"a" * 32), cast("KeyPair", None), cast("Folder", folder),
        cast("BlobStore", None), cast("BlobHost", host),
        cast("Registration", SimpleNamespace(sent=sent.append)),
    )  # fmt: skip


@pytest.mark.parametrize("call", ["register", "update"])
async def test_a_call_whose_connection_broke_and_that_came_in_ends_no_provider(call: str) -> None:
    sent: list[int] = []
    provider = opened(sent)
    wanted = provider.info(ProviderKind.Home, None, [0], 2)
    before = replace(wanted, endpoints=wanted.endpoints[:-1])

    async def make(info: object) -> None:
        chain = cast("RuntimeClient", FakeChain(info))
        if call == "register":
            await provider._register(chain, 10**18, 1, [0])
        else:
            await provider._agree(chain, cast("ProviderView", SimpleNamespace(info=before)))

    await make(wanted)
    assert sent == ([9] if call == "register" else [])
    for other in (None, before):
        with pytest.raises(Refused, match="AlreadyRegistered"):
            await make(other)
