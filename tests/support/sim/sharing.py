"""Results that one node of a simulation computes for all.

All nodes run the same runtime, so one node's result for the same bytes is that of each: the
changes that a block makes to its parent's state, the claim of a header, the epoch of a slot by its
parent's state, a decoded header or message of GRANDPA. Each node still requests each of them when
it needs it, and is refused while it lacks the block that the result belongs to. The signature that
an engine has just made is valid for all: for this key and these bytes only.

This is tested: one seed in fifty shares nothing (`Scenario.of`), and in all others each node
executes one block in `AGAIN` itself, another one than its neighbours do, which must make the same
changes, and one signature in `CHECKED` is verified. Refusals are not shared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from btt_chain.chain.client import Client, Made
from btt_chain.chain.notify import BlockRef
from btt_chain.chain.runtimes import LoadedRuntime, RuntimeRegistry, extrinsics_root
from btt_chain.consensus.babe.verify import SealCheck, Verified
from btt_chain.consensus.finality.messages import GossipMessage
from btt_chain.consensus.finality.signatures import Signatures
from btt_chain.consensus.importer import Importer, Slots
from btt_chain.node.engine.engine import Engine
from btt_chain.primitives.grandpa import AnyMessage, SignedMessage
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId
from p2p.protocols.messages import Announce, read_announce
from runtime.frame.version import CODE_KEY
from runtime.params import PARAMS_KEY
from storage.state import Pending
from support.sim.errors import Violation

REMEMBERED: Final = 512
"""Entries of each kind that are known in common; the oldest go, and are found out anew."""
AGAIN: Final = 24
"""One block in so many is executed by a node although the result is known."""
CHECKED: Final = 32
"""One vote or seal in so many has its signature verified although an honest node has just made it.
If nodes signed other bytes than they verify, the first world would show it: it has hundreds."""
RESPONSE: Final = 32
"""Index of the first byte of a signature that hangs on the message: before it is the nonce."""


class _SharedRuntime(LoadedRuntime):
    """The runtime of another node, with a pool's view of its own: that stays open between steps."""

    def __init__(self, loaded: LoadedRuntime) -> None:
        # Not the parent's: it would build three runtimes, and that takes most of a world's time.
        self._build, self._chain = loaded._build, loaded._chain
        self._verdicts = loaded._verdicts
        self.blocks, self.queries = loaded.blocks, loaded.queries
        self.pool = self._executive()
        self.version = loaded.version


class SharedRuntimes(RuntimeRegistry):
    """The runtimes of another node; verified signatures count for both."""

    def __init__(self, others: RuntimeRegistry) -> None:
        super().__init__(others._builders)
        self.verdicts = others.verdicts
        self._others = others

    def _build(self, code: bytes, params: bytes) -> LoadedRuntime:
        values = {CODE_KEY: code, PARAMS_KEY: params}
        return _SharedRuntime(self._others.of(values.get))


K = TypeVar("K")
V = TypeVar("V")
Signing: TypeAlias = Callable[[int, int, AnyMessage, AuthorityId], SignedMessage | None]


@dataclass(slots=True)
class _Found:
    body: list[bytes]
    pending: Pending


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    """Set an entry; the oldest goes when there are too many."""
    # Not a `dict`: its first entry is found by a search over all that were deleted before it.
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)


class Shared:
    """Results that the nodes of a world share."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[bytes, _Found] = OrderedDict()
        self._headers: OrderedDict[bytes, Header] = OrderedDict()
        self._slots: OrderedDict[tuple[bytes, int], Slots] = OrderedDict()
        self._verified: OrderedDict[bytes, tuple[Verified, int]] = OrderedDict()
        self._messages: OrderedDict[bytes, GossipMessage] = OrderedDict()
        self._announces: OrderedDict[bytes, Announce] = OrderedDict()
        self._seals: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()
        """Keys and sealed hashes of honest seals that are taken as valid."""
        self.executed = 0
        self.spared = 0

    def join(self, client: Client, index: int) -> None:
        """Let the chain of the node `index` use the results of others, and share its own."""
        vars(client)["execute"] = self._executing(client, index, client.execute)
        vars(client)["import_block"] = self._importing(client.import_block)
        vars(client)["header"] = self._reading(client)

    def attend(self, engine: Engine, verify: Signatures) -> None:
        """Let a node that is put together use it, too; `verify` has all nodes' verdicts."""
        importer, validator = engine.parts.importer, engine.parts.gadget._validator
        signer = engine.parts.signer
        if signer is not None:
            vars(signer)["sign"] = self._signing(signer.sign, verify)
            vars(signer)["seal"] = self._sealing(signer.seal)
        vars(importer)["slots"] = self._looking(importer, importer.slots)
        vars(importer._checks)["is_signed"] = self._verifying(importer._checks.is_signed)
        vars(importer)["check"] = self._checking(importer, importer.check)
        vars(validator)["decode"] = self._decoding(validator.decode)
        engine.announces.decode = self._announced

    # ---- blocks

    def _executing(
        self, client: Client, index: int, execute: Callable[[Header, Sequence[bytes]], Made]
    ) -> Callable[[Header, Sequence[bytes]], Made]:
        def share(header: Header, body: Sequence[bytes]) -> Made:
            hash = bytes(header.hash())
            found = self._blocks.get(hash)
            if found is None or found.body != list(body):
                self.executed += 1
                made = execute(header, body)
                _remember(self._blocks, hash, _Found(list(body), made.pending))
                return made
            if int.from_bytes(hash[:2], "big") % AGAIN == index % AGAIN:
                self.executed += 1
                made = execute(header, body)
                self._compare(header, found.pending, made.pending)
                return made
            client.state(bytes(header.parent_hash))  # raises where this node has not got it
            self.spared += 1
            return Made(header, list(body), found.pending)

        return share

    @staticmethod
    def _compare(header: Header, made: Pending, again: Pending) -> None:
        if (made.root, made.changes, made.old) != (again.root, again.changes, again.old):
            raise Violation(
                "I3", f"block {int(header.number)} gave other changes when it was executed again"
            )

    def _importing(self, import_block: Callable[..., BlockRef]) -> Callable[..., BlockRef]:
        def share(
            header: Header, body: Sequence[bytes], *, made: Made | None = None, **how: object
        ) -> BlockRef:
            ref = import_block(header, body, made=made, **how)
            if made is not None and made.header is header and ref.hash not in self._blocks:
                _remember(self._blocks, ref.hash, _Found(list(body), made.pending))
            return ref

        return share

    def _reading(self, client: Client) -> Callable[[bytes], Header | None]:
        stored, read, known = client.store.blocks.header, client.header, self._headers

        def share(hash: bytes) -> Header | None:
            header = known.get(hash)
            if header is not None:
                return None if stored(hash) is None else header
            header = read(hash)
            if header is not None:
                _remember(known, bytes(hash), header)
            return header

        return share

    # ---- headers

    def _looking(
        self, importer: Importer, slots: Callable[[bytes, int], Slots]
    ) -> Callable[[bytes, int], Slots]:
        def share(parent: bytes, slot: int) -> Slots:
            found = self._slots.get((parent, slot))
            if found is None:
                found = slots(parent, slot)
                _remember(self._slots, (bytes(parent), slot), found)
            else:
                importer.client.state(bytes(parent))
            return found

        return share

    def _checking(
        self, importer: Importer, check: Callable[[Header, int], Verified | None]
    ) -> Callable[[Header, int], Verified | None]:
        def share(header: Header, now_ms: int) -> Verified | None:
            hash = bytes(header.hash())
            found = self._verified.get(hash)
            # Not where the clock shows less than that of who found it: it may be too early here.
            if found is None or now_ms < found[1] or importer.remembers(hash):
                verified = check(header, now_ms)
                if verified is not None and (found is None or now_ms < found[1]):
                    _remember(self._verified, hash, (verified, now_ms))
                return verified
            importer.client.state(bytes(header.parent_hash))
            importer.remember(hash, found[0])
            return found[0]

        return share

    def _sealing(
        self, seal: Callable[[bytes, int, bytes], bytes | None]
    ) -> Callable[[bytes, int, bytes], bytes | None]:
        def share(public: bytes, slot: int, pre_seal_hash: bytes) -> bytes | None:
            made = seal(public, slot, pre_seal_hash)
            if made is not None and made[RESPONSE] % CHECKED:
                _remember(self._seals, made, (public, pre_seal_hash))
            return made

        return share

    def _verifying(self, is_signed: SealCheck) -> SealCheck:
        def share(public: bytes, message: bytes, signature: bytes) -> bool:
            found = self._seals.get(signature)
            return found == (public, message) or is_signed(public, message, signature)

        return share

    def _announced(self, raw: bytes) -> Announce:
        announce = self._announces.get(raw)
        if announce is None:
            announce = read_announce(raw, extrinsics_root)
            _remember(self._announces, raw, announce)
        return announce

    # ---- messages

    @staticmethod
    def _signing(sign: Signing, verify: Signatures) -> Signing:
        def share(
            set_id: int, round_number: int, message: AnyMessage, who: AuthorityId
        ) -> SignedMessage | None:
            signed = sign(set_id, round_number, message, who)
            if signed is not None and signed.signature[RESPONSE] % CHECKED:
                verify.vouch(signed, round_number, set_id)
            return signed

        return share

    def _decoding(
        self, decode: Callable[[str, bytes], GossipMessage | None]
    ) -> Callable[[str, bytes], GossipMessage | None]:
        known = self._messages

        def share(peer: str, raw: bytes) -> GossipMessage | None:
            message = known.get(raw)
            if message is None:
                message = decode(peer, raw)
                if message is not None:
                    _remember(known, raw, message)
            return message

        return share
