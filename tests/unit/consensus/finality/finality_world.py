"""A small GRANDPA world: a tree of named blocks with real headers, voters with names, votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from btt_chain.consensus.finality.round import Round, RoundState
from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.grandpa import (
    AnyMessage,
    AuthoritySignature,
    Commit,
    PrecommitMessage,
    SignedMessage,
    SignedPrecommit,
    Stage,
    Target,
    message_for,
    signing_payload,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import u32

PREVOTE, PRECOMMIT, PROPOSE = Stage.PREVOTE, Stage.PRECOMMIT, Stage.PROPOSE
SET_ID = 7
ROUND = 1


class World:
    """Blocks by name; the first is number 1, as in the scenarios of the Rust crate."""

    def __init__(self, first: str = "genesis") -> None:
        self.headers: dict[bytes, Header] = {}
        self.blocks: dict[str, Target] = {}
        self.names: dict[bytes, str] = {}
        self._put(first, H256(bytes(32)), 1)

    def push(self, parent: str, *names: str) -> World:
        for name in names:
            self._put(name, self.blocks[parent].hash, self.blocks[parent].number + 1)
            parent = name
        return self

    def _put(self, name: str, parent: H256, number: int) -> None:
        root = H256(blake2_256(name.encode()))
        header = Header(parent, u32(number), root, H256(bytes(32)), Digest())
        self.headers[header.hash()] = header
        self.blocks[name] = Target(header.hash(), number)
        self.names[header.hash()] = name

    def __getitem__(self, name: str) -> Target:
        return self.blocks[name]

    def name(self, block: Target | None) -> str | None:
        return None if block is None else self.names[block.hash]

    def header(self, block: Target) -> Header | None:
        header = self.headers.get(block.hash)
        return header if header is not None and header.number == block.number else None

    def parent(self, block: Target) -> H256 | None:
        header = self.header(block)
        return None if header is None else header.parent_hash

    def stands_on(self, base: str, block: str) -> bool:
        """The plain way: by asking for every parent."""
        at: H256 | None = self.blocks[block].hash
        while at in self.headers:
            if at == self.blocks[base].hash:
                return True
            at = self.headers[at].parent_hash
        return False


def crate_world() -> World:
    """The tree of the Rust crate's scenarios."""
    world = World().push("genesis", "A", "B", "C", "D", "E", "F")
    return world.push("E", "EA", "EB", "EC", "ED").push("F", "FA", "FB", "FC")


def seed(name: str) -> bytes:
    return blake2_256(name.encode())


_IDS: dict[str, AuthorityId] = {}


def who(name: str) -> AuthorityId:
    if name not in _IDS:
        _IDS[name] = AuthorityId(ed25519.public_from_seed(seed(name)))
    return _IDS[name]


def voters(weights: Mapping[str, int]) -> VoterSet:
    return VoterSet((who(name), weight) for name, weight in weights.items())


def by_weight(weights: Mapping[str, int]) -> VoterSet:
    """Voters of the Rust crate, where weight alone decides: any number of heads is enough."""
    made = voters(weights)
    made.threshold = made.threshold._replace(heads=0)
    made.tolerated = made.tolerated._replace(heads=-len(made))
    return made


def many(count: int) -> dict[str, int]:
    return {f"voter {index}": 1 for index in range(1, count + 1)}


CRATE_WEIGHTS = {"Alice": 4, "Bob": 7, "Eve": 3}


def unsigned(stage: Stage, block: Target, name: str, mark: int = 0) -> SignedMessage:
    """A vote for the arithmetic, which does not look at signatures."""
    return SignedMessage(
        message_for(stage, block), AuthoritySignature(bytes([mark]) * 64), who(name)
    )


def sign(
    message: AnyMessage, name: str, round_number: int = ROUND, set_id: int = SET_ID
) -> SignedMessage:
    payload = signing_payload(message, round_number, set_id)
    return SignedMessage(message, AuthoritySignature(ed25519.sign(seed(name), payload)), who(name))


def signed(
    stage: Stage, block: Target, name: str, round_number: int = ROUND, set_id: int = SET_ID
) -> SignedMessage:
    return sign(message_for(stage, block), name, round_number, set_id)


def precommit(block: Target, name: str, mark: int | None = None) -> SignedPrecommit:
    """A precommit, really signed unless a mark is given."""
    made = (
        signed(PRECOMMIT, block, name) if mark is None else unsigned(PRECOMMIT, block, name, mark)
    )
    return as_precommit(made)


def as_precommit(message: SignedMessage) -> SignedPrecommit:
    assert isinstance(message.message, PrecommitMessage)
    return SignedPrecommit(message.message.vote, message.signature, message.id)


def commit(target: Target, precommits: Iterable[SignedPrecommit]) -> Commit:
    return Commit(target.hash, u32(target.number), list(precommits))


def state_of(votes: Round) -> RoundState:
    return RoundState(votes.ghost, votes.finalized, votes.estimate, votes.completable)


def equivocators(votes: Round, stage: Stage) -> set[AuthorityId]:
    return {who for who, cast in votes._stages[stage].by_voter.items() if len(cast) > 1}


def vote_all(votes: Round, stage: Stage, block: Target, names: Sequence[str]) -> None:
    for name in names:
        votes.add(unsigned(stage, block, name))
