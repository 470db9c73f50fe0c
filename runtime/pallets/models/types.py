"""Types of Models, and the interfaces it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import LOWER_NAMES, MILLIONTHS, MONEY, TEXT, means
from btt_chain.scale import Bounded, Compact, TypeName, path, u16, u32, u64, u128
from runtime.constants import BTT, DAY_MS
from runtime.frame.aliases import Balance, SlotNumber
from runtime.pallets.providers.types import Endpoints

MAX_NAME: Final = 64
"""Maximum length in bytes of a model's name, and of a class's."""
MAX_MANIFEST: Final = 64 << 10
MAX_KNOWN: Final = 64
"""Constants of `Models`, described there."""
LICENCE_MS: Final = 7 * DAY_MS
"""Time from the change of a licence's fee until it holds, in milliseconds."""
PPM: Final = 1_000_000
NO_CARD: Final = H256(bytes(32))
"""The card of a model without one."""

Name = Annotated[Bounded[bytes, MAX_NAME], TypeName("BoundedVec<u8, MaxName>"), TEXT]
"""UTF-8."""
ClassIndex = Annotated[u16, TypeName("ClassIndex")]


def is_name(raw: bytes) -> bool:
    """Return True if this is a name: UTF-8 that is not blank, without control characters.

    Independent of Python's `str.isprintable`, which changes with its tables of Unicode.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    return bool(text.strip(" ")) and all(" " <= letter != "\x7f" for letter in text)


@means(LOWER_NAMES)
@path("pallet_models::CheckMode")
class CheckMode(IntEnum):
    """The method by which verifiers check an item of a model: the cheaper one."""

    Reexecute = 0
    """Computing it again."""
    Vectors = 1
    """Random vectors, with the transcript."""


@path("pallet_models::ModelClass", params={"Balance": u128})
@dataclass(slots=True)
class ModelClass:
    """A class of machines that models need; prices in planck per GMAC."""

    name: Name
    base: Balance
    """Initial price; from then on it moves with demand."""
    least: Balance
    most: Balance
    """Bounds of the price."""
    speed: u32
    """Expected GMAC per second of one job."""

    @property
    def in_order(self) -> bool:
        """True if it has a name, a speed, and prices in order, above zero."""
        return is_name(self.name) and self.speed > 0 and 0 < self.least <= self.base <= self.most


# ---- what the owner says


@means(LOWER_NAMES)
@path("pallet_models::Service")
class Service(IntEnum):
    """The kind of result that a model returns; it decides how the result is measured."""

    Classification = 0
    Segmentation = 1
    Detection = 2
    Regression = 3
    SignalEvents = 4
    Embedding = 5
    Text = 6


@path("pallet_models::Modality")
class Modality(IntEnum):
    """The kind of input, by DICOM's codes of modalities where there is one."""

    CR = 0
    """Radiography."""
    CT = 1
    MR = 2
    US = 3
    """Ultrasound."""
    XA = 4
    """Angiography."""
    SM = 5
    """Microscopy of slides."""
    OP = 6
    """Photography of the eye."""
    ECG = 7
    EEG = 8
    Text = 9
    Table = 10
    Other = 11


@means(LOWER_NAMES)
@path("pallet_models::Use")
class Use(IntEnum):
    """The use that the owner intends."""

    Research = 0
    Education = 1
    Administrative = 2
    DecisionSupport = 3
    """Decisions about patients. Needs a record of an evaluation with skill."""


@means(LOWER_NAMES)
@path("pallet_models::Metric")
class Metric(IntEnum):
    """A measure of results against labels; 1 is perfect."""

    Accuracy = 0
    """Part of the items whose most likely class is right."""
    RocAuc = 1
    """Area under the receiver operating characteristic."""
    Dice = 2
    """Overlap of masks: 2 |A and B| / (|A| + |B|)."""
    AveragePrecision = 3
    """Mean over classes of the area under precision by recall."""
    Determination = 4
    """Coefficient of determination of numbers, R squared."""
    F1 = 5
    """Harmonic mean of precision and recall of events."""
    Recall = 6
    """Part of the queries whose nearest item is a right one."""


METRICS: Final[Mapping[Service, Sequence[Metric]]] = {
    Service.Classification: (Metric.Accuracy, Metric.RocAuc),
    Service.Segmentation: (Metric.Dice,),
    Service.Detection: (Metric.AveragePrecision,),
    Service.Regression: (Metric.Determination,),
    Service.SignalEvents: (Metric.F1, Metric.Accuracy),
    Service.Embedding: (Metric.Recall,),
    Service.Text: (Metric.Accuracy,),
}
"""The metrics of each service."""


@path("pallet_models::Claim")
@dataclass(frozen=True, slots=True)
class Claim:
    """A result on a labelled set, by the owner's word."""

    set: H256
    """SHA-256 of the set."""
    metric: Metric
    value: Annotated[u32, MILLIONTHS]
    items: u32
    """Number of items of the set."""


@path("pallet_models::Agreement")
@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of the integers with the float model, by the owner's word."""

    value: Annotated[u32, MILLIONTHS]
    """Part of equal decisions, or Dice of the masks."""
    items: u32
    """Number of items that were compared."""
    set: H256
    """SHA-256 of these items."""


@path("pallet_models::Description")
@dataclass(frozen=True, slots=True)
class Description:
    """The properties of a model that only its owner states; the chain has measured none of them."""

    service: Service = Service.Classification
    modality: Modality = Modality.Other
    use: Use = Use.Research
    card: H256 = NO_CARD
    """SHA-256 of the model card: intended use, training data, licence, contact. Zeros: none."""
    claim: Annotated[Claim | None, TypeName("Option<Claim>")] = None
    loss: Annotated[Agreement | None, TypeName("Option<Agreement>")] = None
    """The loss by quantisation, as the agreement that is left. None: not stated."""

    @property
    def claims_in_order(self) -> bool:
        """True if claim and agreement have items, shares, and a metric of the service."""
        claim, loss = self.claim, self.loss
        if claim is not None and claim.metric not in METRICS[self.service]:
            return False
        return all(
            share.items > 0 and share.value <= PPM for share in (claim, loss) if share is not None
        )


@path("pallet_models::LicenceChange", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class LicenceChange:
    """A fee of the licence that holds from a slot on."""

    licence: Annotated[Balance, MONEY]
    since: SlotNumber


@path("pallet_models::ModelRecord", params={"Balance": u128})
@dataclass(slots=True)
class ModelRecord:
    """A registered model; its manifest is stored apart."""

    owner: Annotated[AccountId, TypeName("T::AccountId")]
    model_class: ClassIndex
    macs: Annotated[Compact[u64], TypeName("u64")]
    """Multiplications of one item."""
    check: CheckMode
    name: Name
    endpoints: Endpoints
    """Addresses where the model, weights included, can be fetched."""
    bond: Annotated[Compact[u128], TypeName("Balance")]
    """Bond for its quality, in planck."""
    open: Annotated[Compact[u32], TypeName("u32")]
    """Number of open jobs."""
    suspended: bool
    """True if governance suspended it: no new jobs."""
    retired: bool
    """True if it is to be removed once no job is open."""
    committed: u32
    """Bytes of leaves of one item, by the manifest."""
    outputs: u16
    """Numbers in the last axis of the first output, by the manifest: classes or channels."""
    schema: H256
    """Hash of the preparation of inputs, which the package has."""
    licence: Balance
    """The owner's fee for an item, in planck, until `next_licence` holds. Not charged yet."""
    next_licence: Annotated[LicenceChange | None, TypeName("Option<LicenceChange<Balance>>")]
    description: Description

    def licence_at(self, slot: int) -> u128:
        """Return the fee of the licence for an item in a slot, in planck."""
        change = self.next_licence
        return self.licence if change is None or slot < change.since else change.licence

    @property
    def usable(self) -> bool:
        """True if a job may be posted for it."""
        return not self.suspended and not self.retired


@path("pallet_models::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """Parameters of models, set by governance."""

    bond: Balance = u128(100 * BTT)
    """Bond of a model at its registration, in planck."""
