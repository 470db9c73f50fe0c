"""The register of assets: what is stored of each, and its deposit."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u128
from runtime.frame import Component, Hasher, Map, ReasonOf, Value
from runtime.frame.traits import MutateHold
from runtime.pallets.asset_registry import errors, events
from runtime.pallets.asset_registry.types import NOTHING, AssetInfo, HoldReason, State
from runtime.pallets.asset_registry.valuation import Valuations


class Registrations(Component):
    """The register of assets."""

    currency: MutateHold
    valuation: Valuations
    reason = ReasonOf(HoldReason.Registration)

    count = Value(u32, default=u32(0))
    """Number of assets ever registered, which is the next asset's number."""
    registered = Map(u32, AssetInfo, hasher=Hasher.Twox64Concat)
    """All assets, by number."""
    by_documents = Map(H256, u32, hasher=Hasher.Identity)
    """Numbers of assets, by hash of documents; not of rejected or retired assets."""

    def add(self, info: AssetInfo) -> None:
        """Register an asset and hold its deposit. Raises BadTerms or AlreadyRegistered."""
        if not info.value or not info.units:
            raise errors.BadTerms
        if info.documents in self.by_documents:
            raise errors.AlreadyRegistered
        self.currency.hold(self.reason, info.issuer, info.deposit)
        id = self.count.value
        self.count.value = id + 1
        self.by_documents[info.documents] = id
        self.registered[id] = info
        self.valuation.begin(id, info.value)
        self.deposit(events.AssetRegistered(id, info.issuer, info.kind, info.value, info.units))

    def asset(self, id: u32) -> AssetInfo:
        """Return the asset of a number. Raises Unknown."""
        info = self.registered.get(id)
        if info is None:
            raise errors.Unknown
        return info

    def in_state(self, id: u32, *states: State) -> AssetInfo:
        """Return an asset in one of the states. Raises Unknown or BadState."""
        info = self.asset(id)
        if info.state not in states:
            raise errors.BadState
        return info

    def issued_by(self, id: u32, who: AccountId) -> AssetInfo:
        """Return an issued asset of the issuer `who`. Raises Unknown, BadState or NotIssuer."""
        info = self.in_state(id, State.Issued)
        ensure_issuer(who, info)
        return info

    def pending_of(self, id: u32, who: AccountId) -> AssetInfo:
        """Return an asset of the issuer `who` before its issue or rejection.

        Raises Unknown, NotIssuer or BadState.
        """
        ensure_issuer(who, self.asset(id))
        return self.in_state(id, State.Registered, State.Voting)

    def reject(self, id: u32, info: AssetInfo) -> None:
        """Reject an asset before its units are issued."""
        self.close(id, info, State.Rejected)
        self.valuation.forget(id)
        self.deposit(events.AssetRejected(id))

    def close(self, id: u32, info: AssetInfo, state: State) -> None:
        """End an asset: release the deposit; the documents may be registered again."""
        info.state = state
        self.currency.release(self.reason, info.issuer, info.deposit)
        info.deposit = NOTHING
        del self.by_documents[info.documents]
        self.registered[id] = info

    # ---- public interface, for the exchange

    def is_issued(self, asset: u32) -> bool:
        """Return True if the units of the asset exist."""
        info = self.registered.get(asset)
        return info is not None and info.state is State.Issued

    def issuer_of(self, asset: u32) -> AccountId | None:
        """Return the issuer of a registered asset; None if there is no such asset."""
        info = self.registered.get(asset)
        return None if info is None else info.issuer

    def value_of(self, asset: u32) -> u128:
        """Return the value of an asset, in planck; zero if it does not exist."""
        info = self.registered.get(asset)
        return NOTHING if info is None else info.value


def ensure_issuer(who: AccountId, info: AssetInfo) -> None:
    """Raise NotIssuer unless `who` is the issuer of the asset."""
    if who != info.issuer:
        raise errors.NotIssuer
