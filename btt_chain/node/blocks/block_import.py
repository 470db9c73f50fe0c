"""Import of one block of the network, with the reason if it is refused."""

from __future__ import annotations

from typing import NamedTuple

from btt_chain.chain.client import BelowFinalized, TooManyForks, UnknownBlock
from btt_chain.chain.runtimes import UnsupportedUpgrade
from btt_chain.consensus.babe.verify import Reason, Refused, slot_of
from btt_chain.consensus.finality.gadget import BadHeader
from btt_chain.consensus.importer import Imported, NotTrusted
from btt_chain.node.blocks.build_time import BuildTime
from btt_chain.node.engine.faults import report
from btt_chain.node.engine.parts import Parts, Watcher
from p2p.sync.types import Block, Refusal
from runtime.frame import InvalidBlock
from storage.state import StateUnavailable


class Outcome(NamedTuple):
    """The outcome of an import: a refusal with its reason, or the imported block."""

    refusal: Refusal | None = None
    why: str = ""
    imported: Imported | None = None
    """None for a block that was refused, or was known before."""


class BlockImport:
    """Checks a block's header, and imports it unless it is known."""

    def __init__(self, parts: Parts, watcher: Watcher, build_time: BuildTime) -> None:
        self._parts = parts
        self._watch = watcher
        self._build_time = build_time

    def run(self, block: Block, now_ms: int, *, is_built_on: bool = False) -> Outcome:
        """Import a block; `is_built_on`: another block follows on it."""
        header = block.header
        client = self._parts.client
        self._watch.begin()
        is_known, parent = client.header(block.hash) is not None, None
        try:
            if not is_known:
                parent = client.header(header.parent_hash)
                if parent is None:
                    return Outcome(Refusal.ORPHAN, "its parent is not known")
                self._parts.gadget.check_header(header)
            imported = self._parts.importer.import_block(
                header, block.body, now_ms=now_ms, is_built_on=is_built_on
            )
        except Refused as refused:
            if refused.reason is Reason.SLOT_IN_FUTURE:
                return Outcome(Refusal.EARLY, str(refused))
            return self._bad(block, refused)
        except NotTrusted as other:
            return Outcome(Refusal.NOT_TRUSTED, str(other))
        except UnsupportedUpgrade as lacking:
            return Outcome(Refusal.EARLY, str(lacking))
        except TooManyForks as full:
            return Outcome(Refusal.TOO_MANY_FORKS, str(full))
        except (UnknownBlock, BelowFinalized, StateUnavailable) as gone:
            return Outcome(Refusal.ORPHAN, str(gone))
        except (InvalidBlock, BadHeader) as bad:
            return self._bad(block, bad)
        except Exception as error:  # noqa: BLE001  (fatal ones are raised again)
            report("import", error)
            # The error may be this node's: the block is retried, and its senders are not blamed.
            return Outcome(Refusal.EARLY, f"an error here: {error!r}")
        if parent is None:
            return Outcome()  # it was known before
        if imported.verified is not None:
            self._build_time.imported(
                imported.verified.slot, imported.ref.number, header.parent_hash, slot_of(parent)
            )
        return Outcome(imported=imported)

    def _bad(self, block: Block, error: Exception) -> Outcome:
        self._watch.refused(block.hash, int(block.header.number), error)
        return Outcome(Refusal.BAD, str(error))
