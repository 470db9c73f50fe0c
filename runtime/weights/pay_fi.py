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

DISPUTE = 2_000_000_000

ANSWER = 2_000_000_000

WITHDRAW_DISPUTE = 2_000_000_000

RESOLVE = 2_000_000_000

REGISTER_CARD = 2_000_000_000

SET_CARD = 2_000_000_000

DROP_CARD = 2_000_000_000

CHARGE_CARD = 3_000_000_000

CAPTURE = 2_000_000_000

VOID = 2_000_000_000

SET_POLICY = 2_000_000_000

SET_ARBITERS = 4_000_000_000

FREEZE_CARD = 2_000_000_000

SET_OWN_POLICY = 2_000_000_000

BOND_ARBITER = 2_000_000_000

UNBOND_ARBITER = 2_000_000_000


def settle_due(batches: int) -> int:
    """Not measured."""
    return 100_000_000 + 1_000_000_000 * batches


def prune(payments: int) -> int:
    """Not measured."""
    return 50_000_000 + 200_000_000 * payments


def end_phases(disputes: int) -> int:
    """Not measured."""
    return 100_000_000 + 600_000_000 * disputes


def void_expired(auths: int) -> int:
    """Not measured."""
    return 50_000_000 + 400_000_000 * auths


def end_retired(cards: int) -> int:
    """Not measured."""
    return 50_000_000 + 50_000_000 * cards


def end_judgements(disputes: int) -> int:
    """Not measured."""
    return 100_000_000 + 1_000_000_000 * disputes
