"""Descriptions of referenda: hashes of texts that are stored as preimages."""

from __future__ import annotations

from btt_chain.primitives.digest import H256
from btt_chain.scale import u32
from runtime.frame import Component, Map
from runtime.pallets.preimage.pallet import Preimage
from runtime.pallets.referenda import errors, events


class Descriptions(Component):
    """The descriptions of referenda."""

    preimages: Preimage

    metadata_of = Map(u32, H256)
    """Hash of a referendum's description, whose text is a preimage."""

    def set(self, index: u32, hash: H256) -> None:
        """Set the description of a referendum. Raises PreimageNotExist."""
        if not self.preimages.have(hash):
            raise errors.PreimageNotExist
        self.metadata_of[index] = hash
        self.deposit(events.MetadataSet(index, hash))

    def clear(self, index: u32) -> None:
        """Remove the description of a referendum, if it has one."""
        known = self.metadata_of.take(index)
        if known is not None:
            self.deposit(events.MetadataCleared(index, known))
