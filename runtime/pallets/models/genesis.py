"""The genesis configuration of Models, and the check that models share with calls."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import DecodeError, codec, u16
from btt_chain.work.arithmetic import usable_scale
from btt_chain.work.errors import ModelRefused
from btt_chain.work.graph import Manifest
from btt_chain.work.shapes import check_graph, macs_of
from runtime.frame import DispatchError, Section
from runtime.pallets.models import errors
from runtime.pallets.models.types import MAX_KNOWN, MAX_MANIFEST, ModelClass, is_name


def read_class(row: Section) -> ModelClass:
    """Read a class of machines. Raises GenesisError."""
    fields = row.fields(required=("name", "base", "least", "most", "speed"))
    name, speed = fields["name"].text().encode(), fields["speed"].u32()
    base, least, most = (fields[key].planck() for key in ("base", "least", "most"))
    model_class = ModelClass(name, base, least, most, speed)
    if not model_class.in_order:
        raise row.wrong("a name, a speed, and prices with 0 < least <= base <= most")
    return model_class


def read_model(row: Section) -> tuple[bytes, AccountId, u16, Manifest]:
    """Read name, owner, class and manifest of a model. Raises GenesisError."""
    fields = row.fields(required=("name", "owner", "class", "manifest"))
    name, model_class = fields["name"].text().encode(), u16(fields["class"].integer(MAX_KNOWN))
    if not is_name(name):
        raise fields["name"].wrong("a name without control characters")
    try:
        manifest = codec(Manifest).decode_all(fields["manifest"].raw_bytes(MAX_MANIFEST))
        ensure_exact(manifest)
    except (DecodeError, DispatchError) as error:
        raise fields["manifest"].wrong(f"a valid manifest ({type(error).__name__})") from None
    return name, fields["owner"].account(), model_class, manifest


def ensure_exact(manifest: Manifest) -> None:
    """Raise the error of the wrong part if `shapes.check_manifest` refused the manifest."""
    if not usable_scale(manifest.input_scale) or not usable_scale(manifest.output_scale):
        raise errors.UnusableScale
    try:
        check_graph(manifest.graph)
    except ModelRefused:
        raise errors.GraphRefused from None
    if macs_of(manifest.graph) != manifest.macs:
        raise errors.WrongWork
