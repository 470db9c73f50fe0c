"""What can be wrong with a key or with its signing record; every message names the file."""

from __future__ import annotations


class KeystoreError(Exception):
    """A key cannot be read, written or used; the message never repeats a secret."""


class PasswordNeeded(KeystoreError):
    """The key file is encrypted with a password, and none was given."""


class WrongPassword(KeystoreError):
    """The key file does not open with this password."""


class KeyFileDamaged(KeystoreError):
    """The key file is cut, changed, or not what its name says."""


class KeyFileForeign(KeystoreError):
    """A file in the keystore is not one of this program's."""


class KeyFileExposed(KeystoreError):
    """Others may read the key file."""


class KeyMismatch(KeystoreError):
    """The secret does not belong to the public key that was named."""


class UnknownKeyType(KeystoreError):
    """There is no key of that type here."""


class RecordError(Exception):
    """The signing record cannot be used; nothing is signed without it."""


class RecordMissing(RecordError):
    """There is no record of this key."""


class RecordExists(RecordError):
    """There is a record already; making another would forget what was signed."""


class RecordDamaged(RecordError):
    """The record is cut or changed: what it says cannot be believed."""


class RecordForeign(RecordError):
    """The record is of another chain, another key, or a later version of this program."""


class RecordInUse(RecordError):
    """Another process signs with this key."""


class RecordNotWritten(RecordError):
    """The disk did not take the record, so nothing was signed."""
