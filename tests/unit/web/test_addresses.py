"""One reader of IP addresses for all programs: what is public, what is this machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from btt_chain.care.errors import CareError
from btt_chain.care.fetch import checked_url as facility_url
from btt_chain.payments import webhook
from btt_chain.payments.delivery.transport import checked_url as webhook_url
from btt_chain.payments.errors import PaymentError
from btt_chain.web.addresses import is_here, is_numeric, is_public, parse_ip
from p2p.address import parse
from p2p.kademlia.table import network_of

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("btt_chain", "cli", "genesis", "p2p", "runtime", "storage")
READERS = ("btt_chain/web/addresses.py", "p2p/address.py")
"""The modules that may read an IP address or ask what it is."""
ASKED = re.compile(
    r"\.(?:is_global|is_private|is_loopback|is_link_local|is_multicast|is_site_local"
    r"|is_unspecified|ipv4_mapped|sixtofour|teredo)\b(?!\()|\bip_address\("
)
PEER = "12D3KooWQCkBm1BYtkHpocxCwMgR8yjitEeHGx8spcDLGLt2gkBq"
PUBLIC = (
    "8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::1", "100.128.0.1",
)  # fmt: skip
NOT_PUBLIC = (
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254",
    "100.64.0.1", "100.127.255.255", "198.18.0.1", "192.0.0.8", "192.88.99.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fec0::1", "fc00::1", "ff0e::1", "2001:db8::1", "3fff::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808",
    "64:ff9b:1::a00:1", "2002:a00:1::", "2002:7f00:1::", "2001:0:a00:1::", "2001:20::1", "100::1",
)  # fmt: skip


@pytest.mark.parametrize("host", [*PUBLIC, *NOT_PUBLIC])
def test_all_programs_agree_on_what_is_public(host: str) -> None:
    expected = host in PUBLIC
    url = f"https://[{host}]/" if ":" in host else f"https://{host}/"
    kind = "ip6" if ":" in host else "ip4"
    assert is_public(host) == webhook.is_public(host) == expected
    assert parse(f"/{kind}/{host}/tcp/30333/p2p/{PEER}").public == expected
    assert bool(network_of(host)) == expected
    if expected:
        webhook_url(url, allow_private=False)
    else:
        with pytest.raises(PaymentError, match="public internet"):
            webhook_url(url, allow_private=False)


@pytest.mark.parametrize("text", ["fe80::1%eth0", "2606:4700::1%x", "8.8.8.8 ", "", "x", "8.8.8"])
def test_what_is_not_an_address_of_every_machine_is_not_public(text: str) -> None:
    assert not is_public(text)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "10.0.0.1."])
def test_a_number_that_systems_read_as_an_address_is_refused_as_a_host(host: str) -> None:
    assert is_numeric(host)
    with pytest.raises(PaymentError):
        webhook_url(f"https://{host}/", allow_private=True)
    with pytest.raises(CareError):
        facility_url(f"https://{host}/")
    with pytest.raises(ValueError, match="name"):
        parse(f"/dns/{host}/tcp/30333/p2p/{PEER}")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True),
        ("::ffff:127.0.0.1", True), ("10.0.0.1", False), ("localhost.example", False), ("", False),
    ],
)  # fmt: skip
def test_plain_http_is_for_this_machine_alone(host: str, expected: bool) -> None:
    assert is_here(host) == expected
    url = f"http://[{host}]/" if ":" in host else f"http://{host}/"
    if expected:
        facility_url(url)
    else:
        with pytest.raises(CareError):
            facility_url(url)


def test_a_zone_and_ipv4_seen_through_ipv6_are_read_alike() -> None:
    assert str(parse_ip("fe80::1%eth0")) == "fe80::1"
    assert str(parse_ip("::ffff:10.0.0.1")) == "10.0.0.1"
    assert parse_ip("fe80::1%eth0%x") is not None
    assert parse_ip("%eth0") is None


def test_no_other_module_reads_addresses_by_itself() -> None:
    found = {}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            asked = set(ASKED.findall(file.read_text()))
            if asked and str(file.relative_to(ROOT)) not in READERS:
                found[str(file.relative_to(ROOT))] = asked
    assert found == {}
