"""Models: the registry of computable models and their bonds."""

from runtime.pallets.models.pallet import CLASSES, Models
from runtime.pallets.models.types import CheckMode, ModelClass, ModelRecord, Params

__all__ = ["CLASSES", "CheckMode", "ModelClass", "ModelRecord", "Models", "Params"]
