"""Models: what can be computed here, and what answers for its quality."""

from runtime.pallets.models.pallet import CLASSES, Models
from runtime.pallets.models.types import CheckMode, ModelClass, ModelRecord, Params

__all__ = ["CLASSES", "CheckMode", "ModelClass", "ModelRecord", "Models", "Params"]
