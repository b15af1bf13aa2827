"""Which addresses our webhooks may go to: the corpus of tricks, as text and as resolved."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from webhook_receiver import Heard, Reply, receiver

from segmind.callbacks.address import (
    LoopbackInProduction,
    RefusedAddress,
    Rules,
    check,
    host_of,
    refused_because,
    rules_of,
)
from segmind.callbacks.client import Answer, Client
from segmind.settings import from_environment

PUBLIC = Rules()

#: Every one of them leads, or may lead, into somebody's own network.
TRICKS = """
http://example.com/  ftp://example.com/  file:///etc/passwd  gopher://example.com/  javascript:alert(1)
//example.com/  example.com  https://  https:///x  https:example.com  data:text/plain,x
https://user@example.com/  https://user:secret@example.com/  https://example.com@10.0.0.1/
https://example.com:80/  https://example.com:22/  https://example.com:0/  https://example.com:99999/
https://example.com:/  https://example.com:+443/  https://example.com:5432/
https://127.0.0.1/  https://127.1.2.3/  https://0.0.0.0/  https://10.1.2.3/  https://172.16.0.1/
https://192.168.1.1/  https://169.254.169.254/latest/meta-data/  https://100.64.0.1/
https://100.127.255.254/  https://192.0.0.1/  https://192.0.2.1/  https://198.18.0.1/
https://198.51.100.1/  https://203.0.113.1/  https://224.0.0.1/  https://239.1.1.1/  https://240.0.0.1/
https://255.255.255.255/  https://192.88.99.1/
https://2130706433/  https://017700000001/  https://0x7f000001/  https://0x7f.0.0.1/
https://0177.0.0.1/  https://127.1/  https://127.0.1/  https://1/  https://0/  https://10.0.0.010/
https://127.0.0.1./  https://256.256.256.256/  https://1.2.3.4.5/  https://0x/
https://[::1]/  https://[::]/  https://[::ffff:127.0.0.1]/  https://[::ffff:a00:1]/
https://[::ffff:0:127.0.0.1]/  https://[::127.0.0.1]/  https://[64:ff9b::7f00:1]/
https://[64:ff9b::10.0.0.1]/  https://[64:ff9b:1::a00:1]/  https://[2002:7f00:1::]/
https://[2002:a00:1::1]/  https://[2001:0:7f00:1::]/  https://[2001:db8::1]/  https://[fc00::1]/
https://[fd00::1]/  https://[fd00:ec2::254]/  https://[fe80::1]/  https://[fe80::1%25eth0]/
https://[fec0::1]/  https://[ff02::1]/  https://[100::1]/  https://[3fff::1]/  https://[5f00::1]/
https://[::1  https://::1/  https://[127.0.0.1]/
https://exa\\mple.com/  https://example.com\\@10.0.0.1/  https://a..b/  https://-a.com/
https://.com/  https://example.com%2f@10.0.0.1/  https://%31%32%37.0.0.1/
https://①②⑦.⓪.⓪.①/  https://127。0。0。1/  https://example.com:443:443/
""".split()  # noqa: E501
TRICKS += ["", "https://exa mple.com/", "https://example.com/\r\nx: y", "https://example.com/\t"]
TRICKS += ["\x00https://example.com/", f"https://example.com/{'a' * 2_000}"]

#: What a resolver might say of a harmless name.
INSIDE = """
127.0.0.1 10.0.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255
224.0.0.251 192.0.0.192 ::1 :: fd00::1 fe80::1 fe80::1%eth0 ::ffff:10.0.0.1 64:ff9b::a00:1
64:ff9b:1::1 2002:a00:1::1 2001:0:a00:1::1 2001:db8::1 fec0::1 ff02::1
""".split()
FINE = [
    ("https://example.com", "https://example.com"),
    ("https://Example.COM/Hook?a=1#part", "https://example.com/Hook?a=1"),
    ("https://example.com:8443/x", "https://example.com:8443/x"),
    ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
    ("https://1.1.1.1/x", "https://1.1.1.1/x"),
    ("https://[2606:4700:4700::1111]/x", "https://[2606:4700:4700::1111]/x"),
]


@pytest.mark.parametrize("url", TRICKS)
def test_no_trick_leads_inside(url: str) -> None:
    with pytest.raises(RefusedAddress) as refused:
        check(url, PUBLIC)
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(("url", "called"), FINE)
def test_a_public_address_is_called_as_it_is_written(url: str, called: str) -> None:
    assert check(url, PUBLIC) == called
    assert check(called, PUBLIC) == called
    assert host_of(called)


@pytest.mark.parametrize("address", INSIDE)
def test_a_resolved_address_inside_is_refused(address: str) -> None:
    assert refused_because(ip_address(address), PUBLIC)


def call(
    url: str, answers: list[str], *, rules: Rules = PUBLIC, seconds: float = 2.0
) -> tuple[Answer, list[str]]:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers

    async def once() -> Answer:
        async with Client(rules, lookup=lookup, seconds=seconds) as client:
            return await client.post(url, b"{}", {})

    return asyncio.run(once()), asked


@pytest.mark.parametrize("address", INSIDE)
def test_a_harmless_name_that_points_inside_is_not_called(address: str) -> None:
    answer, asked = call("https://harmless.example/", [address])
    assert answer.refused
    assert asked == ["harmless.example"]


def test_one_address_inside_spoils_them_all() -> None:
    answer, _ = call("https://harmless.example/", ["93.184.216.34", "10.0.0.1"])
    assert answer.refused


def test_an_address_inside_never_gets_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the check of the text and of the name had both been fooled.
    from segmind.callbacks import client

    monkeypatch.setattr(client, "check", lambda url, _: url)
    with receiver() as somebody:
        answer, _ = call(somebody.url, [])
        assert answer.refused
        assert somebody.heard == []


def test_a_redirect_is_not_followed() -> None:
    with receiver() as other, receiver(lambda _: Reply(302, {"Location": other.url})) as first:
        answer, _ = call(first.url, [], rules=Rules(loopback=True))
        assert answer.status == 302
        assert not answer.taken
        assert "not followed" in answer.problem
        assert other.heard == []


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as somebody:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        answer, _ = call(somebody.url, [], rules=Rules(loopback=True))
        assert answer.taken
        assert proxy.heard == []
        assert len(somebody.heard) == 1


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(wait=0.6), "No complete answer"),
        (Reply(cut=True), "closed before an answer"),
        (Reply(500, body=b"boom"), "answered 500"),
        (Reply(204, {"X-Long": "a" * 20_000}), "not HTTP"),
    ],
)
def test_a_receiver_that_misbehaves_is_named(reply: Reply, problem: str) -> None:
    def plan(_: Heard) -> Reply:
        return reply

    with receiver(plan) as somebody:
        answer, _ = call(somebody.url, [], rules=Rules(loopback=True), seconds=0.3)
    assert problem in answer.problem
    assert not answer.taken


def test_of_a_large_answer_only_the_beginning_is_kept() -> None:
    with receiver(lambda _: Reply(200, body=b"\x00x\xff" * 1_000_000)) as somebody:
        answer, _ = call(somebody.url, [], rules=Rules(loopback=True))
    assert answer.taken
    assert 0 < len(answer.said) <= 300
    assert answer.said.isprintable()


def test_loopback_is_refused_unless_asked_for_and_never_in_production() -> None:
    home = {"SEGMIND_SECRET_KEY": "x" * 32}
    assert rules_of(from_environment(home)) == Rules()
    asked = home | {"SEGMIND_CALLBACK_LOOPBACK": "allow"}
    assert rules_of(from_environment(asked)) == Rules(loopback=True)
    assert check("http://127.0.0.1:8000/x", Rules(loopback=True))
    with pytest.raises(RefusedAddress):
        check("http://10.0.0.1:8000/x", Rules(loopback=True))
    for reachable in (
        {"SEGMIND_HOST": "0.0.0.0"},
        {"SEGMIND_PUBLIC_URL": "https://shop.example.com"},
    ):
        with pytest.raises(LoopbackInProduction):
            rules_of(from_environment(asked | reachable))
