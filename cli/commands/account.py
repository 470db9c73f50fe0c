"""`btt-chain account`: named accounts in a wallet: keys, watched accounts, the address book.

Keys are sealed with a password, each in a file of its own in polkadot.js's format, so that they can
be taken to other wallets and back. A secret is shown once, by `new`, and by `export --secret`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.crypto import mnemonic
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.signature import verify as is_signed
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.strict_json import BadJson, read_json
from btt_chain.wallet.entries import Entry, Kind
from btt_chain.wallet.errors import WalletError
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import output_file, secret_of
from cli.common.keys import key_pair, network_options, read_secret, scheme_option
from cli.common.messages import message_of, message_options, print_verdict
from cli.common.options import (
    Group,
    examples,
    json_option,
    output_option,
    password_options,
    wallet_option,
)
from cli.common.session import from_hex
from cli.common.wallets import (
    Passwords,
    key_of,
    names_of_accounts,
    wallet,
    wallet_errors,
    wallet_folder,
)

MAX_FILE: Final = 64 << 10
"""Maximum bytes of a file to import."""
SHORT: Final = 8
"""Characters of a password below which a note is printed."""
SHOWN_ONCE: Final = (
    "Write the phrase down and keep it secret: it is the key, and is not shown again."
)

name_argument = click.argument("name")


@click.group(cls=Group)
def account() -> None:
    """Named accounts: keys in a wallet, watched accounts, and an address book.

    A name stands for its account in every command: `tx transfer bob 5BTT --from alice`. Keys are
    sealed with a password, in the format of polkadot.js.
    """


@examples("btt-chain account new alice", "btt-chain account new alice --words 24 --scheme ed25519",
          "btt-chain account new ci --password-file pw.txt --json")  # fmt: skip
@account.command("new")
@name_argument
@click.option(
    "-w", "--words", type=click.Choice(["12", "15", "18", "21", "24"]), default="12",
    show_default=True, help="Length of the phrase.",
)  # fmt: skip
@scheme_option
@password_options
@wallet_option
@json_option
def new(name: str, words: str, scheme: str, as_json: bool, **options: object) -> None:
    """Make a new key, seal it with a password, and print its phrase once.

    The password opens the file; the phrase is the key itself, wherever the file may go.
    """
    with wallet_errors():
        wallet().check_free(name)
    word = _new_password(Passwords.of(options), name)
    phrase = mnemonic.generate(int(words))
    entry = _add_key(name, key_pair(phrase, scheme, None), word)
    facts = {**_facts(entry), "secretPhrase": phrase}
    if as_json:
        show.document(facts)
        return
    show.record({"name": name, "address": str(facts["address"]), "phrase": phrase})
    show.note(SHOWN_ONCE)


@examples("btt-chain account import alice alice.json", "btt-chain account import alice",
          "cat phrase.txt | btt-chain account import alice -")  # fmt: skip
@account.command("import")
@name_argument
@click.argument("source", required=False)
@scheme_option
@password_options
@wallet_option
@json_option
def import_(name: str, source: str | None, scheme: str, as_json: bool, **options: object) -> None:
    """Take a key over: a JSON file of polkadot.js, or a secret.

    SOURCE is a file with either, - for standard input, or a development key such as //Alice.
    Without it the secret is asked for. A file of polkadot.js keeps its password.
    """
    with wallet_errors():
        wallet().check_free(name)
    passwords = Passwords.of(options)
    text = _source(source)
    document = _document(text)
    if document is None:
        _check_no_address(text, name)
        secret = read_secret(text) if source is None or source == "-" else _of_source(source, text)
        entry = _add_key(name, key_pair(secret, scheme, None), _new_password(passwords, name))
    else:
        entry = _add_file(name, document, passwords)
    _done(entry, as_json, "imported")


@examples("btt-chain account export alice -o alice.json", "btt-chain account export alice --secret")
@account.command()
@name_argument
@output_option("Write to this new file instead of standard output.")
@click.option("--secret", is_flag=True, help="The secret key itself in hex, without a password.")
@password_options
@wallet_option
def export(name: str, output: Path | None, secret: bool, **options: object) -> None:
    """Print an account in the form that polkadot.js imports; a key stays sealed.

    With --secret the password is needed. The phrase cannot be shown again: it is not stored.
    """
    passwords = Passwords.of(options)
    with wallet_errors():
        entry = wallet().get(name)
    if secret:
        pair = key_of(entry, passwords)
        text = to_hex(pair.seed or pair.secret) + "\n"
    else:
        text = entry.encode().decode()
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output_file(output, private=True, new=True) as file:
            file.write(text.encode())
    except FileExistsError:
        raise Refused(f"{output} is there already; nothing is overwritten") from None
    show.good(f"{name} is in {output}")


@examples("btt-chain account list", "btt-chain account list --json")
@account.command("list")
@network_options
@wallet_option
@json_option
def list_(network: int, as_json: bool) -> None:
    """List the accounts of the wallet."""
    with wallet_errors():
        found, wrong = wallet().entries()
        default = wallet().default()
    if as_json:
        show.document(
            {"folder": str(wallet_folder()), "default": default,
             "accounts": [_facts(each, network) for each in found], "damaged": wrong}
        )  # fmt: skip
    elif found:
        show.table(
            ["", "name", "kind", "address"],
            [
                ["*" if each.name == default else "", each.name, _kind_of(each),
                 ss58.encode(each.account, network)]
                for each in found
            ],
        )  # fmt: skip
        if default is not None:
            show.note("* is used where --from is left out")
    elif not wrong:
        show.note(
            f"there is no account in {wallet_folder()}: make one with `btt-chain account new NAME`"
        )
    for text in wrong.values():
        show.note(f"warning: {text}")


@examples("btt-chain account show alice", "btt-chain account show treasury --json")
@account.command("show")
@name_argument
@network_options
@wallet_option
@json_option
def show_(name: str, network: int, as_json: bool) -> None:
    """Show an account: its address, and of a multisig or a proxy what it consists of."""
    with wallet_errors():
        entry = wallet().get(name)
        facts = _facts(entry, network)
    if as_json:
        show.document(facts)
        return
    known = names_of_accounts()

    def called(account: bytes) -> str:
        own = f" ({known[account]})" if account in known else ""
        return ss58.encode(account, network) + own

    lines: dict[str, str | list[str]] = {
        "name": name, "kind": _kind_of(entry), "address": str(facts["address"]),
        "account": str(facts["account"]), "file": str(wallet_folder() / f"{name}.json"),
    }  # fmt: skip
    if entry.kind is Kind.MULTISIG:
        lines["needs"] = f"{entry.threshold} of {len(entry.signers)}"
        lines["signers"] = [called(each) for each in entry.signers]
    if entry.kind is Kind.PROXY:
        lines["proxy"] = f"{called(entry.signer)}, {entry.scope or 'any type that there is'}"
    show.record(lines)


@examples(
    "btt-chain account add bob 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
    "btt-chain account add cold 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --watch",
    "btt-chain account add fund 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --by alice",
)
@account.command()
@name_argument
@click.argument("address")
@click.option("--watch", is_flag=True, help="It is your own account; its key is elsewhere.")
@click.option("--by", metavar="NAME", help="The account of this wallet that is its proxy.")
@click.option("--type", "scope", help="The type of proxy, as Staking, where there are several.")
@wallet_option
@json_option
def add(
    name: str, address: str, watch: bool, by: str | None, scope: str | None, as_json: bool
) -> None:
    """Give an address a name.

    It is another person's account; with --watch your own one without a key, and with --by one for
    which you are a proxy: `--from NAME` then signs with the key of the proxy.
    """
    if watch and by is not None:
        raise Mistyped("leave out either --watch or --by")
    if scope is not None and by is None:
        raise Mistyped("--type goes with --by, the proxy")
    account = _account(address)
    with wallet_errors():
        if by is not None:
            signer = wallet().get(by)
            if signer.kind is not Kind.KEY:
                raise Mistyped(f"{by} has no key here: a proxy signs")
            entry = Entry.proxy(name, account, signer.account, scope)
        else:
            entry = Entry.watch(name, account) if watch else Entry.contact(name, account)
        wallet().add(entry)
    _done(entry, as_json, "added")


@examples("btt-chain account sign alice --message hello")
@account.command()
@name_argument
@message_options("signed")
@password_options
@wallet_option
@json_option
def sign(name: str, message: str | None, is_hex: bool, as_json: bool, **options: object) -> None:
    """Sign a message and print the signature in hex."""
    with wallet_errors():
        entry = wallet().get(name)
    raw = message_of(message, is_hex=is_hex)
    pair = key_of(entry, Passwords.of(options))
    signature = to_hex(pair.sign(raw))
    if as_json:
        show.document({"account": to_hex(pair.account_id), "signature": signature})
    else:
        click.echo(signature)


@examples("btt-chain account verify 0x5e.. alice --message hello")
@account.command()
@click.argument("signature")
@click.argument("who", metavar="NAME|ADDRESS")
@message_options("verified")
@wallet_option
@json_option
def verify(signature: str, who: str, message: str | None, is_hex: bool, as_json: bool) -> None:
    """Check the SIGNATURE of a message by an account; exit with 1 if it is wrong.

    Any of the three kinds of key may have signed, and the message may be in the brackets that
    wallets in browsers put around it.
    """
    account, raw = _account(who), from_hex(signature, "the signature")
    text = message_of(message, is_hex=is_hex)
    wrapped = b"<Bytes>" + text + b"</Bytes>"
    right = any(
        is_signed(scheme, account, each, raw) for scheme in Scheme for each in (text, wrapped)
    )
    print_verdict(right, "account", as_json)


@examples("btt-chain account remove old", "btt-chain account remove old --yes")
@account.command()
@name_argument
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@wallet_option
@json_option
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Delete an account from the wallet. A key is lost without its phrase or another copy."""
    try:
        entry = wallet().get(name)
        what = f"the key of {name}" if entry.kind.value == "key" else f"{name} ({_kind_of(entry)})"
    except WalletError as error:
        if name not in wallet().names():
            raise NotFound(str(error)) from None
        what = f"the damaged file of {name}"
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise Mistyped(f"add --yes to delete {what}")
        click.confirm(f"Delete {what} from {wallet_folder()}?", abort=True, err=True)
    with wallet_errors():
        wallet().remove(name)
    if as_json:
        show.document({"removed": name})
    else:
        show.good(f"{name} is removed")


@examples("btt-chain account rename alice savings")
@account.command()
@click.argument("old")
@click.argument("new_name", metavar="NEW")
@wallet_option
@json_option
def rename(old: str, new_name: str, as_json: bool) -> None:
    """Give an account another name."""
    with wallet_errors():
        wallet().rename(old, new_name)
        entry = wallet().get(new_name)
    _done(entry, as_json, f"renamed from {old}")


@examples("btt-chain account default alice", "btt-chain account default",
          "btt-chain account default --none")  # fmt: skip
@account.command()
@click.argument("name", required=False)
@click.option("--none", "clears", is_flag=True, help="Use no account where --from is left out.")
@wallet_option
@json_option
def default(name: str | None, clears: bool, as_json: bool) -> None:
    """Choose the account that signs where --from is left out; without NAME show it."""
    if clears and name is not None:
        raise Mistyped("leave out either NAME or --none")
    with wallet_errors():
        if clears:
            wallet().set_default(None)
        elif name is not None:
            if wallet().get(name).kind not in (Kind.KEY, Kind.PROXY):
                raise Mistyped(f"{name} cannot sign: its key is not in this wallet")
            wallet().set_default(name)
        chosen = wallet().default()
    if as_json:
        show.document({"default": chosen})
    elif chosen is None:
        show.note("there is no default account")
    else:
        click.echo(chosen)


# ---- helpers


def _add_key(name: str, pair: KeyPair, word: str) -> Entry:
    with wallet_errors():
        entry = Entry.key(name, pair, word)
        wallet().add(entry)
    return entry


def _add_file(name: str, document: str, passwords: Passwords) -> Entry:
    """Store a file of polkadot.js under a name. Refused if it is damaged or the password wrong."""
    with wallet_errors():
        entry = Entry.decode(name, document.encode())
        if entry.kind is Kind.KEY:
            pair = key_of(entry, passwords)
            if not entry.is_sealed:
                entry = Entry.key(name, pair, _new_password(passwords, name))
        entry = entry.renamed(name)
        wallet().add(entry)
    return entry


def _new_password(passwords: Passwords, name: str) -> str:
    word = passwords.new(name)
    if not word:
        raise Mistyped("the password is empty: the file alone would give the key away")
    if len(word) < SHORT:
        show.note(f"note: a password of fewer than {SHORT} characters is quickly guessed")
    return word


def _source(source: str | None) -> str:
    """Return the text of a source. Mistyped if a secret stands on the command line."""
    if source is None:
        if sys.stdin.isatty():
            return str(click.prompt("Secret phrase or seed", hide_input=True, err=True)).strip()
        source = "-"
    if source == "-":
        return _decoded(sys.stdin.buffer.read(MAX_FILE + 1), "standard input")
    if not source.startswith("//") and len(source) < 4096 and Path(source).is_file():
        with Path(source).open("rb") as file:
            return _decoded(file.read(MAX_FILE + 1), source)
    if source.startswith("0x") or len(source.split()) > 1:
        raise Mistyped(
            "a secret on the command line can be seen by others: leave it out to be asked, or give "
            "a file, or - for standard input"
        )
    return source


def _of_source(source: str, text: str) -> str:
    """Return the secret in a file, or a development key. Raises as `read_secret`."""
    return read_secret(text if source.startswith("//") or text != source else source)


def _decoded(raw: bytes, where: str) -> str:
    if len(raw) > MAX_FILE:
        raise Refused(f"{where} is not a key: it has more than {MAX_FILE} bytes")
    return secret_of(raw, where).strip()


def _document(text: str) -> str | None:
    """Return a text if it is a JSON document; None for a secret."""
    if not text.startswith("{"):
        return None
    try:
        read_json(text, halves=True)
    except BadJson as error:
        raise Refused(f"the file begins as JSON and is invalid: is it cut short? {error}") from None
    return text


def _check_no_address(text: str, name: str) -> None:
    try:
        ss58.decode(text)
    except ss58.Ss58Error:
        return
    raise Mistyped(
        f"this is an address, not a key: `btt-chain account add {name} {text}` gives it a name"
    )


def _account(text: str) -> bytes:
    """Return the account of a name, or of an address of any network. Mistyped for other texts."""
    try:
        found = ss58.decode(text)[0]
        if len(found) == 32:
            return found
    except ss58.Ss58Error:
        pass
    try:
        return read_account(text)
    except AccountError as error:
        raise Mistyped(str(error)) from None


def _kind_of(entry: Entry) -> str:
    return f"{entry.kind.value}, {entry.scheme}" if entry.scheme else entry.kind.value


def _facts(entry: Entry, network: int | None = None) -> dict[str, object]:
    """Return an account as a part of a JSON document, without anything secret."""
    prefix = ss58.DEFAULT_PREFIX if network is None else network
    facts: dict[str, object] = {
        "name": entry.name,
        "kind": entry.kind.value,
        "scheme": entry.scheme or None,
        "address": ss58.encode(entry.account, prefix),
        "account": to_hex(entry.account),
    }
    if entry.kind is Kind.MULTISIG:
        facts["threshold"] = entry.threshold
        facts["signers"] = [ss58.encode(each, prefix) for each in entry.signers]
    if entry.kind is Kind.PROXY:
        facts["signer"] = ss58.encode(entry.signer, prefix)
        facts["proxyType"] = entry.scope
    return facts


def _done(entry: Entry, as_json: bool, what: str) -> None:
    facts = _facts(entry)
    if as_json:
        show.document(facts)
    else:
        show.record({"name": entry.name, "address": str(facts["address"])})
        show.good(f"{entry.name} is {what}")
