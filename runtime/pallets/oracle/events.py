"""Events of Oracle. Their documentation is shown by wallets."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import TypeName, u16, u128
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf
from runtime.pallets.oracle.types import EnergyClass, Key, Moment, Rule

Value = Annotated[u128, TypeName("T::OracleValue")]


class NewFeedData(Event, index=0):
    """A feeder fed these values."""

    sender: AccountIdOf
    values: Annotated[list[tuple[Key, u128]], TypeName("Vec<(T::OracleKey, T::OracleValue)>")]


class PriceSet(Event, index=1):
    """The value of a key changed to the median of the fed values."""

    key: Key
    value: Value


class JumpBegan(Event, index=2):
    """The median moved too far from the value: there is no price until it has settled."""

    key: Key
    value: Value
    median: Value


class JumpEnded(Event, index=3):
    """The value of a key moved to a median that has settled, or the median came back."""

    key: Key
    value: Value


class Joined(Event, index=4):
    """An account bonded as a feeder, or added to its bond, which now is `bond`."""

    who: AccountIdOf
    bond: BalanceOf


class Admitted(Event, index=5):
    """A feeder was admitted: its values count."""

    who: AccountIdOf


class Removed(Event, index=6):
    """The admission of a feeder was withdrawn, or its bond is too small: its values are removed."""

    who: AccountIdOf


class Left(Event, index=7):
    """A feeder left. Its bond can be withdrawn from `free_at` on."""

    who: AccountIdOf
    free_at: Moment


class Withdrawn(Event, index=8):
    """The bond of a feeder that left was released."""

    who: AccountIdOf
    bond: BalanceOf


class Slashed(Event, index=9):
    """A part of a feeder's bond was burned."""

    who: AccountIdOf
    amount: BalanceOf


class Paused(Event, index=10):
    """A feeder missed more than a fifth of a day's heartbeats: its values do not count."""

    who: AccountIdOf


class Resumed(Event, index=11):
    """A paused feeder fed again."""

    who: AccountIdOf


class RuleSet(Event, index=12):
    """The rule of a key was set; None: the key was removed."""

    key: Key
    rule: Annotated[Rule | None, TypeName("Option<Rule>")]


class ProviderAttested(Event, index=13):
    """A majority of the feeders attested a provider's region and class of energy use."""

    provider: AccountIdOf
    region: u16
    energy: EnergyClass
