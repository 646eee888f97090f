"""The events for `sam local invoke` and `infra/invoke.py`: complete, signed, and about nobody.

Run: python -m unittest discover -s infra/tests -p 'test_events.py'
"""

import base64
import json
import re
import sys
import unittest
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import invoke

EVENTS = {
    (function.name, case): json.loads(path.read_text())
    for function in invoke.FUNCTIONS
    for case, path in invoke.events(function.name).items()
}
HTTP = {name: event for name, event in EVENTS.items() if event.get("version") == "2.0"}
SOCKETS = {name: event for name, event in EVENTS.items() if "connectionId" in event.get("requestContext", {})}

# What each function can get. A kind that is added to the code is to be added here, and an event of it.
KINDS: dict[str, set[Any]] = {
    # `Route` in handlers/twiml.rs, with the methods it allows.
    "twiml": {
        ("POST", "/twiml"),
        ("GET", "/twiml"),
        ("POST", "/incoming-call"),
        ("GET", "/incoming-call"),
        ("POST", "/twiml/resume"),
        ("POST", "/twiml/line"),
        ("POST", "/twiml/transfer"),
        ("GET", "/twiml/resume"),
        ("POST", "/call/status"),
        ("POST", "/stream/status"),
    },
    # `Stage` in handlers/ws_event.rs.
    "ws-connect": {("$connect", "call"), ("$connect", "control")},
    "ws-disconnect": {("$disconnect", "call"), ("$disconnect", "control")},
    # `StreamEvent` and `Message` in shared/src/twilio/media.rs, and what is none of them.
    "ws-default": {"connected", "start", "media", "dtmf", "mark", "stop", "garbage"},
    # `FromWatcher` in shared/src/live.rs, and what is none of them.
    "ws-logs": {
        ("$connect", "logs"),
        ("$disconnect", "logs"),
        "hello",
        "subscribe",
        "listen",
        "unlisten",
        "ping",
        "garbage",
    },
    # `builtin` in shared/src/tools.rs, one of those that keep something for people, and a tool that is none of them.
    "tool-call": {"get_weather", "lookup_prescription", "lookup_menu", "order_pizza", "take_message"},
    # `Route` in handlers/api.rs, a method that its route does not take, and a path that is no route.
    "api": {
        ("GET", "/health"),
        ("GET", "/stream"),
        ("GET", "/status"),
        ("GET", "/public-url"),
        ("GET", "/tools"),
        ("GET", "/calls"),
        ("GET", "/calls/{sid}"),
        ("GET", "/calls/{sid}/recording"),
        ("POST", "/calls/{sid}/hangup"),
        ("GET", "/streams"),
        ("GET", "/realtime/sessions"),
        ("GET", "/api/twilio"),
        ("GET", "/api/agents"),
        ("POST", "/api/agents"),
        ("POST", "/api/agents/validate"),
        ("GET", "/api/agents/{id}"),
        ("PUT", "/api/agents/{id}"),
        ("DELETE", "/api/agents/{id}"),
        ("GET", "/api/agents/{id}/versions"),
        ("GET", "/api/agents/{id}/versions/{n}"),
        ("POST", "/api/agents/{id}/restore"),
        ("GET", "/api/numbers"),
        ("GET", "/api/numbers/{e164}"),
        ("PUT", "/api/numbers/{e164}"),
        ("DELETE", "/api/numbers/{e164}"),
        ("POST", "/api/calls/{sid}/agent"),
        ("POST", "/api/calls/{sid}/hold"),
        ("POST", "/api/calls/{sid}/resume"),
        ("POST", "/api/calls/{sid}/transfer"),
        ("GET", "/api/messages"),
        ("GET", "/api/calls/{sid}/messages"),
        ("GET", "/api/callbacks"),
        ("DELETE", "/api/callbacks/{sid}/call_1"),
        ("POST", "/api/tools/try"),
        ("GET", "/api/calls/{sid}/tools"),
        ("POST", "/calls"),
        ("GET", "/nowhere"),
    },
}


# What stands in a path for what is named there.
NAMES = {r"CA\w{32}": "{sid}", r"(?<=/agents/)night": "{id}", r"(?<=/versions/)\d+": "{n}", r"\+\d+": "{e164}"}


def named(path: str) -> str:
    for name, place in NAMES.items():
        path = re.sub(name, place, path)
    return path


def kind(function: str, event: dict[str, Any]) -> Any:
    if function == "tool-call":
        return event["name"]
    context = event["requestContext"]
    if "http" in context:
        return context["http"]["method"], named(event["rawPath"])
    if context["eventType"] != "MESSAGE":
        return context["routeKey"], context["stage"]
    message = invoke.parsed(event["body"])
    return message.get("event", message.get("action")) if isinstance(message, dict) else "garbage"


def said(event: dict[str, Any]) -> str:
    """All that is in an event, its body decoded."""
    form = invoke.form(event) if event.get("isBase64Encoded") else []
    return json.dumps([event, form], ensure_ascii=False)


class Completeness(unittest.TestCase):
    def test_every_function_has_events(self) -> None:
        binaries = {path.stem for path in (invoke.ROOT / "functions" / "src" / "bin").glob("*.rs")} - {"relay"}
        self.assertEqual({function.name for function in invoke.FUNCTIONS}, binaries)
        self.assertEqual({path.name for path in invoke.EVENTS.iterdir() if path.is_dir()}, binaries)

    def test_every_event_has_an_expectation_and_the_reverse(self) -> None:
        names = [function.name for function in invoke.FUNCTIONS]
        self.assertEqual(set(EVENTS), {(name, case) for name in names for case in invoke.expectations(name)})

    def test_an_expectation_says_what_is_answered_and_nothing_that_is_not_looked_at(self) -> None:
        parts = {"status", "headers", "body", "contains", "json", "outcome", "sent", "stored", "logged"}
        for function, case in EVENTS:
            with self.subTest(f"{function}/{case}"):
                expected = invoke.expectations(function)[case]
                self.assertLessEqual(set(expected), parts)
                self.assertIn("outcome" if function == "tool-call" else "status", expected)

    def test_every_kind_of_event_is_there(self) -> None:
        found: dict[str, set[Any]] = {}
        for (function, _), event in EVENTS.items():
            found.setdefault(function, set()).add(kind(function, event))
        self.assertEqual(found, KINDS)


class Signatures(unittest.TestCase):
    def test_we_sign_as_twilio_documents_it(self) -> None:
        url = "https://mycompany.com/myapp.php?foo=1&bar=2"
        form = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234"}
        form |= {"From": "+14158675309", "To": "+18005551212"}
        self.assertEqual(invoke.sign("12345", url, list(form.items())), "RSOYDt4T1cUTdK1PDd93/VVr8B8=")

    def test_every_event_of_twilios_is_signed_unless_it_is_said_not_to_be(self) -> None:
        for (function, case), event in EVENTS.items():
            if function == "twiml" or (function == "ws-connect" and event["requestContext"]["stage"] == "call"):
                with self.subTest(f"{function}/{case}: `python infra/invoke.py --sign` signs it anew"):
                    self.check(case, event)

    def check(self, case: str, event: dict[str, Any]) -> None:
        given = event["headers"].get(invoke.SIGNATURE)
        if "multiValueHeaders" in event:
            self.assertEqual(event["multiValueHeaders"].get(invoke.SIGNATURE), given and [given])
        if case.endswith("-unsigned"):
            self.assertIsNone(given)
        elif case.endswith("-forged"):
            self.assertEqual(len(base64.b64decode(given)), 20)
            self.assertNotEqual(given, invoke.expected_signature(event))
        else:
            self.assertEqual(given, invoke.expected_signature(event))


class Realism(unittest.TestCase):
    def test_http_events_agree_with_themselves(self) -> None:
        for name, event in HTTP.items():
            with self.subTest(name):
                context, headers = event["requestContext"], event["headers"]
                self.assertEqual(context["routeKey"], event["routeKey"])
                self.assertEqual(context["http"]["path"], event["rawPath"])
                self.assertEqual(context["http"]["userAgent"], headers["user-agent"])
                self.assertEqual(context["http"]["sourceIp"], headers["x-forwarded-for"])
                self.assertEqual([*headers], sorted(map(str.lower, headers)))
                self.assertEqual("queryStringParameters" in event, event["rawQueryString"] != "")
                self.assertEqual(context["time"], moment(context["timeEpoch"]))

    def test_forms_arrive_in_base64_and_documents_as_they_are(self) -> None:
        bodies = {name: event for name, event in HTTP.items() if "content-type" in event["headers"]}
        self.assertEqual({name for name, event in HTTP.items() if "body" in event}, set(bodies))
        documents = {name for name, event in bodies.items() if "form" not in event["headers"]["content-type"]}
        for name in documents:
            with self.subTest(name):
                self.assertFalse(bodies[name]["isBase64Encoded"])
                self.assertEqual(str(len(bodies[name]["body"].encode())), bodies[name]["headers"]["content-length"])
        for name, event in ((name, event) for name, event in bodies.items() if name not in documents):
            with self.subTest(name):
                self.assertTrue(event["isBase64Encoded"])
                body = base64.b64decode(event["body"], validate=True)
                self.assertEqual(str(len(body)), event["headers"]["content-length"])
                self.assertTrue(invoke.form(event))

    def test_socket_events_have_headers_until_they_carry_frames(self) -> None:
        for name, event in SOCKETS.items():
            with self.subTest(name):
                context = event["requestContext"]
                message = context["eventType"] == "MESSAGE"
                self.assertEqual("headers" in event, not message)
                self.assertEqual(("body" in event, "messageId" in context), (message, message))
                self.assertEqual("disconnectStatusCode" in context, context["eventType"] == "DISCONNECT")
                self.assertEqual(context["requestTime"], moment(context["requestTimeEpoch"]))
                if not message:
                    single = {header: [value] for header, value in event["headers"].items()}
                    self.assertEqual(event["multiValueHeaders"], single)

    def test_a_relay_has_passed_iam(self) -> None:
        relays = [event for (function, _), event in SOCKETS.items() if event["requestContext"]["stage"] == "control"]
        self.assertTrue(relays)
        for event in relays:
            self.assertIn(":assumed-role/", event["requestContext"]["identity"]["userArn"])
            self.assertNotIn("authorization", map(str.lower, event["headers"]))

    def test_nobody_is_named(self) -> None:
        for name, event in EVENTS.items():
            with self.subTest(name):
                text = said(event)
                numbers = set(re.findall(r"(?:\+|%2B)(\d{7,})", text))
                self.assertLessEqual(numbers, {"15005550006", "15005550010"})
                for sid in re.findall(r"\b(?:AC|CA|MZ)[0-9a-fA-F]{32}\b", text):
                    self.assertRegex(sid, r"^..0{31}\d$")


def moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc).strftime("%d/%b/%Y:%H:%M:%S +0000")


if __name__ == "__main__":
    unittest.main()
