import pytest

from chassis.addresses import TrustedProxies, neighbourhood


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("203.0.113.1", "6.6.6.6", "203.0.113.1"),
    ],
)
def test_client_is_the_last_address_that_is_not_a_trusted_proxy(peer: str, forwarded_for: str, client: str) -> None:
    assert TrustedProxies(["10.0.0.0/8"]).client(peer, forwarded_for) == client


def test_by_default_nobody_is_believed() -> None:
    assert TrustedProxies().client("127.0.0.1", "6.6.6.6") == "127.0.0.1"


def test_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        TrustedProxies(["nonsense"])


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "0.0.0.0"),
    ],
)
def test_addresses_of_one_customer_are_counted_together(address: str, counted: str) -> None:
    assert neighbourhood(address) == counted
