"""GRANDPA's types: votes, signed payloads, commits, justifications, changes of the voters.

Nodes and the runtime use them: the runtime announces changes of the voters. Everything here is wire
format, or follows from it alone.
Sources: Substrate's `sp_consensus_grandpa` and `finality_grandpa`; w3f/polkadot-spec, "Finality";
the strict rule for justifications is that of Polkadot's bridges (`bp_header_chain`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import IntEnum, StrEnum
from typing import Annotated, ClassVar, Final, NamedTuple, TypeAlias

from btt_chain.crypto import ed25519
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import GRANDPA, H256, Consensus, DigestItem
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import JUSTIFICATION, MAX_ANCESTRIES, MAX_PRECOMMITS
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import (
    DecodeError,
    FixedBytes,
    MaxLen,
    Overflow,
    Path,
    TypeName,
    Variant,
    codec,
    compact_encode,
    path,
    u32,
    u64,
)


class AuthoritySignature(FixedBytes, size=64, path="sp_consensus_grandpa::app::Signature"):
    """A voter's signature, ed25519."""

    __slots__ = ()


AuthorityList: TypeAlias = list[tuple[AuthorityId, u64]]
"""Voters and their weights, as the runtime and the digests have them."""

HASH_AND_NUMBER: Final = {"H": H256, "N": u32}
"""Type parameters of a block's hash and number."""


class Stage(IntEnum):
    """The steps of a round; the value is the index of the message."""

    PREVOTE = 0
    PRECOMMIT = 1
    PROPOSE = 2


class Target(NamedTuple):
    """A block, as in votes."""

    hash: H256
    number: int


# --- votes ------------------------------------------------------------------


@path("finality_grandpa::Prevote", params=HASH_AND_NUMBER)
@dataclass(frozen=True, slots=True)
class Prevote:
    """First step: the head of the voter's best chain."""

    target_hash: Annotated[H256, TypeName("H")]
    target_number: Annotated[u32, TypeName("N")]


@path("finality_grandpa::Precommit", params=HASH_AND_NUMBER)
@dataclass(frozen=True, slots=True)
class Precommit:
    """Second step: the highest block that the voter saw prevoted by more than two thirds."""

    target_hash: Annotated[H256, TypeName("H")]
    target_number: Annotated[u32, TypeName("N")]


@path("finality_grandpa::PrimaryPropose", params=HASH_AND_NUMBER)
@dataclass(frozen=True, slots=True)
class PrimaryPropose:
    """The primary voter's hint about the last round; it has no weight."""

    target_hash: Annotated[H256, TypeName("H")]
    target_number: Annotated[u32, TypeName("N")]


class PrevoteMessage(Variant, index=0, unnamed=True, name="Prevote"):
    """A prevote as a message."""

    STAGE: ClassVar[Stage] = Stage.PREVOTE
    vote: Annotated[Prevote, TypeName("Prevote<H, N>")]


class PrecommitMessage(Variant, index=1, unnamed=True, name="Precommit"):
    """A precommit as a message."""

    STAGE: ClassVar[Stage] = Stage.PRECOMMIT
    vote: Annotated[Precommit, TypeName("Precommit<H, N>")]


class ProposeMessage(Variant, index=2, unnamed=True, name="PrimaryPropose"):
    """A primary's hint as a message."""

    STAGE: ClassVar[Stage] = Stage.PROPOSE
    vote: Annotated[PrimaryPropose, TypeName("PrimaryPropose<H, N>")]


Message: TypeAlias = Annotated[
    PrevoteMessage | PrecommitMessage | ProposeMessage,
    Path("finality_grandpa::Message", params=HASH_AND_NUMBER),
]
AnyMessage: TypeAlias = PrevoteMessage | PrecommitMessage | ProposeMessage
AnyVote: TypeAlias = Prevote | Precommit | PrimaryPropose

_SIGNED_PARAMS: Final = {**HASH_AND_NUMBER, "S": AuthoritySignature, "Id": AuthorityId}


def target_of(vote: AnyVote) -> Target:
    """Return the block that a vote names."""
    return Target(vote.target_hash, int(vote.target_number))


def message_for(stage: Stage, target: Target) -> AnyMessage:
    """Return the message of `stage` for a block; Overflow if its number does not fit."""
    where = (target.hash, u32(target.number))
    match stage:
        case Stage.PREVOTE:
            return PrevoteMessage(Prevote(*where))
        case Stage.PRECOMMIT:
            return PrecommitMessage(Precommit(*where))
        case Stage.PROPOSE:
            return ProposeMessage(PrimaryPropose(*where))


def stage_of(message: AnyMessage) -> Stage:
    """Return the step of the round of a message."""
    return message.STAGE


@path("finality_grandpa::SignedMessage", params=_SIGNED_PARAMS)
@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message with its voter and signature; round and set are in the envelope."""

    message: Annotated[Message, TypeName("Message<H, N>")]
    signature: Annotated[AuthoritySignature, TypeName("S")]
    id: Annotated[AuthorityId, TypeName("Id")]


def encode_signed(signed: SignedMessage) -> bytes:
    """Return the SCALE encoding of a signed message: with its codec it takes eight calls."""
    message = signed.message
    vote = message.vote
    number = vote.target_number.to_bytes(4, "little")
    return _INDICES[message.STAGE] + vote.target_hash + number + signed.signature + signed.id


_INDICES: Final = tuple(bytes([stage]) for stage in Stage)
"""Index of the variant of `Message`, by stage."""


@path("finality_grandpa::SignedPrevote", params=_SIGNED_PARAMS)
@dataclass(frozen=True, slots=True)
class SignedPrevote:
    """A prevote with its voter and signature."""

    prevote: Annotated[Prevote, TypeName("Prevote<H, N>")]
    signature: Annotated[AuthoritySignature, TypeName("S")]
    id: Annotated[AuthorityId, TypeName("Id")]


@path("finality_grandpa::SignedPrecommit", params=_SIGNED_PARAMS)
@dataclass(frozen=True, slots=True)
class SignedPrecommit:
    """A precommit with its voter and signature."""

    precommit: Annotated[Precommit, TypeName("Precommit<H, N>")]
    signature: Annotated[AuthoritySignature, TypeName("S")]
    id: Annotated[AuthorityId, TypeName("Id")]


def signing_payload(message: AnyMessage, round_number: int, set_id: int) -> bytes:
    """Return the 53 bytes that a voter signs; Overflow if a number does not fit 64 bits."""
    try:
        place = round_number.to_bytes(8, "little") + set_id.to_bytes(8, "little")
    except OverflowError as error:
        raise Overflow(f"round {round_number} of set {set_id} does not fit 64 bits") from error
    vote = message.vote
    number = vote.target_number.to_bytes(4, "little")
    return _INDICES[message.STAGE] + vote.target_hash + number + place


def is_signed(message: SignedMessage, round_number: int, set_id: int) -> bool:
    """Return True if a message is signed by its sender, for this round of this set."""
    payload = signing_payload(message.message, round_number, set_id)
    return ed25519.verify(message.id, payload, message.signature)


# --- aggregates -------------------------------------------------------------


@path("finality_grandpa::Commit", params=_SIGNED_PARAMS)
@dataclass(frozen=True, slots=True)
class Commit:
    """A block, and precommits for it or for its descendants that make it final."""

    target_hash: Annotated[H256, TypeName("H")]
    target_number: Annotated[u32, TypeName("N")]
    precommits: Annotated[
        list[SignedPrecommit],
        MaxLen(MAX_PRECOMMITS),
        TypeName("Vec<SignedPrecommit<H, N, S, Id>>"),
    ]

    @property
    def target(self) -> Target:
        """The block that is made final."""
        return Target(self.target_hash, int(self.target_number))

    def compact(self) -> CompactCommit:
        """Return the same with the signatures apart, as it is gossiped."""
        return CompactCommit(
            self.target_hash,
            self.target_number,
            [signed.precommit for signed in self.precommits],
            [(signed.signature, signed.id) for signed in self.precommits],
        )


@path("finality_grandpa::CompactCommit", params=_SIGNED_PARAMS)
@dataclass(frozen=True, slots=True)
class CompactCommit:
    """A commit with votes and signatures in two lists."""

    target_hash: Annotated[H256, TypeName("H")]
    target_number: Annotated[u32, TypeName("N")]
    precommits: Annotated[list[Precommit], MaxLen(MAX_PRECOMMITS), TypeName("Vec<Precommit<H, N>>")]
    auth_data: Annotated[
        list[tuple[AuthoritySignature, AuthorityId]],
        MaxLen(MAX_PRECOMMITS),
        TypeName("MultiAuthData<S, Id>"),
    ]

    def expand(self) -> Commit:
        """Return the expanded commit; ValueError if the two lists differ in length."""
        if len(self.precommits) != len(self.auth_data):
            raise ValueError(
                f"{len(self.precommits)} precommits with {len(self.auth_data)} signatures"
            )
        return Commit(
            self.target_hash,
            self.target_number,
            [
                SignedPrecommit(precommit, signature, who)
                for precommit, (signature, who) in zip(self.precommits, self.auth_data, strict=True)
            ],
        )


@path("sp_consensus_grandpa::GrandpaJustification", params={"Header": Header})
@dataclass(frozen=True, slots=True)
class Justification:
    """A commit with the headers between target and votes, verifiable without a chain."""

    round: u64
    commit: Annotated[Commit, TypeName("Commit<Header>")]
    votes_ancestries: Annotated[list[Header], MaxLen(MAX_ANCESTRIES), TypeName("Vec<Header>")]
    _raw: bytes | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def target(self) -> Target:
        """The block that is proven final."""
        commit = self.commit
        return Target(commit.target_hash, int(commit.target_number))

    def encode(self) -> bytes:
        """Return its bytes, as they are stored under the engine id `FRNK`; computed once."""
        raw = self._raw
        if raw is None:
            raw = _encode_justification(self)
            object.__setattr__(self, "_raw", raw)
        return raw

    @classmethod
    def decode(cls, raw: bytes) -> Justification:
        """Return the justification that `raw` encodes; DecodeError if it does not."""
        return JUSTIFICATION.decode(_JUSTIFICATION, raw)


@path("finality_grandpa::CatchUp", params=_SIGNED_PARAMS)
@dataclass(frozen=True, slots=True)
class CatchUp:
    """The votes that completed a round, for voters that are behind; all descend from the base."""

    round_number: u64
    prevotes: Annotated[
        list[SignedPrevote],
        MaxLen(MAX_PRECOMMITS),
        TypeName("Vec<SignedPrevote<H, N, S, Id>>"),
    ]
    precommits: Annotated[
        list[SignedPrecommit],
        MaxLen(MAX_PRECOMMITS),
        TypeName("Vec<SignedPrecommit<H, N, S, Id>>"),
    ]
    base_hash: Annotated[H256, TypeName("H")]
    base_number: Annotated[u32, TypeName("N")]

    @property
    def base(self) -> Target:
        """The common ancestor of all votes."""
        return Target(self.base_hash, int(self.base_number))

    def votes(self) -> list[SignedMessage]:
        """Return its votes as messages, prevotes first."""
        return [
            *(SignedMessage(PrevoteMessage(v.prevote), v.signature, v.id) for v in self.prevotes),
            *(precommit_message(v) for v in self.precommits),
        ]


_JUSTIFICATION: Final = codec(Justification)


def _encode_justification(proof: Justification) -> bytes:
    commit = proof.commit
    signed = commit.precommits
    if proof.votes_ancestries or len(signed) > MAX_PRECOMMITS:
        return _JUSTIFICATION.encode(proof)
    # The usual form, without headers: with the codec it takes nine calls more.
    return b"".join(
        [
            proof.round.to_bytes(8, "little"),
            commit.target_hash,
            commit.target_number.to_bytes(4, "little"),
            compact_encode(len(signed)),
            *[_encode_precommit(one) for one in signed],
            b"\0",
        ]
    )


def _encode_precommit(signed: SignedPrecommit) -> bytes:
    vote = signed.precommit
    number = vote.target_number.to_bytes(4, "little")
    return vote.target_hash + number + signed.signature + signed.id


def precommit_message(signed: SignedPrecommit) -> SignedMessage:
    """Return a commit's precommit as a message."""
    return SignedMessage(PrecommitMessage(signed.precommit), signed.signature, signed.id)


# --- changes of the voters --------------------------------------------------


class BadAnnouncement(ValueError):
    """A message to GRANDPA in a header is malformed or duplicated; the error says which."""


@path("sp_consensus_grandpa::ScheduledChange", params={"N": u32})
@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """The next voters; they take over when the block `delay` above this one is final."""

    next_authorities: AuthorityList
    delay: Annotated[u32, TypeName("N")]


class ChangeScheduled(Variant, index=1, unnamed=True, name="ScheduledChange"):
    """The voters change once this block is final."""

    change: Annotated[ScheduledChange, TypeName("ScheduledChange<N>")]


class ChangeForced(Variant, index=2, unnamed=True, name="ForcedChange"):
    """The voters change without waiting for finality, which then counts from `median`."""

    median: Annotated[u32, TypeName("N")]
    change: Annotated[ScheduledChange, TypeName("ScheduledChange<N>")]


class OnDisabled(Variant, index=3, unnamed=True):
    """The voter with this index is to be ignored; for information."""

    authority_index: Annotated[u64, TypeName("AuthorityIndex")]


class Pause(Variant, index=4, unnamed=True):
    """Voting is to pause after this many blocks; not implemented here."""

    delay: Annotated[u32, TypeName("N")]


class Resume(Variant, index=5, unnamed=True):
    """Voting is to resume after this many blocks; not implemented here."""

    delay: Annotated[u32, TypeName("N")]


ConsensusLog: TypeAlias = Annotated[
    ChangeScheduled | ChangeForced | OnDisabled | Pause | Resume,
    Path("sp_consensus_grandpa::ConsensusLog", params={"N": u32}),
]
AnyConsensusLog: TypeAlias = ChangeScheduled | ChangeForced | OnDisabled | Pause | Resume

CONSENSUS_LOG: Final = codec(ConsensusLog)


def consensus(log: AnyConsensusLog) -> Consensus:
    """Return the digest item of `log`."""
    return Consensus(GRANDPA, CONSENSUS_LOG.encode(log))


def announced(logs: Sequence[DigestItem]) -> ChangeScheduled | ChangeForced | None:
    """Return a digest's announced change of voters; BadAnnouncement if it is not clear.

    A forced change in the same header takes precedence over a scheduled one.
    """
    scheduled: ChangeScheduled | None = None
    forced: ChangeForced | None = None
    for item in logs:
        if not isinstance(item, Consensus) or item.engine != GRANDPA:
            continue
        try:
            log = CONSENSUS_LOG.decode_all(item.payload)
        except DecodeError as error:
            raise BadAnnouncement(f"a GRANDPA consensus digest is malformed: {error}") from error
        match log:
            case ChangeScheduled():
                if scheduled is not None:
                    raise BadAnnouncement("a change of voters is announced twice")
                scheduled = log
            case ChangeForced():
                if forced is not None:
                    raise BadAnnouncement("a forced change of voters is announced twice")
                forced = log
            case OnDisabled() | Pause() | Resume():
                pass  # no effect here
    change = scheduled if forced is None else forced
    if change is not None:
        _refuse_unfit(change.change.next_authorities)
    return change


def _refuse_unfit(authorities: AuthorityList) -> None:
    if not authorities:
        raise BadAnnouncement("no voters are announced")
    if any(weight == 0 for _, weight in authorities):
        raise BadAnnouncement("an announced voter has no weight")


# --- justifications ---------------------------------------------------------


class Verdict(StrEnum):
    """The result of checking a justification."""

    ACCEPTED = "accepted"
    WRONG_TARGET = "it is for another block"
    DUPLICATE_HEADER = "a header is given twice"
    REDUNDANT_VOTE = "there are votes after enough weight was reached"
    UNKNOWN_VOTER = "a vote is not of a voter"
    DUPLICATE_VOTER = "a voter votes twice"
    UNRELATED_VOTE = "a vote's way to the target is not shown"
    UNUSED_HEADER = "a header is given that leads to no vote"
    TOO_LITTLE_WEIGHT = "the votes do not weigh enough"
    TOO_FEW_VOTERS = "too few voters voted"
    VOTES_ELSEWHERE = "the votes make another block final, or none"
    BAD_SIGNATURE = "a vote is not signed by its voter"


def route(headers: Mapping[bytes, Header], base: Target, block: Target) -> list[H256] | None:
    """Return the hashes from `block` down to above `base`; None if `headers` do not lead there.

    Heights are checked with the hashes: a vote with a wrong height of a block is for no block.
    """
    way: list[H256] = []
    hash, number = block
    while number > base.number:
        header = headers.get(hash)
        if header is None or header.number != number:
            return None
        way.append(hash)
        hash, number = header.parent_hash, number - 1
    return way if (hash, number) == base else None


def signatures(justification: Justification, set_id: int) -> Verdict:
    """Check the signatures only: BAD_SIGNATURE if one is not its voter's."""
    for signed in justification.commit.precommits:
        if not is_signed(precommit_message(signed), justification.round, set_id):
            return Verdict.BAD_SIGNATURE
    return Verdict.ACCEPTED


def strict_shape(justification: Justification, voters: VoterSet) -> Verdict:
    """Check all but the signatures by the bridges' rule: no part missing or superfluous.

    Bridges go by weight alone; `full_shape` is the rule of this chain.
    """
    return _shape(justification, voters, is_strict=True)


def full_shape(justification: Justification, voters: VoterSet) -> Verdict:
    """Check all but the signatures: enough weight and voters, all for the target or above it.

    Votes may be more than are needed: where light voters are absent, enough voters weigh too much.
    """
    return _shape(justification, voters, is_strict=False)


def _shape(justification: Justification, voters: VoterSet, *, is_strict: bool) -> Verdict:
    headers: dict[bytes, Header] = {h.hash(): h for h in justification.votes_ancestries}
    if len(headers) != len(justification.votes_ancestries):
        return Verdict.DUPLICATE_HEADER
    weight, seen, used = 0, set[AuthorityId](), set[bytes]()
    target, weights, threshold = justification.target, voters.weights, voters.threshold
    for signed in justification.commit.precommits:
        if is_strict and weight >= threshold.weight:
            return Verdict.REDUNDANT_VOTE
        if signed.id not in weights:
            return Verdict.UNKNOWN_VOTER
        if signed.id in seen:
            return Verdict.DUPLICATE_VOTER
        way = route(headers, target, target_of(signed.precommit))
        if way is None:
            return Verdict.UNRELATED_VOTE
        used.update(way)
        seen.add(signed.id)
        weight += weights[signed.id]
    if weight < threshold.weight:
        return Verdict.TOO_LITTLE_WEIGHT
    if not is_strict and len(seen) < threshold.heads:
        return Verdict.TOO_FEW_VOTERS
    if len(used) != len(headers):
        return Verdict.UNUSED_HEADER
    return Verdict.ACCEPTED


def trimmed(justification: Justification, voters: VoterSet) -> Justification:
    """Return a proof that passes `full_shape`, without the votes that bridges call redundant.

    The heaviest votes stay, up to enough weight, and the headers that lead to them. Parity's
    relayers do the same (`verify_and_optimize_justification`).
    """
    weights, commit = voters.weights, justification.commit
    weight, chosen = 0, list[SignedPrecommit]()
    for signed in sorted(commit.precommits, key=lambda signed: -weights[signed.id]):
        if weight >= voters.threshold.weight:
            break
        chosen.append(signed)
        weight += weights[signed.id]
    headers: dict[bytes, Header] = {h.hash(): h for h in justification.votes_ancestries}
    ways = [route(headers, commit.target, target_of(one.precommit)) or [] for one in chosen]
    used = {hash for way in ways for hash in way}
    return Justification(
        justification.round,
        Commit(commit.target_hash, commit.target_number, chosen),
        [header for hash, header in headers.items() if hash in used],
    )


def verify_strict(
    justification: Justification, set_id: int, voters: VoterSet, target: Target
) -> Verdict:
    """Check a proof of `target` by the strict rule of bridges (`bp_header_chain`)."""
    return _verified(justification, set_id, target, strict_shape(justification, voters))


def verify_full(
    justification: Justification, set_id: int, voters: VoterSet, target: Target
) -> Verdict:
    """Check a proof of `target` by the rule of this chain (`full_shape`)."""
    return _verified(justification, set_id, target, full_shape(justification, voters))


def _verified(justification: Justification, set_id: int, target: Target, shape: Verdict) -> Verdict:
    """Return the verdict of a proof with a `shape`; signatures are last, as they cost most."""
    if justification.target != target:
        return Verdict.WRONG_TARGET
    return signatures(justification, set_id) if shape is Verdict.ACCEPTED else shape
