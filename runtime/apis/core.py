"""Runtime APIs: queries of clients and of the node, by name, through `state_call`.

`AccountNonceApi_account_nonce` is the method `account_nonce` of the class `AccountNonceApi`. The
annotations are the wire format and part of the metadata; state changes by a method are dropped. The
features list the APIs of a runtime (`runtime/features/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from json import loads
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId, MultiAddress, MultiSignature
from btt_chain.primitives.babe import Slot
from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.babe_equivocation import EquivocationProof as BabeProof
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.grandpa import AuthorityList
from btt_chain.primitives.grandpa_equivocation import EquivocationProof as GrandpaProof
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import RPC_ARGUMENT
from btt_chain.primitives.validity import (
    Invalid,
    TransactionSource,
    TransactionValidityError,
    Unknown,
    ValidTransaction,
    as_error,
)
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.scale import (
    DecodeError,
    Err,
    MaxLen,
    Ok,
    Result,
    TypeName,
    codec,
    path,
    u32,
    u64,
    u128,
)
from runtime.apis.execution import ExecutionContext, ExecutiveApi
from runtime.executive import Executive, RootedState
from runtime.extensions import Extra
from runtime.features.base import FeatureRuntime
from runtime.frame import InvalidBlock, Runtime, RuntimeCall, RuntimeVersion, Weight, WireError
from runtime.frame.api import (
    MAX_ARGUMENTS,
    MAX_TRANSACTION,
    ApiError,
    Method,
    NoSuchMethod,
    PalletOf,
    RuntimeApi,
)
from runtime.genesis import write_genesis
from runtime.inherents import (
    CheckInherentsResult,
    InherentData,
    MissingInherent,
    check_inherents,
    create_inherents,
)
from runtime.limits import MAX_LENGTH
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.types import Bytes32
from runtime.pallets.evidence import KeyTypeId
from runtime.pallets.grandpa.pallet import Grandpa
from runtime.pallets.session import pallet as session
from runtime.pallets.transaction_payment.pallet import FeeDetails, RuntimeDispatchInfo


@path(
    "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
    params={
        "Address": MultiAddress,
        "Call": RuntimeCall,
        "Signature": MultiSignature,
        "Extra": Extra,
    },
    unnamed=True,
)
@dataclass(slots=True)
class UncheckedExtrinsic:
    """An opaque extrinsic: its bytes with the length in front."""

    inner: bytes


@path("sp_core::OpaqueMetadata", unnamed=True)
@dataclass(slots=True)
class OpaqueMetadata:
    """Opaque metadata."""

    data: Annotated[bytes, TypeName("Vec<u8>")]


BabeAuthorities = Annotated[
    list[tuple[BabeId, u64]], TypeName("Vec<(AuthorityId, BabeAuthorityWeight)>")
]


@path("sp_consensus_babe::BabeConfiguration")
@dataclass(slots=True)
class BabeConfiguration:
    """Configuration for BABE clients: lengths, parameters and the current epoch's randomness."""

    slot_duration: u64
    epoch_length: u64
    c: Annotated[tuple[u64, u64], TypeName("(u64, u64)")]
    authorities: BabeAuthorities
    randomness: Annotated[Bytes32, TypeName("Randomness")]
    allowed_slots: AllowedSlots


@path("sp_consensus_babe::Epoch")
@dataclass(slots=True)
class WireEpoch:
    """An epoch: a range of slots with one list of authorities, randomness and set of parameters."""

    epoch_index: u64
    start_slot: Slot
    duration: u64
    authorities: BabeAuthorities
    randomness: Annotated[Bytes32, TypeName("Randomness")]
    config: Annotated[EpochConfig, TypeName("BabeEpochConfiguration")]


@path("sp_consensus_babe::OpaqueKeyOwnershipProof", unnamed=True)
@dataclass(slots=True)
class OpaqueKeyOwnershipProof:
    """Opaque proof of a key's owner: an encoded `sp_session::MembershipProof`."""

    inner: Annotated[bytes, TypeName("Vec<u8>")]


@path("sp_runtime::OpaqueValue", unnamed=True)
@dataclass(slots=True)
class OpaqueValue:
    """Opaque bytes with their length in front."""

    inner: Annotated[bytes, TypeName("Vec<u8>")]


MAX_DATA: Final = MAX_LENGTH + (64 << 10)
"""Maximum length of arguments, in bytes: a full block and some more."""

MAX_EXTRINSICS: Final = 50_000
"""Maximum number of a block's extrinsics decoded here: more than a block of usual slots holds."""


@path(
    "sp_runtime::generic::block::Block", params={"Header": Header, "Extrinsic": UncheckedExtrinsic}
)
@dataclass(slots=True)
class Block:
    """A header and its extrinsics."""

    header: Header
    extrinsics: Annotated[
        list[UncheckedExtrinsic], MaxLen(MAX_EXTRINSICS), TypeName("Vec<Extrinsic>")
    ]


ApplyResult = Result[Result[tuple[()], WireError], TransactionValidityError]


class Core(
    ExecutiveApi, version=5, unsafe=("execute_block", "initialize_block"), max_arguments=MAX_DATA
):
    """The runtime's version, and the execution of blocks."""

    def version(self) -> RuntimeVersion:
        """Return the version of the runtime."""
        return self._runtime.version

    def execute_block(self, block: Block) -> tuple[()]:
        """Execute a block (without its seal) on the state of its parent."""
        bodies = [xt.inner for xt in block.extrinsics]
        self._executive.execute_block(self._context.state, block.header, bodies)
        return ()

    def initialize_block(self, header: Header) -> tuple[()]:
        """Initialize a block."""
        self._executive.initialize_block(self._context.state, header)
        return ()


class Metadata(ExecutiveApi, version=2):
    """The metadata of this runtime."""

    def metadata(self) -> OpaqueMetadata:
        """Return the metadata, version 14."""
        return OpaqueMetadata(self._context.metadata(14))

    def metadata_at_version(self, version: u32) -> OpaqueMetadata | None:
        """Return the metadata of a version; None if the runtime does not support it."""
        if int(version) not in METADATA_VERSIONS:
            return None
        return OpaqueMetadata(self._context.metadata(int(version)))

    def metadata_versions(self) -> list[u32]:
        """Return the supported versions of metadata."""
        return [u32(version) for version in METADATA_VERSIONS]


METADATA_VERSIONS: Final = (14, 15, 16)


class BlockBuilder(ExecutiveApi, version=6, unsafe=True, max_arguments=MAX_DATA):
    """The construction of a block step by step."""

    def apply_extrinsic(self, extrinsic: UncheckedExtrinsic) -> ApplyResult:
        """Apply an extrinsic to the current block."""
        self._executive.resume_block(self._context.state)
        return apply(self._executive, extrinsic.inner)

    def finalize_block(self) -> Header:
        """Finalize the current block and return its header."""
        self._executive.resume_block(self._context.state)
        return self._executive.finalize_block()

    def inherent_extrinsics(self, inherent: InherentData) -> list[UncheckedExtrinsic]:
        """Return the inherents that the author of a block must include."""
        made = create_inherents(self._runtime, inherent)
        return [UncheckedExtrinsic(raw) for raw in made]

    def check_inherents(self, block: Block, data: InherentData) -> CheckInherentsResult:
        """Compare a block's inherents with the caller's data."""
        bodies = [xt.inner for xt in block.extrinsics]
        return check_inherents(self._runtime, bodies, data)


class TaggedTransactionQueue(ExecutiveApi, version=3, max_arguments=MAX_TRANSACTION):
    """The validation of transactions for the pool."""

    def validate_transaction(
        self, source: TransactionSource, tx: UncheckedExtrinsic, block_hash: H256
    ) -> Result[ValidTransaction, TransactionValidityError]:
        """Validate a transaction for the block after `block_hash`."""
        self._executive.open_pool_view(self._context.state, block_hash)
        try:
            return Ok(self._executive.validate_transaction(source, tx.inner))
        except (Invalid, Unknown) as refusal:
            return Err(as_error(refusal))


class AccountNonceApi(ExecutiveApi, version=1):
    """The nonce of an account's next transaction."""

    def account_nonce(self, account: AccountId) -> u32:
        """Return the nonce of `account` as of this block, without transactions in the pool."""
        return self._executive.system.account[account].nonce


class TransactionPaymentApi(ExecutiveApi, version=4, max_arguments=MAX_TRANSACTION):
    """Fees of transactions, in planck."""

    def query_info(self, uxt: UncheckedExtrinsic, len_: u32) -> RuntimeDispatchInfo:
        """Return weight, class and fee of a transaction; its signature is not checked.

        The fee is what its sender would pay now, a discount included.
        """
        transaction = self._executive.decoder.decode_unchecked(uxt.inner)
        info, fee, fees = transaction.info, u128(0), self._executive.fees
        if transaction.signer is not None:
            discount = fees.discount_of(transaction.signer.who)
            fee = fees.fee(info, int(len_), fee, discount=discount)
        return RuntimeDispatchInfo(weight_of(info.weight), info.dispatch_class, fee)

    def query_fee_details(self, uxt: UncheckedExtrinsic, len_: u32) -> FeeDetails:
        """Return the parts of a transaction's fee after its sender's discount; none if unsigned."""
        transaction, fees = (
            self._executive.decoder.decode_unchecked(uxt.inner),
            self._executive.fees,
        )
        if transaction.signer is None:
            return FeeDetails(None, u128(0))
        discount = fees.discount_of(transaction.signer.who)
        parts = fees.inclusion_fee(transaction.info, int(len_), discount)
        return FeeDetails(parts, transaction.signer.extra.tip)

    def query_weight_to_fee(self, weight: Weight) -> u128:
        """Return the fee of a weight, before the multiplier."""
        return self._executive.fees.weight_to_fee(int(weight.ref_time))

    def query_length_to_fee(self, length: u32) -> u128:
        """Return the fee of a length in bytes."""
        return self._executive.fees.length_to_fee(int(length))


class TransactionPaymentCallApi(ExecutiveApi, version=3, max_arguments=MAX_TRANSACTION):
    """Fees of calls without a transaction, in planck.

    They have no sender, so there is no discount.
    """

    def query_call_info(self, call: RuntimeCall, len_: u32) -> RuntimeDispatchInfo:
        """Return weight, class and fee of a call in a transaction of `len` bytes."""
        info = self._runtime.info(call)
        fee = self._executive.fees.fee(info, int(len_), u128(0))
        return RuntimeDispatchInfo(weight_of(info.weight), info.dispatch_class, fee)

    def query_call_fee_details(self, call: RuntimeCall, len_: u32) -> FeeDetails:
        """Return the parts of the fee of a call in a transaction of `len` bytes."""
        info = self._runtime.info(call)
        return FeeDetails(self._executive.fees.inclusion_fee(info, int(len_)), u128(0))

    def query_weight_to_fee(self, weight: Weight) -> u128:
        """Return the fee of a weight, before the multiplier."""
        return self._executive.fees.weight_to_fee(int(weight.ref_time))

    def query_length_to_fee(self, length: u32) -> u128:
        """Return the fee of a length in bytes."""
        return self._executive.fees.length_to_fee(int(length))


class BabeApi(RuntimeApi, version=2):
    """Authorities, epochs and randomness of block production."""

    _babe = PalletOf(Babe)

    def configuration(self) -> BabeConfiguration:
        """Return the configuration for BABE clients, as of the current epoch."""
        babe = self._babe
        config = babe.epochs.config()
        return BabeConfiguration(
            slot_duration=babe.expected_block_time,
            epoch_length=babe.epoch_duration,
            c=config.c,
            authorities=babe.epochs.authorities.value,
            randomness=babe.epoch_randomness.randomness.value,
            allowed_slots=config.allowed_slots,
        )

    def current_epoch_start(self) -> Slot:
        """Return the first slot of the current epoch."""
        return Slot(self._babe.epochs.first_slot())

    def current_epoch(self) -> WireEpoch:
        """Return the current epoch."""
        babe = self._babe
        return WireEpoch(
            epoch_index=babe.epochs.epoch_index.value,
            start_slot=Slot(babe.epochs.first_slot()),
            duration=babe.epoch_duration,
            authorities=babe.epochs.authorities.value,
            randomness=babe.epoch_randomness.randomness.value,
            config=babe.epochs.config(),
        )

    def next_epoch(self) -> WireEpoch:
        """Return the announced epoch, as if none were skipped."""
        babe = self._babe
        return WireEpoch(
            epoch_index=babe.epochs.epoch_index.value + 1,
            start_slot=Slot(babe.epochs.first_slot() + int(babe.epoch_duration)),
            duration=babe.epoch_duration,
            authorities=babe.epochs.next_authorities.value,
            randomness=babe.epoch_randomness.next_randomness.value,
            config=babe.epochs.next_config(),
        )

    def generate_key_ownership_proof(
        self, slot: Slot, authority_id: BabeId
    ) -> OpaqueKeyOwnershipProof | None:
        """Return the proof of a key's owner in a slot; None if it had no owner."""
        proof = self._babe.key_ownership(int(slot), authority_id)
        return None if proof is None else OpaqueKeyOwnershipProof(proof)

    def submit_report_equivocation_unsigned_extrinsic(
        self, equivocation_proof: BabeProof, key_owner_proof: OpaqueKeyOwnershipProof
    ) -> tuple[()] | None:
        """Return None: this runtime does not submit reports. The node builds and submits them."""
        return None


class GrandpaApi(RuntimeApi, version=3):
    """Voters of finality."""

    _grandpa = PalletOf(Grandpa)

    def grandpa_authorities(self) -> AuthorityList:
        """Return the voters and their weights, after this block's change if it makes one."""
        return self._grandpa.authorities.value

    def submit_report_equivocation_unsigned_extrinsic(
        self, equivocation_proof: GrandpaProof, key_owner_proof: OpaqueValue
    ) -> tuple[()] | None:
        """Return None: this runtime does not submit reports. The node builds and submits them."""
        return None

    def generate_key_ownership_proof(
        self, set_id: u64, authority_id: GrandpaId
    ) -> OpaqueValue | None:
        """Return the proof of a key's owner in a set of voters; None if it had no owner."""
        proof = self._grandpa.key_ownership(int(set_id), authority_id)
        return None if proof is None else OpaqueValue(proof)

    def current_set_id(self) -> u64:
        """Return the id of the current set of voters."""
        return self._grandpa.current_set_id.value


class SessionKeys(RuntimeApi, version=1, unsafe=("generate_session_keys",)):
    """Session keys of validators."""

    def generate_session_keys(self, seed: bytes | None) -> bytes:
        """Generate new keys. Only a node with a keystore can: its `author_rotateKeys` does."""
        raise ApiError("a runtime has no keystore: author_rotateKeys makes new session keys")

    def decode_session_keys(self, encoded: bytes) -> list[tuple[bytes, KeyTypeId]] | None:
        """Return the public keys and their types; None if these are not session keys."""
        try:
            keys = codec(session.SessionKeys).decode_all(encoded)
        except DecodeError:
            return None
        return [(public, kind) for kind, public in keys.typed()]


class GenesisBuilder(ExecutiveApi, version=1, unsafe=True, max_arguments=MAX_DATA):
    """The construction of the genesis block's state."""

    def build_state(self, json: bytes) -> Result[tuple[()], str]:
        """Write the genesis state from a configuration in JSON."""
        try:
            config = loads(json)
        except (ValueError, RecursionError) as error:
            return Err(f"no JSON: {error}")
        if not isinstance(config, dict):
            return Err("the configuration is not an object")
        try:
            write_genesis(self._context.state, config, "config")
        except ValueError as error:
            return Err(str(error))
        return Ok(())

    def get_preset(self, id_: str | None) -> bytes | None:
        """Return the genesis configuration of a preset in JSON; `{}` if `id` is None."""
        return b"{}" if id_ is None else self._context.presets.get(id_)

    def preset_names(self) -> list[str]:
        """Return the names of the presets."""
        return sorted(self._context.presets)


CORE_APIS: Final[tuple[type[RuntimeApi], ...]] = (
    Core,
    Metadata,
    BlockBuilder,
    TaggedTransactionQueue,
    AccountNonceApi,
    TransactionPaymentApi,
    TransactionPaymentCallApi,
    GenesisBuilder,
    BabeApi,
    GrandpaApi,
    SessionKeys,
)
"""Substrate's own APIs."""


def apis_of(runtime: Runtime) -> tuple[type[RuntimeApi], ...]:
    """Return the runtime APIs; none of a runtime that is not made of features."""
    return runtime.apis() if isinstance(runtime, FeatureRuntime) else ()


def pallet_apis(runtime: Runtime) -> tuple[type[RuntimeApi], ...]:
    """Return the runtime APIs of pallets, as `ExchangeApi` of Exchange, without Substrate's own."""
    names = {f"{pallet.name}Api" for pallet in runtime.pallets.values()}
    own = (api for api in apis_of(runtime) if api not in CORE_APIS)
    return tuple(api for api in own if api.__name__ in names)


def methods_of(runtime: Runtime) -> Mapping[str, tuple[type[RuntimeApi], Method]]:
    """Return the API methods by their names on the wire, with their classes."""
    return runtime.api_methods() if isinstance(runtime, FeatureRuntime) else {}


def call_api(context: ExecutionContext, name: str, data: bytes) -> bytes:
    """Call the API method `name` with SCALE arguments `data`; return the SCALE result.

    Raises NoSuchMethod, or ApiError with the reason if the arguments are invalid or the call fails.
    """
    entry = methods_of(context.executive.runtime).get(name)
    if entry is None:
        raise NoSuchMethod(name)
    api, method = entry
    if len(data) > method.max_arguments:
        raise ApiError(
            f"{name}: {len(data)} bytes of arguments, {method.max_arguments} are the most"
        )
    bound = api(context)  # from here on, calls in the arguments are decoded by this runtime
    try:
        parts = [part for _, part in method.inputs]
        arguments, at = RPC_ARGUMENT.decode_parts(name, parts, data)
        if at != len(data):
            raise ApiError(f"{name}: {len(data) - at} bytes after the arguments")
        return method.output.encode(method.run(bound, *arguments))
    except DecodeError as error:
        raise ApiError(f"{name}: bad arguments: {error}") from error
    except (Invalid, Unknown, InvalidBlock, MissingInherent, ArithmeticError) as error:
        raise ApiError(f"{name}: {error}") from error


def is_unsafe(runtime: Runtime, name: str) -> bool:
    """Return True if only trusted callers may use the API method; False if it is unknown."""
    entry = methods_of(runtime).get(name)
    return entry is not None and entry[1].is_unsafe


def max_arguments(runtime: Runtime, name: str) -> int:
    """Return the maximum length of an API method's arguments, in bytes, also for an unknown one."""
    entry = methods_of(runtime).get(name)
    return MAX_ARGUMENTS if entry is None else entry[1].max_arguments


def apply(executive: Executive, raw: bytes) -> ApplyResult:
    """Apply an extrinsic to the current state of the executive; return the result."""
    try:
        failure = executive.apply_extrinsic(raw)
    except (Invalid, Unknown) as refusal:
        return Err(as_error(refusal))
    return Ok(Ok(()) if failure is None else Err(executive.runtime.wire_error(failure)))


def dry_run(executive: Executive, state: RootedState, at: H256, wire: bytes) -> bytes:
    """Apply an extrinsic as in the block after `at`, whose state is `state`.

    Returns the encoded result. Raises ApiError if `wire` is not opaque bytes, or if a block with it
    would be invalid.
    """
    executive.open_pool_view(state, at)
    try:
        return codec(ApplyResult).encode(apply(executive, unwrap(wire)))
    except (DecodeError, InvalidBlock) as error:
        raise ApiError(str(error)) from error


def weight_of(picoseconds: int) -> Weight:
    """Return a weight of `picoseconds`, at most the maximum of u64."""
    return Weight(u64(min(picoseconds, u64.MAX)))
