"""Errors of keys and signing records; a message about a file names it."""

from __future__ import annotations


class KeystoreError(Exception):
    """A key cannot be read, written or used; the message never repeats a secret."""


class PasswordNeeded(KeystoreError):
    """The key file is encrypted with a password, and none was given."""


class WrongPassword(KeystoreError):
    """The key file does not open with this password."""


class KeyFileDamaged(KeystoreError):
    """The key file is truncated, changed, or not what its name states."""


class KeyFileForeign(KeystoreError):
    """A file in the keystore is not one of this program's."""


class KeyFileExposed(KeystoreError):
    """Other users may read the key file."""


class KeyMismatch(KeystoreError):
    """The secret does not belong to the given public key."""


class UnknownKeyType(KeystoreError):
    """The keystore has no key of that type."""


class RecordError(Exception):
    """The signing record cannot be used; nothing is signed without it."""


class RecordMissing(RecordError):
    """The key has no record."""


class RecordExists(RecordError):
    """The key has a record already; a new one would lose what was signed."""


class RecordDamaged(RecordError):
    """The record is truncated or changed, so its content is not reliable."""


class RecordForeign(RecordError):
    """The record is of another chain, another key, or a later version of this program."""


class RecordInUse(RecordError):
    """Another process signs with this key."""


class RecordNotWritten(RecordError):
    """The record could not be written, so nothing was signed."""
