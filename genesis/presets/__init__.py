"""The chains that come with the program: tables, no logic.

Which document's rows a chain has, how long its slots are, how its blocks are made (rulings E).
The documents' rows are the JSON files beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final


class ChainType(StrEnum):
    """What a chain is for; Live chains refuse keys that everybody knows."""

    DEVELOPMENT = "Development"
    LOCAL = "Local"
    LIVE = "Live"


class Engine(StrEnum):
    """Who may make blocks: the program at hand, or whoever wins a slot."""

    MANUAL = "manual"
    BABE = "babe"


class Liquidity(Enum):
    """Who gets the liquidity row."""

    ALICE_AND_FIVE = 1
    """Alice 200,000, Bob to Ferdie 40,000 each, the treasury 20,000 BTT."""
    NAMED_EQUALLY = 2
    """The treasury 20,000 BTT, Alice to Ferdie equal parts, what is left over to Alice."""
    MULTISIG = 3
    """100 BTT to each signatory of a holder and each validator, the rest to the managers."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain that comes with the program."""

    preset: str
    """The word behind `--chain`."""
    id: str
    name: str
    chain_type: ChainType
    document: str
    symbol: str
    slot_ms: int
    engine: Engine
    liquidity: Liquidity

    @property
    def is_live(self) -> bool:
        """Whether strangers trust it."""
        return self.chain_type is ChainType.LIVE


DOCUMENTS: Final = ("seed-000", "seed-001", "seed-002", "seed-004")
DEFAULT_DOCUMENT: Final = DOCUMENTS[0]


def _seed(document: str, name: str) -> Chain:
    return Chain(
        preset=document,
        id=f"btt-{document}",
        name=name,
        chain_type=ChainType.LIVE,
        document=document,
        symbol="BTT",
        slot_ms=6_000,
        engine=Engine.BABE,
        liquidity=Liquidity.MULTISIG,
    )


CHAINS: Final = {
    chain.preset: chain
    for chain in (
        Chain(
            preset="dev",
            id="btt-dev",
            name="BTT Development",
            chain_type=ChainType.DEVELOPMENT,
            document=DEFAULT_DOCUMENT,
            symbol="BTT",
            slot_ms=1_000,
            engine=Engine.MANUAL,
            liquidity=Liquidity.ALICE_AND_FIVE,
        ),
        Chain(
            preset="local",
            id="btt-local",
            name="BTT Local",
            chain_type=ChainType.LOCAL,
            document=DEFAULT_DOCUMENT,
            symbol="BTT",
            slot_ms=2_000,
            engine=Engine.BABE,
            liquidity=Liquidity.NAMED_EQUALLY,
        ),
        Chain(
            preset="testnet",
            id="btt-testnet",
            name="BTT Testnet",
            chain_type=ChainType.LIVE,
            document=DEFAULT_DOCUMENT,
            symbol="tBTT",
            slot_ms=6_000,
            engine=Engine.BABE,
            liquidity=Liquidity.MULTISIG,
        ),
        _seed("seed-000", "BTT Chain"),
        _seed("seed-001", "BTT Chain (seed-001)"),
        _seed("seed-002", "BTT Chain (seed-002)"),
        _seed("seed-004", "BTT Chain (seed-004)"),
    )
}
"""By preset."""

ALIASES: Final = {"mainnet": DEFAULT_DOCUMENT}
"""Other words behind `--chain`."""
