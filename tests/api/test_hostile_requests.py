"""Whatever is sent to whatever address: an answer below 500, and a problem if it is a refusal."""

from __future__ import annotations

import json
from typing import Any

import httpx
from api_client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmind.api.application import api as documented
from tests.trying import examples

PATHS = sorted(
    (method.upper(), path)
    for path, methods in documented.openapi()["paths"].items()
    for method in methods
)
ODD_TEXTS = ("", "0", "-1", "1", "x", "9" * 30, "1e9", "null", "%00", "%ff", "'; --", "..%2f", "é")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)


def _calm(client: Client, method: str, path: str, **options: Any) -> None:
    answer = client.request(method, path, **options)
    assert answer.status_code < 500, (method, path, options, answer.text)
    if answer.status_code >= 400:
        assert _is_told(path, answer), (method, path, options, answer.text)


def _is_told(path: str, answer: httpx.Response) -> bool:
    """Whether the refusal is a problem, or behind a vendor's door what its library reads."""
    if answer.headers["content-type"] == "application/problem+json":
        return bool(answer.json()["detail"])
    if path.startswith("/2010-04-01/"):
        told = answer.json()
        return bool(told["message"]) and told["status"] == answer.status_code and told["code"] > 0
    return path.startswith("/v3/") and bool(answer.json()["errors"][0]["message"])


def _filled(path: str, text: str) -> str:
    for name in ("segment_id", "customer_id", "message_id", "campaign_id", "automation_id"):
        path = path.replace(f"{{{name}}}", text)
    return path.replace("{provider}", text)


def test_odd_ids_queries_and_bodies_are_answered_calmly(client: Client) -> None:
    assert len(PATHS) > 30
    for method, path in PATHS:
        _try_odd(client, method, path)


def _try_odd(client: Client, method: str, path: str) -> None:
    parameters = documented.openapi()["paths"][path][method.lower()].get("parameters", [])
    names = [p["name"] for p in parameters if p["in"] == "query"]
    for text in ODD_TEXTS:
        _calm(client, method, _filled(path, text) + "".join(_query(names, text)))
    if method == "POST":
        for body in (b"", b"null", b"[]", b'"x"', b"{}", b"1", b"{", b"\x00", b"[" * 50_000):
            headers = {"Content-Type": "application/json"}
            _calm(client, method, _filled(path, "1"), content=body, headers=headers)
        _calm(client, method, _filled(path, "1"), content=b"x", headers={"Content-Type": "\x7f;;"})


def _query(names: list[str], text: str) -> list[str]:
    return [f"{'&' if n else '?'}{name}={text}" for n, name in enumerate(names)]


@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_json_is_answered_calmly(client: Client, data: st.DataObject) -> None:
    bodies = {
        "/segments/create": ("name", "rule", "description"),
        "/segments/preview": ("rule", "as_of"),
        "/messages/send": ("channel", "to", "content", "vars", "send_at"),
        "/campaigns/broadcast": ("name", "channel", "segment_id", "content", "scheduled_at"),
        "/automations/cart-recovery": ("name", "channels", "contents", "wait_minutes"),
        "/v1/track": ("userId", "event", "properties", "timestamp", "messageId", "context"),
        "/v1/identify": ("userId", "traits", "anonymousId"),
        "/v1/batch": ("batch", "context", "sentAt"),
    }
    path = data.draw(st.sampled_from(sorted(bodies)))
    fields = {name: data.draw(JSON) for name in bodies[path] if data.draw(st.booleans())}
    if path == "/v1/batch" and data.draw(st.booleans()):
        fields["batch"] = [{"type": "track", "userId": "u", "event": "e", **fields}]
    content = json.dumps(fields).encode()
    _calm(client, "POST", path, content=content, headers={"Content-Type": "application/json"})
