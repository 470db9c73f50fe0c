"""Real clients, unmodified, name the author of each block of four validators."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import pytest

from btt_chain.consensus.babe.verify import slot_of
from btt_chain.primitives.header import Header
from btt_chain.testing import Devnet
from compat.client import Script, node_script, python_script, report
from genesis.accounts import address, dev_account

pytestmark = [pytest.mark.compat, pytest.mark.full]

BLOCKS: Final = 24
MADE: Final = re.compile(r"made a block for slot (\d+)")


class Served(NamedTuple):
    """A node of the network."""

    ws: str

    def troubles(self) -> str:
        return ""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """Four validators, each of which has made a block that is final."""
    folder = tmp_path_factory.mktemp("authors") / "net"
    with Devnet.create(folder, validators=4, slot_ms=1_000, log="info,babe=debug") as net:
        net.up()
        net.wait_for_finality(BLOCKS)
        yield net


def makers(net: Devnet) -> dict[int, set[str]]:
    """Return the addresses of the nodes that say that they have made a block for a slot."""
    found: dict[int, set[str]] = defaultdict(set)
    for node in net.nodes:
        who = address(dev_account(f"//{node.name}"))
        for slot in MADE.findall(node.log.read_text(errors="replace")):
            found[int(slot)].add(who)
    return found


@pytest.mark.parametrize(
    "script", [lambda: node_script("block_authors"), lambda: python_script("block_authors", "py1")]
)
def test_a_client_names_the_author_of_each_block(
    net: Devnet, script: Callable[[], Script], subtests: pytest.Subtests
) -> None:
    run = script().run([Served(net[0].ws)])
    report(run, subtests, least=1)
    made, authors = makers(net), {int(at): who for at, who in run.facts["authors"].items()}
    assert len(authors) >= BLOCKS
    assert len(set(authors.values())) == 4
    for number, who in authors.items():
        assert who in made[slot_at(net, number)], f"block {number}"


def slot_at(net: Devnet, number: int) -> int:
    """Return the slot of a block."""
    rpc = net[0].rpc
    raw: Any = rpc.call("chain_getHeader", rpc.block_hash(number))
    return slot_of(Header.from_json(raw))
