"""A node that the tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.instant_node import instant_node


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A node of the development chain in another thread; a block for each transaction."""
    with instant_node(tmp_path_factory.mktemp("node")) as url:
        yield url
