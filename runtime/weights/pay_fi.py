"""Weights that are not measured yet: run `make weights`."""

REGISTER = 10_000_000_000

CONFIGURE = 10_000_000_000

BOND_EXTRA = 10_000_000_000

CLOSE = 10_000_000_000

PAY = 2_000_000_000

REFUND = 2_000_000_000

SETTLE = 2_000_000_000

SET_RATES = 10_000_000_000

SUSPEND = 10_000_000_000

DISPUTE = 10_000_000_000

ANSWER = 10_000_000_000

WITHDRAW_DISPUTE = 10_000_000_000

RESOLVE = 10_000_000_000

REGISTER_CARD = 10_000_000_000

SET_CARD = 10_000_000_000

DROP_CARD = 10_000_000_000

CHARGE_CARD = 10_000_000_000

CAPTURE = 10_000_000_000

VOID = 10_000_000_000

SET_POLICY = 10_000_000_000

SET_ARBITERS = 10_000_000_000

FREEZE_CARD = 10_000_000_000

SET_OWN_POLICY = 10_000_000_000

BOND_ARBITER = 10_000_000_000

UNBOND_ARBITER = 10_000_000_000


def settle_due(batches: int) -> int:
    """Not measured."""
    return 100_000_000 + 1_000_000_000 * batches


def prune(payments: int) -> int:
    """Not measured."""
    return 50_000_000 + 200_000_000 * payments


def end_phases(disputes: int) -> int:
    """Not measured."""
    return 100_000_000 + 10_000_000_000 * disputes


def void_expired(auths: int) -> int:
    """Not measured."""
    return 50_000_000 + 1_000_000_000 * auths


def end_retired(cards: int) -> int:
    """Not measured."""
    return 50_000_000 + 200_000_000 * cards
