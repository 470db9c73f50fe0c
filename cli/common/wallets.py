"""The wallet of a command: its folder, names in the place of accounts, and passwords.

All commands with an account import this, and few need a wallet: what opens one is imported then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.lazyclass import dataclass
from btt_chain.node.service.paths import default_base_path
from btt_chain.primitives import ss58
from btt_chain.wallet.errors import (
    BadName,
    Damaged,
    NoSuchAccount,
    WalletError,
    WrongPassword,
)
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import WALLET, password

if TYPE_CHECKING:
    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.wallet.entries import Entry
    from btt_chain.wallet.store import Wallet

NAMES: Final = "btt.names"
"""Key of the names that stood for accounts in this command, in `Context.meta`."""
PASSWORD: Final = "BTT_WALLET_PASSWORD"  # noqa: S105 - the name of a variable
"""Variable with the password of a wallet, for programs."""
MAX_NAME: Final = 40


def wallet_folder() -> Path:
    """Return the folder of the wallet: of `--wallet`, of BTT_WALLET, or the default."""
    ctx = click.get_current_context(silent=True)
    found = None if ctx is None else ctx.meta.get(WALLET)
    if isinstance(found, Path):
        return found
    given = os.environ.get("BTT_WALLET")
    if given:
        return Path(given)
    return default_base_path() / "wallet"


def wallet() -> Wallet:
    """Return the wallet of this command."""
    from btt_chain.wallet.store import Wallet

    return Wallet(wallet_folder())


@contextmanager
def wallet_errors() -> Iterator[None]:
    """Turn errors of wallets into those of commands."""
    try:
        yield
    except NoSuchAccount as error:
        raise NotFound(str(error)) from None
    except BadName as error:
        raise Mistyped(str(error)) from None
    except WalletError as error:
        raise Refused(str(error)) from None


def may_be_name(text: str) -> bool:
    """Return True if a text may be a name: quick, for texts that are mostly none."""
    return (
        0 < len(text) <= MAX_NAME
        and text[0].isalnum()
        and all(each.isalnum() or each in "-_" for each in text)
    )


def entry_named(text: str) -> Entry | None:
    """Return the account of the wallet with this name; None if there is none."""
    if not may_be_name(text):
        return None
    with wallet_errors():
        return wallet().find(text)


def account_named(text: str) -> bytes | None:
    """Return the account of a name, and remember it for `names_used`."""
    entry = entry_named(text)
    if entry is None:
        return None
    note_name(text, entry.account)
    return entry.account


def note_name(name: str, account: bytes) -> None:
    """Remember that a name stands for an account in this command."""
    ctx = click.get_current_context(silent=True)
    if ctx is not None:
        ctx.meta.setdefault(NAMES, {})[name] = account


def names_used() -> dict[str, bytes]:
    """Return the names that stood for accounts in this command so far."""
    ctx = click.get_current_context(silent=True)
    return {} if ctx is None else dict(ctx.meta.get(NAMES, {}))


def names_of_accounts() -> dict[bytes, str]:
    """Return the names of the wallet's accounts; of several the first."""
    with wallet_errors():
        entries, _ = wallet().entries()
    return {each.account: each.name for each in reversed(entries)}


def account_writer(prefix: int) -> Callable[[bytes], str]:
    """Return a function that writes accounts: a name of the wallet before the address."""
    names = names_of_accounts()

    def write(account: bytes) -> str:
        address = ss58.encode(account, prefix)
        return f"{names[account]} ({address})" if account in names else address

    return write


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """The values of the `password_options`."""

    given: str | None
    interactive: bool
    file: Path | None

    @classmethod
    def of(cls, options: dict[str, object]) -> Passwords:
        """Return the values, which are removed from `options`."""
        given, file = options.pop("password"), options.pop("password_filename")
        return cls(
            given if isinstance(given, str) else None,
            bool(options.pop("password_interactive")),
            file if isinstance(file, Path) else None,
        )

    def of_uri(self) -> str | None:
        """Return the password of a secret URI; None if there is none."""
        return password(self.given, self.interactive, self.file)

    def of_wallet(self, name: str) -> str:
        """Return the password of an account: of a file, the variable, or a prompt."""
        if self.given is not None:
            raise Mistyped(
                "the password of a wallet is not taken from the command line, where others see "
                f"it: leave out --password to be asked, or give --password-file or {PASSWORD}"
            )
        if self.file is not None or self.interactive:
            return str(password(None, self.interactive, self.file))
        found = os.environ.get(PASSWORD)
        if found is not None:
            return _utf8(found)
        if sys.stdin.isatty():
            return str(click.prompt(f"Password of {name}", hide_input=True, err=True))
        raise Mistyped(
            f"the key of {name} is sealed with a password: give --password-file FILE, or set "
            f"{PASSWORD}"
        )

    def new(self, name: str) -> str:
        """Return the password for a new account; a prompt asks twice."""
        asks = self.interactive or (self.file is None and os.environ.get(PASSWORD) is None)
        if self.given is not None or not asks or not sys.stdin.isatty():
            return self.of_wallet(name)
        return str(
            click.prompt(
                f"New password of {name}", hide_input=True, err=True, confirmation_prompt=True
            )
        )


def key_of(entry: Entry, passwords: Passwords) -> KeyPair:
    """Return the key of an account. Refused for a wrong password."""
    from btt_chain.wallet.entries import Kind

    if entry.kind is not Kind.KEY:
        raise Mistyped(f"{entry.name} is {_WITHOUT_KEY[entry.kind.value]}")
    with wallet_errors():
        word = passwords.of_wallet(entry.name) if entry.is_sealed else None
        try:
            return entry.unlock(word)
        except WrongPassword:
            raise Refused(f"the password of {entry.name} is wrong; nothing was done") from None
        except Damaged as error:
            raise Refused(f"the file of {entry.name} is damaged: {error}") from None


def _utf8(word: str) -> str:
    """Return the password of the variable. Mistyped if its bytes are no text."""
    if any("\ud800" <= each <= "\udfff" for each in word):
        raise Mistyped(f"the password in {PASSWORD} is not UTF-8 text")
    return word


_WITHOUT_KEY: Final = {
    "watch-only": "watch-only: its key is not in this wallet, so it cannot sign",
    "contact": "a contact: its key belongs to another person",
    "multisig": "a multisig account: propose with `btt-chain multisig propose`, signed by one of "
    "its signers",
    "proxy": "an account without a key here: name it with --from or --proxy-for where a call is "
    "sent",
}
