"""Processor time that peers cause: who is slowed, cut off, kept out, and who is not."""

from __future__ import annotations

import pytest

from p2p.accounts import (
    BAN_US,
    CLOSED_SHARE,
    DROP_US,
    HANDSHAKE_US,
    MAX_PEERS,
    NEWCOMER_US,
    OVERUSE_MS,
    REPORT_MS,
    SHARE,
    SLOW,
    USELESS,
    Accounts,
    CutOff,
    drop_us,
)
from p2p.limits import LARGE_TX
from p2p.network import ANNOUNCE, BLOCKS, GRANDPA, KIB, TX
from p2p.networks import (
    CLOSED_MS,
    MAX_CLOSED_MS,
    MAX_NETWORKS,
    MEMORY_MS,
    NETWORK,
    WIDE_NETWORK,
    WORK,
    network_of,
)

HOME = "127.0.0.1"
NOW = 1_000_000


def with_peers(*peers: str, ip: str = HOME) -> Accounts:
    accounts = Accounts()
    for peer in peers:
        assert accounts.closed(ip, NOW) is None
        assert accounts.opened(peer, ip, NOW) is None
    return accounts


def burn(accounts: Accounts, peer: str, amount: int, now: int = NOW) -> CutOff | None:
    return accounts.charge(peer, TX, amount, amount, now)


def test_work_that_is_of_use_slows_a_peer_before_it_is_cut_off() -> None:
    accounts = with_peers("a")
    for _ in range(20):
        assert accounts.charge("a", TX, SECOND, 0, NOW) is None
    assert not accounts.admits("a", TX, NOW)
    assert accounts.admits("a", GRANDPA, NOW)
    later = NOW + 2_000 * WORK.burst // WORK.per_second + 1
    assert accounts.admits("a", TX, later)


SECOND = 1_000_000


def work(accounts: Accounts, kind: str, per_second: int, seconds: int) -> int | None:
    """Charge useful work four times a second; return the milliseconds until the cut."""
    for step in range(4 * seconds):
        if accounts.charge("a", kind, per_second // 4, 0, NOW + 250 * step) is not None:
            return 250 * step
    return None


@pytest.mark.parametrize("kind", [TX, GRANDPA])
def test_a_peer_that_stays_above_its_work_budget_is_cut_off(kind: str) -> None:
    accounts = with_peers("a")
    cut = work(accounts, kind, 2 * SECOND, 60)
    assert cut is not None
    saved_up = 1_000 * WORK.burst // (2 * SECOND - WORK.per_second)
    assert OVERUSE_MS <= cut <= OVERUSE_MS + saved_up + 500
    assert accounts.cut_off == {kind: 1}


def test_a_peer_that_sends_only_as_much_as_is_let_in_is_cut_off_too() -> None:
    accounts, cut = with_peers("a"), None
    for step in range(4 * 60):
        now = NOW + 250 * step
        if accounts.admits("a", TX, now):
            cut = cut or accounts.charge("a", TX, SECOND // 2, 0, now)
    assert cut is not None
    assert cut.why == "more than 0.5 s of work a second for 10 s"


def test_one_large_debt_or_a_busy_honest_peer_is_not_cut_off_for_its_work() -> None:
    accounts = with_peers("a")
    assert accounts.charge("a", TX, 10 * SECOND, 0, NOW) is None
    assert work(accounts, TX, SECOND // 5, 60) is None
    assert work(with_peers("a"), TX, WORK.per_second * 4 // 5, 60) is None


def test_messages_that_are_dropped_for_too_much_work_are_work_and_not_useless() -> None:
    accounts = with_peers("a")
    assert accounts.charge("a", TX, 2 * WORK.burst, 0, NOW) is None
    dropped, kept = 0, 0
    for step in range(200):  # 56 kB/s: 400 transfers a second
        now = NOW + 100 * step
        if accounts.admits("a", TX, now):
            kept += 1
            continue
        dropped += 1
        assert accounts.charge("a", TX, *accounts.refused_us("a", 5_600, now), now) is None
    assert dropped >= 100
    assert kept >= 80
    assert accounts.used("a") == 0


def test_messages_that_are_dropped_because_a_peer_is_slowed_are_useless() -> None:
    accounts = with_peers("a")
    burn(accounts, "a", USELESS.burst // 2 + 1)
    while accounts.admits("a", TX, NOW):
        pass
    assert accounts.refused_us("a", KIB, NOW) == (drop_us(KIB), drop_us(KIB))


def test_answers_to_a_node_that_synchronizes_cut_off_no_peer() -> None:
    assert work(with_peers("a"), BLOCKS, 2 * SECOND, 60) is None


def test_while_a_network_is_closed_its_peers_are_cut_off_at_a_share_of_their_budget() -> None:
    share = int(CLOSED_SHARE * USELESS.burst)
    names = [f"p{number}" for number in range(28)]
    accounts = with_peers("honest", *names)
    for name in names:
        assert burn(accounts, name, share) is None  # it may have been the network's last
    assert accounts.closed(HOME, NOW) is not None
    assert all(burn(accounts, name, 1) is not None for name in names)
    assert burn(accounts, "honest", share) is None
    assert burn(accounts, "honest", 1) is not None


def test_a_newcomer_is_not_cut_off_because_it_began_with_the_rest_of_a_network() -> None:
    accounts = with_peers("attacker")
    burn(accounts, "attacker", NETWORK.burst - 200_000)
    accounts.opened("late", HOME, NOW)
    burn(accounts, "attacker", NETWORK.burst)
    assert accounts.closed(HOME, NOW) is not None
    assert burn(accounts, "late", 149_000) is None
    assert burn(accounts, "late", 2_000) is not None


def test_a_message_that_is_dropped_is_charged_by_its_size() -> None:
    assert drop_us(0) == DROP_US
    assert drop_us(1_000 * KIB) == DROP_US + 100_000
    # All that 400 transfers a second bring may be dropped for ever, 590 kB/s may not.
    assert drop_us(56_000) - DROP_US < USELESS.per_second
    assert drop_us(590_000) - USELESS.per_second > USELESS.burst // 15


def test_a_peer_is_slowed_at_half_of_its_budget_and_cut_off_at_its_end_with_the_reason() -> None:
    accounts = with_peers("a")
    assert burn(accounts, "a", USELESS.burst // 2 - 1) is None
    assert all(accounts.admits("a", TX, NOW) for _ in range(100))
    assert burn(accounts, "a", 1) is None
    assert [accounts.admits("a", TX, NOW) for _ in range(SLOW.burst + 1)].count(True) == SLOW.burst
    cut = burn(accounts, "a", USELESS.burst // 2)
    assert cut is not None
    assert not cut.is_ban
    assert cut.why == "useless work: tx 0.60 s of processor time"
    assert burn(accounts, "a", SECOND) is None  # once
    assert accounts.cut_off == {TX: 1}


def test_a_peer_that_was_cut_off_is_kept_out_for_a_while_and_banned_the_second_time() -> None:
    accounts = with_peers("a")
    assert burn(accounts, "a", USELESS.burst) is not None
    assert accounts.opened("a", HOME, NOW + 1_000) == "it was cut off a moment ago"
    half = NOW + 1_000 * (USELESS.burst // 2) // USELESS.per_second
    assert accounts.opened("a", HOME, half) is None
    again = burn(accounts, "a", USELESS.burst, half)
    assert again is not None
    assert again.is_ban


def test_a_cut_that_is_long_ago_counts_no_more() -> None:
    accounts = with_peers("a")
    burn(accounts, "a", USELESS.burst)
    later = NOW + MEMORY_MS
    assert accounts.opened("a", HOME, later) is None
    again = burn(accounts, "a", USELESS.burst, later)
    assert again is not None
    assert not again.is_ban


def test_twenty_eight_identities_have_no_more_than_their_network() -> None:
    accounts, burnt = Accounts(), 0
    for number in range(28):
        now = NOW + number * 700  # 28 in 20 s
        if accounts.closed(HOME, now) is not None:
            continue
        peer = f"p{number}"
        assert accounts.opened(peer, HOME, now) is None
        for _ in range(2_000):
            burnt += 1_000
            if burn(accounts, peer, 1_000, now) is not None:
                break
    refill = NETWORK.per_second * 20
    assert burnt <= NETWORK.burst + refill + 28 * NEWCOMER_US
    assert accounts.refused > 10
    assert accounts.closed("127.0.1.1", NOW) is None  # another network


def test_a_connected_neighbour_is_not_cut_off_for_the_debt_of_others() -> None:
    accounts = with_peers("honest", "attacker")
    for number in range(10):
        burn(accounts, "attacker", USELESS.burst)
        accounts.opened(f"new{number}", HOME, NOW)
        burn(accounts, f"new{number}", USELESS.burst)
    assert accounts.closed(HOME, NOW) is not None
    assert accounts.admits("honest", TX, NOW)
    assert burn(accounts, "honest", USELESS.burst // 4) is None
    assert accounts.used("honest") == pytest.approx(0.25)


def test_a_new_peer_begins_with_what_its_network_has_left_but_not_with_nothing() -> None:
    accounts = with_peers("attacker")
    burn(accounts, "attacker", NETWORK.burst)
    accounts.opened("next", HOME, NOW)
    assert burn(accounts, "next", NEWCOMER_US - 1) is None
    assert burn(accounts, "next", 1) is not None
    accounts.opened("elsewhere", "10.0.0.1", NOW)
    assert burn(accounts, "elsewhere", USELESS.burst - 1) is None


def test_peers_that_the_operator_named_have_no_part_in_their_network() -> None:
    accounts = with_peers("attacker")
    burn(accounts, "attacker", NETWORK.burst)
    assert accounts.opened("boot", HOME, NOW, named=True) is None
    assert burn(accounts, "boot", USELESS.burst - 1) is None


def test_several_identities_of_a_network_have_the_work_of_one_peer() -> None:
    crowd = [f"peer {number}" for number in range(5)]
    accounts = with_peers(*crowd)
    assert accounts.opened("far", "10.0.0.1", NOW) is None
    assert accounts.opened("boot", HOME, NOW, named=True) is None
    for peer in crowd:
        assert accounts.charge(peer, TX, WORK.burst // 5, 0, NOW) is None
    assert not any(accounts.admits(peer, kind, NOW) for peer in crowd for kind in (TX, LARGE_TX))
    assert accounts.refused_us(crowd[0], KIB, NOW) == (drop_us(KIB), 0)  # work, and no fault
    assert all(accounts.admits(peer, GRANDPA, NOW) for peer in crowd)
    for honest in ("far", "boot"):
        assert accounts.admits(honest, TX, NOW)
    assert accounts.admits(crowd[0], TX, NOW + 20_000)


def test_a_peer_within_its_share_is_admitted_whatever_its_network_costs() -> None:
    accounts = with_peers("a", "b", "quiet")
    now = NOW
    for _ in range(240):
        now += 250
        for peer in ("a", "b"):
            accounts.charge(peer, TX, 110_000, 0, now)
        assert accounts.admits("quiet", ANNOUNCE, now)
        assert accounts.admits("quiet", TX, now)
        accounts.charge("quiet", TX, SHARE.per_second // 5, 0, now)
    assert not accounts.admits("a", TX, now)


def test_a_48_has_the_work_of_four_networks() -> None:
    accounts = Accounts()
    for number in range(8):
        peer = f"peer {number}"
        assert accounts.opened(peer, f"2001:db8:1:{number}::1", NOW) is None
        accounts.charge(peer, TX, WORK.burst // 2, 0, NOW)
        assert accounts.admits("peer 0", TX, NOW) is (number < 7)


def test_answers_take_nothing_from_the_work_of_a_network() -> None:
    accounts = with_peers("a", "b")
    accounts.charge("a", BLOCKS, 2 * WORK.burst, 0, NOW)
    assert not accounts.admits("a", TX, NOW)
    assert accounts.admits("b", TX, NOW)


def test_a_reserved_peer_is_reported_and_slowed_and_not_cut_off() -> None:
    accounts = Accounts()
    reports: list[CutOff | None] = []
    accounts.opened("r", HOME, NOW, named=True, reserved=True)
    for second in range(120):
        now = NOW + 1_000 * second
        reports += [burn(accounts, "r", USELESS.burst // 4, now) for _ in range(4)]
    assert [report is not None for report in reports].count(True) == 120_000 // REPORT_MS
    assert accounts.cut_off == {}
    assert [accounts.admits("r", TX, now) for _ in range(20)].count(True) <= SLOW.burst
    assert not any(report.is_ban for report in reports if report is not None)


@pytest.mark.parametrize("how", ["comes back", "is reserved"])
def test_a_reserved_peer_has_a_whole_budget_when_it(how: str) -> None:
    accounts = with_peers("r")
    assert burn(accounts, "r", 2 * USELESS.burst) is not None
    accounts.gone("r")
    assert accounts.opened("r", HOME, NOW + 1) is not None
    if how == "comes back":
        assert accounts.opened("r", HOME, NOW + 2, named=True, reserved=True) is None
    else:
        accounts.set_reserved("r", NOW + 2, reserved=True)
        assert accounts.opened("r", HOME, NOW + 2, named=True, reserved=True) is None
    assert burn(accounts, "r", USELESS.burst - 1, NOW + 2) is None
    assert all(accounts.admits("r", GRANDPA, NOW + 2) for _ in range(100))


def test_asking_whether_a_network_is_closed_costs_it_nothing() -> None:
    accounts = Accounts()
    assert not any(accounts.is_closed(HOME, NOW) for _ in range(10_000))
    assert accounts.closed(HOME, NOW) is None
    accounts.opened("a", HOME, NOW)
    burn(accounts, "a", NETWORK.burst)
    assert accounts.is_closed("127.0.0.9", NOW)
    assert not accounts.is_closed("127.0.0.9", NOW + CLOSED_MS)


def test_a_closed_network_opens_again_and_is_closed_for_longer_each_time() -> None:
    accounts = with_peers("a")
    now, lengths = NOW, []
    for _ in range(9):
        burn(accounts, "a", 2 * NETWORK.burst, now)
        begun = now
        while accounts.closed("127.0.0.77", now) is not None:
            now += 1_000
        lengths.append(now - begun)
    assert lengths[:3] == [CLOSED_MS, 2 * CLOSED_MS, 4 * CLOSED_MS]
    assert max(lengths) == MAX_CLOSED_MS


@pytest.mark.parametrize("cost", ["handshakes", "bans"])
def test_connections_and_bans_without_end_close_a_network(cost: str) -> None:
    accounts, count = Accounts(), 0
    while accounts.closed(HOME, NOW) is None:
        accounts.opened(f"p{count}", HOME, NOW)
        if cost == "bans":
            accounts.banned(f"p{count}", NOW)
        count += 1
    price = HANDSHAKE_US + (BAN_US if cost == "bans" else 0)
    assert count <= NETWORK.burst // price + 1


def test_what_is_remembered_is_bounded() -> None:
    accounts = Accounts()
    for number in range(MAX_PEERS + 50):
        ip = f"10.{number >> 8}.{number & 255}.1"
        accounts.closed(ip, NOW)
        accounts.opened(f"p{number}", ip, NOW)
        accounts.gone(f"p{number}")
    assert len(accounts._peers) <= MAX_PEERS
    assert len(accounts._networks) <= 2 * MAX_NETWORKS


def test_a_clock_that_goes_back_refills_nothing() -> None:
    accounts = with_peers("a")
    burn(accounts, "a", USELESS.burst - 1)
    assert burn(accounts, "a", 1, NOW - 3_600_000) is not None


def test_a_48_of_ipv6_has_a_budget_too_however_many_networks_are_in_it() -> None:
    accounts, burnt = Accounts(), 0
    for number in range(200):
        ip, peer = f"2001:db8:7:{number:x}::1", f"p{number}"
        if accounts.closed(ip, NOW) is not None:
            continue
        accounts.opened(peer, ip, NOW)
        for _ in range(USELESS.burst // 1_000):
            burnt += 1_000
            if burn(accounts, peer, 1_000) is not None:
                break
    assert burnt <= WIDE_NETWORK.burst + USELESS.burst
    assert accounts.closed("2001:db8:7:ffff::1", NOW) == "network 2001:0db8:0007::/48 is closed"
    assert accounts.closed("2001:db8:8::1", NOW) is None


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("1.2.3.4", "1.2.3.0/24"),
        ("127.0.0.1", "127.0.0.0/24"),
        ("::ffff:1.2.3.4", "1.2.3.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002::/64"),
        ("fe80::1%eth0", "fe80:0000:0000:0000::/64"),
        ("", ""),
    ],
)
def test_a_network_is_a_24_of_ipv4_and_a_64_of_ipv6(ip: str, network: str) -> None:
    assert network_of(ip) == network
