"""The chains that come with the program: tables, no logic.

For each chain: the document of its rows, the length of its slots, and its block production. The
documents' rows are the JSON files beside this one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.slots import SECOND_MS, slots_in_time
from btt_chain.scale import u32
from runtime.constants import DAY_MS, HOUR_MS
from runtime.params import WorkRules
from runtime.sets import FULL


class ChainType(StrEnum):
    """The purpose of a chain; Live chains refuse publicly known keys."""

    DEVELOPMENT = "Development"
    LOCAL = "Local"
    LIVE = "Live"


class Engine(StrEnum):
    """Block production: by the local program, or by the winner of a slot."""

    MANUAL = "manual"
    BABE = "babe"


class Liquidity(Enum):
    """Distribution of the liquidity row."""

    ALICE_AND_FIVE = 1
    """Alice 200,000, Bob to Ferdie 40,000 each, the treasury 20,000 BTT."""
    NAMED_EQUALLY = 2
    """The treasury 20,000 BTT, named accounts equal parts, the remainder to Alice."""
    MULTISIG = 3
    """100 BTT to each signatory of a holder and each validator, the rest to the managers."""


class Finality(NamedTuple):
    """Parameters of GRANDPA voters that are not in the state."""

    gossip_ms: int
    """T: maximum time for a vote to reach all voters, in milliseconds."""
    behind: int
    """Distance of a vote's target behind the best block, in blocks."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain that comes with the program."""

    preset: str
    """Name of the chain in `--chain`."""
    id: str
    name: str
    chain_type: ChainType
    document: str
    symbol: str
    slot_ms: int
    engine: Engine
    liquidity: Liquidity
    epoch_slots: int
    reelection_epochs: int
    """Number of epochs between changes of GRANDPA's voters."""
    min_validators: int
    max_validators: int
    unbonding: int | timedelta
    """Number of epochs, or a time that must be whole epochs."""
    reporting: int | timedelta
    """Period in which offences can be reported, in the same form."""
    day_ms: int
    """Length of a day for governance and similar periods, in milliseconds."""
    hour_ms: int
    """Length of an hour of payments, in milliseconds."""
    work: WorkRules
    """Parameters of selecting, checking and disputing useful work."""
    validators: int = 0
    """Default number of validators with development keys; Live chains need a file."""
    runtime: str = FULL
    """Set of features of the runtime."""
    has_public_set: bool = False
    """True if the chain posts a job over the public data that ship with the program."""

    @property
    def is_live(self) -> bool:
        """True if the chain is public: it refuses publicly known keys."""
        return self.chain_type is ChainType.LIVE

    @property
    def is_manual(self) -> bool:
        """True if its blocks are sealed manually: its validators neither win slots nor vote."""
        return self.engine is Engine.MANUAL

    def with_runtime(self, runtime: str) -> Chain:
        """Return the chain with a set of features: another chain, with a name of its own."""
        if runtime == self.runtime:
            return self
        return replace(
            self,
            preset=f"{self.preset}-{runtime}",
            id=f"{self.id}-{runtime}",
            name=f"{self.name} ({runtime})",
            runtime=runtime,
        )

    def with_slot(self, slot_ms: int) -> Chain:
        """Return the chain with slots of this length.

        Its epochs and the steps of useful work keep their length in seconds where a slot is shorter
        than a second, and their number of slots otherwise.
        """
        epoch = slots_in_time(self.epoch_slots, slot_ms, self.slot_ms)
        steps = {
            name: u32(slots_in_time(int(getattr(self.work, name)), slot_ms, self.slot_ms))
            for name in WORK_STEPS
        }
        work = replace(self.work, **steps)
        return replace(self, slot_ms=slot_ms, epoch_slots=epoch, work=work)


WORK_STEPS: Final = (
    "accept_slots", "transcript_slots", "commit_slots", "reveal_slots", "challenge_slots",
)  # fmt: skip
"""The times among the rules of work. The delay of the beacon is none: it counts blocks."""

DOCUMENTS: Final = ("seed-000", "seed-001", "seed-002", "seed-004")
DEFAULT_DOCUMENT: Final = DOCUMENTS[0]


FINALITY: Final = {
    ChainType.DEVELOPMENT.value: Finality(gossip_ms=250, behind=0),
    ChainType.LOCAL.value: Finality(gossip_ms=250, behind=0),
}
"""Parameters by chain type."""
LIVE_FINALITY: Final = Finality(gossip_ms=1_000, behind=2)
"""Parameters of all other types."""
ROUND_GOSSIPS: Final = 4
"""Gossip durations of a round of GRANDPA: precommits are due then."""


def finality_of(chain_type: str, slot_ms: int) -> Finality:
    """Return the parameters of the voters of a chain with slots of this length.

    A round lasts no longer than a slot, so that blocks become final at the pace at which they come.
    """
    usual = FINALITY.get(chain_type, LIVE_FINALITY)
    return usual._replace(gossip_ms=min(usual.gossip_ms, slot_ms // ROUND_GOSSIPS))


MINUTE_MS: Final = 60_000
SHORT_HOUR_MS: Final = MINUTE_MS // 2
"""Hour of payments of development chains: payments settle after half a minute to a minute."""

MAX_LOCAL_VALIDATORS: Final = 32
"""Maximum number of validators of a local chain made with more than its table's maximum."""


TESTNET_WORK: Final = WorkRules(
    beacon_delay=u32(8),
    beacon_authors=u32(3),
    planted_error_ppm=u32(20_000),
    committee=u32(5),
    quorum=u32(4),
    min_operators=u32(5),
    accept_slots=u32(5),
    transcript_slots=u32(10),
    commit_slots=u32(20),
    reveal_slots=u32(5),
    challenge_slots=u32(300),
)
SEED_WORK: Final = replace(
    TESTNET_WORK,
    min_operators=u32(8),
    accept_slots=u32(10),
    transcript_slots=u32(50),
    commit_slots=u32(100),
    reveal_slots=u32(25),
    challenge_slots=u32(14_400),
)
"""Rules of the mainnets: a day to dispute what was found valid."""


FAST_WORK: Final = WorkRules(
    committee=u32(3),
    quorum=u32(2),
    min_operators=u32(2),
    accept_slots=u32(12),
    transcript_slots=u32(20),
    commit_slots=u32(20),
    reveal_slots=u32(12),
    challenge_slots=u32(40),
)
"""Rules of `fast`: as much time as on `local` with slots of two seconds."""


SHORT_SLOT_MS: Final = 500
"""Length of a slot of development and local chains that are not sealed by hand."""


def _development(preset: str, name: str, engine: Engine, validators: int) -> Chain:
    return Chain(
        preset=preset,
        id=f"btt-{preset}",
        name=name,
        chain_type=ChainType.DEVELOPMENT,
        document=DEFAULT_DOCUMENT,
        symbol="BTT",
        slot_ms=SECOND_MS,
        engine=engine,
        liquidity=Liquidity.ALICE_AND_FIVE,
        epoch_slots=20,
        reelection_epochs=1,
        min_validators=1,
        max_validators=16,
        unbonding=6,
        reporting=5,
        day_ms=MINUTE_MS,
        hour_ms=SHORT_HOUR_MS,
        work=WorkRules(),
        validators=validators,
        has_public_set=engine is Engine.BABE,
    )


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
        epoch_slots=600,
        reelection_epochs=24,
        min_validators=4,
        max_validators=100,
        unbonding=timedelta(days=28),
        reporting=timedelta(days=27),
        day_ms=DAY_MS,
        hour_ms=HOUR_MS,
        work=SEED_WORK,
    )


CHAINS: Final = {
    chain.preset: chain
    for chain in (
        _development("dev", "BTT Development", Engine.BABE, validators=1).with_slot(SHORT_SLOT_MS),
        _development("dev-manual", "BTT Development (sealed by hand)", Engine.MANUAL, validators=1),
        replace(
            _development("local", "BTT Local", Engine.BABE, validators=4),
            chain_type=ChainType.LOCAL,
            liquidity=Liquidity.NAMED_EQUALLY,
            work=WorkRules(committee=u32(3), quorum=u32(2), min_operators=u32(2)),
        ).with_slot(SHORT_SLOT_MS),
        replace(
            _development("fast", "BTT Fast", Engine.BABE, validators=4),
            chain_type=ChainType.LOCAL,
            slot_ms=SHORT_SLOT_MS,
            liquidity=Liquidity.NAMED_EQUALLY,
            epoch_slots=80,
            work=FAST_WORK,
            has_public_set=False,
        ),
        replace(
            _seed("testnet", "BTT Testnet"),
            document=DEFAULT_DOCUMENT,
            symbol="tBTT",
            epoch_slots=300,
            reelection_epochs=12,
            max_validators=64,
            unbonding=timedelta(days=1),
            reporting=timedelta(hours=20),
            day_ms=HOUR_MS,
            work=TESTNET_WORK,
            has_public_set=True,
        ),
        _seed("seed-000", "BTT Chain"),
        _seed("seed-001", "BTT Chain (seed-001)"),
        _seed("seed-002", "BTT Chain (seed-002)"),
        _seed("seed-004", "BTT Chain (seed-004)"),
    )
}
"""Chains by preset."""


class Region(NamedTuple):
    """A region of the work of providers."""

    name: str
    share_ppm: int
    """Wanted share of all work, in parts per million."""


REGIONS: Final = (
    Region("Eastern Asia", 350_000),
    Region("South-eastern Asia", 120_000),
    Region("Southern Asia", 100_000),
    Region("Central Asia", 20_000),
    Region("Western Asia", 60_000),
    Region("Eastern Europe", 50_000),
    Region("Northern Europe", 30_000),
    Region("Southern Europe", 30_000),
    Region("Western Europe", 70_000),
    Region("Northern Africa", 20_000),
    Region("Sub-Saharan Africa", 40_000),
    Region("Northern America", 70_000),
    Region("Latin America and the Caribbean", 30_000),
    Region("Oceania", 10_000),
)
"""Regions of every chain, with the names of the United Nations' list M49. The number of a region is
its place here: a new one is added at the end.

The shares are ours, and governance changes them by `Mining.set_params`.
"""

ALIASES: Final = {"mainnet": DEFAULT_DOCUMENT}
"""Other names for `--chain`."""
