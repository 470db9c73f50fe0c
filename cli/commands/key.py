"""`btt-chain key`: create and inspect keys, sign and verify, like `subkey`.

A secret is given as an argument, as the path of a file, or on standard input (`-`); arguments are
visible in the list of processes, so use the other two for keys of real money.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

import click

from btt_chain.crypto import ecdsa, mnemonic
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import verify as is_signed
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from cli.commands import ceremony, keystore, node_key, session_keys
from cli.common import show
from cli.common.keys import (
    key_pair,
    network_options,
    read_secret,
    scheme_named,
    scheme_option,
)
from cli.common.messages import message_of, message_options, print_verdict
from cli.common.options import (
    Command,
    Group,
    examples,
    json_option,
    password_options,
)
from cli.common.session import from_hex
from cli.common.wallets import Passwords

ADDRESS_LIKE: Final = re.compile("[1-9A-HJ-NP-Za-km-z]{46,50}")
"""Pattern of addresses: a match that is not an address is mistyped; no phrase or seed matches."""


def _output_options(command: Command) -> Command:
    """Add `--json`, and its form in `subkey`, `--output json`."""
    output = click.option(
        "--output",
        "output",
        type=click.Choice(["text", "json"]),
        default="text",
        help="The same as --json, as subkey spells it.",
    )
    return json_option(output(command))


@click.group(cls=Group)
def key() -> None:
    """Make keys, look at them, sign and verify; keep the session keys of a validator.

    A secret URI is a phrase of words, or 0x and a seed, followed by a path: //hard/soft///password.
    Without words it means the public development phrase: the secret of //Alice is public.
    """


for _command in (
    keystore.insert,
    keystore.list_,
    keystore.status,
    session_keys.prove,
    session_keys.rotate,
    ceremony.entry,
    ceremony.sign,
    node_key.generate,
    node_key.inspect,
):
    key.add_command(_command)


@examples("btt-chain key generate", "btt-chain key generate --words 24 --scheme ed25519 --json")
@key.command()
@click.option(
    "-w",
    "--words",
    type=click.Choice(["12", "15", "18", "21", "24"]),
    default="12",
    show_default=True,
    help="Length of the phrase.",
)
@scheme_option
@password_options
@network_options
@_output_options
def generate(
    words: str, scheme: str, network: int, as_json: bool, output: str, **options: object
) -> None:
    """Make a new key and print its phrase.

    The phrase (and the password, if there is one) is the key: write it down, keep it secret.
    """
    phrase = mnemonic.generate(int(words))
    word = Passwords.of(options).of_uri()
    _print_key(key_pair(phrase, scheme, word), network, as_json or output == "json", phrase=phrase)


@examples("btt-chain key inspect //Alice", "btt-chain key inspect key.txt --network polkadot")
@key.command()
@click.argument("uri", required=False)
@click.option("--public", is_flag=True, help="URI is a public key in hex.")
@scheme_option
@password_options
@network_options
@_output_options
def inspect(
    uri: str | None, public: bool, scheme: str, network: int, as_json: bool, output: str,
    **options: object,
) -> None:  # fmt: skip
    """Show the public key and the address of URI.

    URI is a secret URI, a file that holds one, - for standard input, an SS58 address, or with
    --public a public key in hex.
    """
    as_json = as_json or output == "json"
    text = read_secret(uri)
    if public:
        _print_public(_public_key(text, scheme), scheme, network, as_json)
        return
    try:
        account, own = ss58.decode(text)
    except ss58.Ss58Error as error:
        if ADDRESS_LIKE.fullmatch(text):
            raise click.UsageError(f"{text!r} is not an address: {error}") from None
        word = Passwords.of(options).of_uri()
        phrase = text if " " in text and "/" not in text else None
        _print_key(key_pair(text, scheme, word), network, as_json, phrase=phrase)
    else:
        _print_public(account, scheme, network, as_json, own if own != network else None)


@examples("btt-chain key sign --suri //Alice --message hello")
@key.command()
@click.option("--suri", "uri", help="The secret URI, a file that holds it, or - .")
@message_options("signed")
@scheme_option
@password_options
@json_option
def sign(
    uri: str | None, message: str | None, is_hex: bool, scheme: str, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Sign a message and print the signature in hex."""
    if message is None and (uri is None or uri == "-"):
        raise click.UsageError("the message comes from standard input: name the key with --suri")
    pair = key_pair(read_secret(uri), scheme, Passwords.of(options).of_uri())
    signature = to_hex(pair.sign(message_of(message, is_hex=is_hex)))
    if as_json:
        show.document({"publicKey": to_hex(pair.public), "signature": signature})
    else:
        click.echo(signature)


@examples("btt-chain key verify 0xSIGNATURE //Alice --message hello")
@key.command()
@click.argument("signature")
@click.argument("uri")
@message_options("verified")
@scheme_option
@password_options
@json_option
def verify(
    signature: str, uri: str, message: str | None, is_hex: bool, scheme: str, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Check the SIGNATURE of a message; exit with 1 if it is wrong.

    URI is the signer: an address, a public key in hex, or a secret URI. An ECDSA address is the
    hash of the key, so the key is recovered from the signature.
    """
    who = _signer(uri, scheme, Passwords.of(options).of_uri())
    raw = from_hex(signature, "the signature")
    right = is_signed(scheme_named(scheme), who, message_of(message, is_hex=is_hex), raw)
    print_verdict(right, "key", as_json)


@examples("btt-chain key vanity --pattern Abc")
@key.command()
@click.option("--pattern", required=True, help="What the address must contain, in its case.")
@scheme_option
@network_options
@_output_options
def vanity(pattern: str, scheme: str, network: int, as_json: bool, output: str) -> None:
    """Search for a key whose address contains a pattern.

    Each further letter takes 58 times as long: four are found in minutes, six in days.
    """
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    strange = sorted(set(pattern) - set(alphabet))
    if strange or not pattern:
        raise click.UsageError(
            f"no address contains {''.join(strange)!r}: 0, O, I and l are not used"
            if strange
            else "the pattern is empty"
        )
    longest = len(ss58.encode(bytes([255]) * 32, network))
    if len(pattern) > longest:
        raise click.UsageError(f"no address contains it: they have {longest} characters at most")
    kind = scheme_named(scheme)
    tries = 0
    while True:
        pair = KeyPair.from_seed(secrets.token_bytes(32), kind)
        tries += 1
        if pattern in ss58.encode(pair.account_id, network):
            break
        if tries % 10_000 == 0:
            show.note(f"{tries:_} keys tried")
    _print_key(pair, network, as_json or output == "json")


# ---- output


def _print_key(pair: KeyPair, network: int, as_json: bool, *, phrase: str | None = None) -> None:
    facts = {} if phrase is None else {"secretPhrase": phrase}
    if pair.seed is not None:
        facts["secretSeed"] = to_hex(pair.seed)
    facts |= _facts(pair.public, pair.account_id, network, str(pair.scheme))
    _print_facts(facts, as_json)


def _print_public(
    public: bytes, scheme: str, network: int, as_json: bool, given_for: int | None = None
) -> None:
    """Print a public key; `given_for` is the network of the given address, if it is another."""
    is_full = len(public) == ecdsa.PUBLIC_LENGTH
    facts = _facts(public, ecdsa.account_of(public) if is_full else public, network, scheme)
    if given_for is not None:
        facts["givenNetworkId"] = _network_name(given_for)
    # The address of an ECDSA key is a hash: the key cannot be derived from it.
    if scheme == "ecdsa" and not is_full:
        del facts["publicKey"], facts["ss58PublicKey"]
    _print_facts(facts, as_json)


def _facts(public: bytes, account: bytes, network: int, scheme: str) -> dict[str, str]:
    return {
        "publicKey": to_hex(public),
        "ss58PublicKey": ss58.encode(public, network),
        "accountId": to_hex(account),
        "ss58Address": ss58.encode(account, network),
        "networkId": _network_name(network),
        "scheme": scheme,
    }


_LABELS = {
    "secretPhrase": "Secret phrase",
    "secretSeed": "Secret seed",
    "publicKey": "Public key (hex)",
    "ss58PublicKey": "Public key (SS58)",
    "accountId": "Account ID",
    "ss58Address": "SS58 address",
    "networkId": "Network",
    "scheme": "Scheme",
    "givenNetworkId": "Given for network",
}


def _print_facts(facts: dict[str, str], as_json: bool) -> None:
    if as_json:
        show.document(facts)
    else:
        show.record({_LABELS[name]: value for name, value in facts.items()})


def _network_name(prefix: int) -> str:
    return {42: "substrate", 0: "polkadot", 2: "kusama"}.get(prefix, str(prefix))


# ---- input


def _public_key(text: str, scheme: str) -> bytes:
    raw = from_hex(text, "the public key")
    length = 33 if scheme == "ecdsa" else 32
    if len(raw) != length:
        raise click.UsageError(f"{scheme} public keys have {length} bytes, this has {len(raw)}")
    return raw


def _signer(text: str, scheme: str, word: str | None) -> bytes:
    """Return the signer: an account id, or a 33-byte ECDSA key."""
    uri = read_secret(text)
    try:
        return ss58.decode(uri)[0]
    except ss58.Ss58Error:
        pass
    raw = uri.removeprefix("0x")
    if len(raw) == 66 and scheme == "ecdsa":
        return _public_key(uri, scheme)
    if len(raw) == 64 and not word:
        # A seed has the same form; `verify` needs a public key.
        return from_hex(uri, "the public key")
    return key_pair(uri, scheme, word).account_id
