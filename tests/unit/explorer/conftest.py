"""The chain of the economy's pages, made and indexed once for all tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient

from support.explorer import ChainConnection, index_chain, pages_of
from support.explorer_economy import economy_chain

Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="session")
def economy() -> ChainConnection:
    """Return a connection to the chain; it must not be changed."""
    return ChainConnection(economy_chain(), kind="Development")


@pytest.fixture(scope="session")
def economy_index(tmp_path_factory: pytest.TempPathFactory, economy: ChainConnection) -> Path:
    """Return the index of the chain."""
    file = tmp_path_factory.mktemp("economy") / "index.db"
    asyncio.run(index_chain(economy, file))
    return file


@pytest_asyncio.fixture
async def economy_client(economy_index: Path, economy: ChainConnection) -> AsyncIterator[Client]:
    """Serve the pages of the chain."""
    async with pages_of(economy, economy_index, burst=1e9) as (made, _):
        yield made
