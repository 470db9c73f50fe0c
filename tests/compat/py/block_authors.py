"""substrate-interface, unmodified, names the authors of the blocks of several validators."""

from __future__ import annotations

import sys

from substrateinterface import SubstrateInterface

from compat.py.checks import check, done, fact, run


class BlockAuthors:
    """Checks of a chain of several validators."""

    def __init__(self, url: str) -> None:
        self.url = url

    @check
    def names_the_author_of_each_block(self) -> None:
        node = SubstrateInterface(url=self.url)
        last = node.get_block_number(node.get_chain_finalised_head())
        blocks = {at: node.get_block(block_number=at, include_author=True)
                  for at in range(1, last + 1)}  # fmt: skip
        fact("authors", {at: block["author"] for at, block in blocks.items()})


if __name__ == "__main__":
    run(BlockAuthors(sys.argv[1]))
    done()
