"""An indexer that is killed makes the same index in the end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from btt_chain.client.jsonrpc import Json
from support.chain import DevChain
from support.explorer import ChainConnection, dump, index_chain
from support.explorer_chains import chain_of, grow


@pytest.mark.parametrize(
    "moments",
    [
        (1, 4, 9, 14, 20, 27, 33, 41, 50, 60),
        pytest.param(range(100), marks=pytest.mark.full),
    ],
    ids=["some", "a-hundred"],
)
def test_an_indexer_that_is_killed_at_any_moment_makes_the_same_index_in_the_end(
    tmp_path: Path, moments: Iterable[int]
) -> None:
    chain = chain_of(6)
    grow(chain, 3, final=False)
    file = tmp_path / "killed.db"
    for answers in moments:
        child = os.fork()
        if child == 0:
            index_until_killed(chain, file, answers)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    asyncio.run(index_chain(ChainConnection(chain), file))
    asyncio.run(index_chain(ChainConnection(chain), tmp_path / "fresh.db"))
    assert dump(file) == dump(tmp_path / "fresh.db")


def index_until_killed(chain: DevChain, file: Path, answers: int) -> None:
    left = answers

    def kill(_method: str, _params: tuple[Json, ...], answer: Json) -> Json:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    asyncio.run(index_chain(ChainConnection(chain, lie=kill), file))
