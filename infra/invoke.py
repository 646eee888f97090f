#!/usr/bin/env python3
"""Invokes the Lambda functions with the events in `infra/events`, and checks what they answer and what they do.

    python infra/invoke.py                                    what `sam build` has made
    python infra/invoke.py --binaries target/release api      what cargo has made; one function
    python infra/invoke.py --sign                             signs the events anew after one was changed

Each function runs under AWS's own Runtime Interface Emulator, which comes with aws-sam-cli, with the variables that it
reads and no others. DynamoDB, S3 and Secrets Manager are ministack's. Whatever else a function talks to (a relay,
`@connections`, the weather) is a small server in here that notes what it is asked. Everything listens on loopback.

An event is `infra/events/<function>/<case>.json`, as `sam local invoke -e` takes it. What must come of it stands in
`infra/events/<function>.expect.json` under the name of the case:

    status      the status code
    headers     some of the answer's headers
    body        its text; `contains`: pieces of it; `json`: what it says in JSON
    outcome     of `tool-call`: the outcome, its `Ok` read as JSON
    sent        every request to the outside, in order; none where this is missing
    stored      items that are in the table afterwards, as `pk/sk`; null where there must be none
    logged      codes that must be in the log

Of an object only the fields named are compared. Every event finds the same `world`. A case called `*-forged` carries a
signature that is not Twilio's, `*-unsigned` none. No log may tell what is private, and each warning must be counted:
the alarms rest on that.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote

from emulator import MINISTACK, free_port
from emulator import environment as of_ministack
from signature import sign

ROOT = Path(__file__).resolve().parents[1]
EVENTS = ROOT / "infra" / "events"

# What the events were made for. None of it opens anything anywhere.
PUBLIC_URL = "https://voice.example.com"
PUBLIC_WSS_URL = "wss://stream.example.com/call"
AUTH_TOKEN = "auth-token-of-the-fixtures"
CONSOLE_TOKEN = "console-token-of-the-fixtures"
STREAM_TOKEN = "stream-token-of-the-fixtures"
CALLER, CALLED = "+15005550006", "+15005550010"
ACCOUNT = "AC00000000000000000000000000000001"
SIGNATURE = "x-twilio-signature"

REGION, TABLE, BUCKET = "us-east-1", "voicebridge", "voicebridge-recordings"
PATIENCE = 30.0


@dataclass(frozen=True)
class Function:
    """`reads`: its own keys, out of `shared/src/config/functions.rs`; secrets by ARN, as in the cloud."""

    name: str
    logical_id: str
    reads: str


FUNCTIONS = [
    Function(
        "twiml",
        "Twiml",
        "PUBLIC_URL PUBLIC_WSS_URL TWILIO_AUTH_TOKEN_SECRET_ARN MEDIA_PATH TABLE_NAME CONTROL_CONNECTIONS_URL",
    ),
    Function("ws-connect", "WsConnect", "PUBLIC_WSS_URL TWILIO_AUTH_TOKEN_SECRET_ARN TABLE_NAME"),
    Function("ws-default", "WsDefault", "TABLE_NAME"),
    Function("ws-disconnect", "WsDisconnect", "TABLE_NAME"),
    Function(
        "ws-logs",
        "WsLogs",
        "PUBLIC_URL TABLE_NAME LOGS_CONNECTIONS_URL CONTROL_CONNECTIONS_URL CONSOLE_TOKEN_SECRET_ARN",
    ),
    Function("tool-call", "ToolCall", "TABLE_NAME OPEN_METEO_URL OPEN_METEO_GEOCODING_URL"),
    Function(
        "api",
        "Api",
        "PUBLIC_URL PUBLIC_WSS_URL MEDIA_PATH TABLE_NAME RECORDINGS_BUCKET CONTROL_CONNECTIONS_URL CONSOLE_TOKEN_SECRET_ARN"
        " TOOL_CALL_FUNCTION TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN_SECRET_ARN TWILIO_API_URL",
    ),
]


def environment(function: Function, cloud: Cloud, outside: Outside) -> dict[str, str]:
    known = {
        "PUBLIC_URL": PUBLIC_URL,
        "PUBLIC_WSS_URL": PUBLIC_WSS_URL,
        "TWILIO_AUTH_TOKEN_SECRET_ARN": cloud.auth_token_arn,
        "CONSOLE_TOKEN_SECRET_ARN": cloud.console_token_arn,
        "MEDIA_PATH": "gateway",
        "TABLE_NAME": TABLE,
        "RECORDINGS_BUCKET": BUCKET,
        "CONTROL_CONNECTIONS_URL": f"{outside.url}/control",
        "LOGS_CONNECTIONS_URL": f"{outside.url}/logs",
        "OPEN_METEO_URL": outside.url,
        "TOOL_CALL_FUNCTION": "voicebridge-tool-call",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_API_URL": outside.url,
        "OPEN_METEO_GEOCODING_URL": outside.url,
    }
    return {key: known[key] for key in function.reads.split()} | {
        "STACK_NAME": "fixtures",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "fixture",
        "AWS_SECRET_ACCESS_KEY": "fixture",
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_LAMBDA_FUNCTION_NAME": f"voicebridge-{function.name}",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": f"{PATIENCE:.0f}",
    }


# --- Events and their signatures


def events(function: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((EVENTS / function).glob("*.json"))}


def expectations(function: str) -> dict[str, dict[str, Any]]:
    return json.loads((EVENTS / f"{function}.expect.json").read_text())


def expected_signature(event: dict[str, Any]) -> str:
    if event.get("version") != "2.0":
        return sign(AUTH_TOKEN, PUBLIC_WSS_URL)
    query = event["rawQueryString"]
    url = PUBLIC_URL + event["rawPath"] + (f"?{query}" if query else "")
    return sign(AUTH_TOKEN, url, form(event))


def form(event: dict[str, Any]) -> list[tuple[str, str]]:
    """The parameters of a form POST; a GET has none that are signed apart from its URL."""
    body = event.get("body") or ""
    text = base64.b64decode(body).decode() if event["isBase64Encoded"] else body
    return parse_qsl(text, keep_blank_values=True)


def sign_all() -> None:
    for function in ["twiml", "ws-connect"]:
        for case, path in events(function).items():
            event = json.loads(path.read_text())
            if case.endswith("-forged") or SIGNATURE not in event["headers"]:
                continue
            signed = expected_signature(event)
            event["headers"][SIGNATURE] = signed
            if "multiValueHeaders" in event:
                event["multiValueHeaders"][SIGNATURE] = [signed]
            path.write_text(json.dumps(event, indent=2, ensure_ascii=False) + "\n")


# --- What every event finds

CALL = "CA00000000000000000000000000000001"
ENDED_CALL = "CA00000000000000000000000000000003"
STREAM = "MZ00000000000000000000000000000001"
CONTROL, BOUND, FRESH = "I8mzEcontr0CIWQ=", "I8mzEbound0CIWQ=", "I8mzEfresh0CIWQ="
WATCHING = "I8mzEwatch0CIWQ="


def world(now_ms: int, outside_url: str) -> list[dict[str, Any]]:
    """A relay that is alive, a call in progress and one that has ended, a socket that is bound and one that has just
    opened, the token with which the latter may begin, a console that watches, and what the tools look up.

    Shapes: functions/src/adapters/dynamo."""
    lease = {"relay": "relay-1", "address": outside_url, "fence": 1}
    relay = {
        "id": "relay-1",
        "address": outside_url,
        "control": CONTROL,
        "calls": 1,
        "draining": False,
        "cpu": 0,
        "event_loop_lag_ms": 0,
        "heartbeat_at_ms": now_ms,
    }
    binding = {"call": CALL, "stream": STREAM, "relay": "relay-1", "address": outside_url}
    token = hashlib.sha256(STREAM_TOKEN.encode()).hexdigest()
    items = [
        {"pk": "RELAY#relay-1", "sk": "META", "gsi1pk": "RELAYS", "gsi1sk": "relay-1", **relay},
        call(CALL, {"status": "in_progress"}, now_ms - 60_000),
        {"pk": f"CALL#{CALL}", "sk": "META#LEASE", **lease},
        call(ENDED_CALL, {"status": "ended", "ending": "agent_hung_up"}, now_ms - 600_000),
        {"pk": f"CALL#{ENDED_CALL}", "sk": "META#LEASE", **lease},
        {
            "pk": f"CALL#{CALL}",
            "sk": "LINE#000001",
            "line": {
                "number": 1,
                "at": 900,
                "speaker": "agent",
                "item": "item_1",
                "text": "Hello.",
                "interrupted": None,
            },
        },
        {
            "pk": f"CALL#{CALL}",
            "sk": "EVENT#0000000250#0000000001",
            "at": 250,
            "event": {"event": "model_ready", "after_ms": 240},
        },
        {
            "pk": f"CALL#{CALL}",
            "sk": "TOOL#call_done_before",
            "name": "lookup_menu",
            "begun_at_ms": now_ms - 1_000,
            "outcome": {"Ok": '{"answered":"before"}'},
        },
        {"pk": f"CONN#{CONTROL}", "sk": "META", "relay": "relay-1"},
        {"pk": f"CONN#{BOUND}", "sk": "META", "id": BOUND, "opened_at_ms": now_ms, "binding": binding},
        {"pk": f"CONN#{FRESH}", "sk": "META", "id": FRESH, "opened_at_ms": now_ms, "binding": None},
        {"pk": "WATCHERS", "sk": WATCHING, **watcher(now_ms)},
        {"pk": f"TOKEN#{token}", "sk": "META", "sid": CALL, "valid_until_ms": now_ms + 60_000},
    ]
    for item in items:
        item["expires_at"] = now_ms // 1000 + 3600
    return items + list(reference_data())


def watcher(now_ms: int) -> dict[str, Any]:
    """A viewer's console, which watches everything."""
    seen = {"asked_at_ms": now_ms, "seen_at_ms": now_ms}
    return {"connection": WATCHING, "role": "viewer", "name": "wallboard", **seen}


def call(sid: str, status: dict[str, str], began_at_ms: int) -> dict[str, Any]:
    return {
        "pk": f"CALL#{sid}",
        "sk": "META",
        "gsi1pk": "CALLS",
        "gsi1sk": f"{began_at_ms:015}#{sid}",
        "sid": sid,
        "from": CALLER,
        "to": CALLED,
        "agent": {},
        "media_path": "gateway",
        "status": status,
        "began_at_ms": began_at_ms,
        "streams": 1,
    }


def reference_data() -> Iterator[dict[str, Any]]:
    """As `shared::tools::seed` files it."""
    seed = json.loads((ROOT / "shared" / "src" / "tools" / "seed.json").read_text())
    for dish in seed["menu"]:
        yield {"pk": "DATA#menu_item", "sk": dish["name"].lower().replace(" ", "-"), **dish}
    for prescription in seed["prescriptions"]:
        yield {"pk": "DATA#prescription", "sk": prescription["number"], **prescription}


# --- The world around a function


@contextmanager
def process(command: list[str], env: dict[str, str], folder: Path, port: int) -> Iterator[None]:
    """Runs until the block is left; its output goes to `stdout` and `stderr` in `folder`."""
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        # A session of its own: Ctrl-C reaches us alone, and what it left behind can be ended as a group.
        child = subprocess.Popen(command, env=env, cwd=folder, stdout=out, stderr=err, start_new_session=True)
    try:
        wait_for(port, child, folder)
        yield
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def wait_for(port: int, child: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and child.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"{child.args[0]} did not start:\n{(folder / 'stderr').read_text()}")  # type: ignore[index]


class Outside(ThreadingHTTPServer):
    """A relay's listener, `@connections` of the control API and of the consoles', and the weather's two services."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.sent: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        Thread(target=self.serve_forever, daemon=True).start()


class Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Outside

    ANSWERS = {
        f"/2010-04-01/Accounts/{ACCOUNT}.json": {"sid": ACCOUNT, "status": "active", "type": "Full"},
        f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json": {
            "incoming_phone_numbers": [
                {"phone_number": CALLED, "voice_url": f"{PUBLIC_URL}/twiml", "voice_application_sid": ""}
            ]
        },
        "/v1/search": {"results": [{"name": "Berlin", "latitude": 52.5, "longitude": 13.4, "country": "Germany"}]},
        "/v1/forecast": {
            "current": {"temperature_2m": 11.8, "apparent_temperature": 9.6, "weather_code": 3, "wind_speed_10m": 14.2},
            "daily": {
                "weather_code": [3, 61],
                "temperature_2m_max": [13.1, 12.4],
                "temperature_2m_min": [6.4, 7.0],
                "precipitation_probability_max": [20, 80],
            },
        },
    }

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        path, _, query = self.path.partition("?")
        request = {"method": self.command, "path": unquote(path), "query": dict(parse_qsl(query)), "body": parsed(body)}
        self.server.sent.append(request)
        answer = json.dumps(self.ANSWERS[path]).encode() if path in self.ANSWERS else b""
        self.send_response(200 if answer or self.command == "POST" else 204)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Cloud:
    """The table as `functions/src/adapters/dynamo/schema.rs` makes it, a bucket with one recording, and the secrets."""

    def __init__(self, url: str) -> None:
        import boto3  # It comes with aws-sam-cli; whoever only reads the events needs neither.

        access = {"aws_access_key_id": "fixture", "aws_secret_access_key": "fixture"}
        session = boto3.Session(region_name=REGION, **access)
        names = ["pk", "sk", "gsi1pk", "gsi1sk"]
        self.url = url
        self.table = session.resource("dynamodb", endpoint_url=url).create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=key("pk", "sk"),
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "gsi1",
                    "KeySchema": key("gsi1pk", "gsi1sk"),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        self.table.meta.client.update_time_to_live(
            TableName=TABLE, TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True}
        )
        s3 = session.client("s3", endpoint_url=url)
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=f"recordings/{CALL}.wav", Body=b"RIFF", ContentType="audio/wav")
        secrets = session.client("secretsmanager", endpoint_url=url)
        self.auth_token_arn = secrets.create_secret(Name="auth-token", SecretString=AUTH_TOKEN)["ARN"]
        self.console_token_arn = secrets.create_secret(Name="console-token", SecretString=CONSOLE_TOKEN)["ARN"]

    def reset(self, items: list[dict[str, Any]]) -> None:
        with self.table.batch_writer() as batch:
            for item in self.table.scan()["Items"]:
                batch.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
        with self.table.batch_writer() as batch:
            for item in items:
                batch.put_item(Item=item)

    def item(self, name: str) -> Any:
        pk, _, sk = name.rpartition("/")
        return self.table.get_item(Key={"pk": pk, "sk": sk}, ConsistentRead=True).get("Item")


def key(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


@contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    port = free_port()
    env = of_ministack(port) | {"TMPDIR": str(folder), "HOME": str(folder), "PATH": os.defpath}
    with process([str(MINISTACK)], env, folder, port):
        yield Cloud(f"http://127.0.0.1:{port}")


# --- Invoking


@dataclass
class Run:
    """What came of one event."""

    case: str
    answer: Any
    sent: list[dict[str, Any]]
    stored: dict[str, Any]
    log: str = ""
    logged: list[str] = field(default_factory=list)
    took_ms: float | None = None
    faults: list[str] = field(default_factory=list)

    def status(self) -> str:
        if not isinstance(self.answer, dict):
            return "?"
        error = self.answer.get("Err")
        return "Ok" if "Ok" in self.answer else error["kind"] if error else str(self.answer.get("statusCode", "?"))


def emulator() -> str:
    package = importlib.util.find_spec("samcli")
    if package is None or package.origin is None:
        raise SystemExit("aws-sam-cli is not installed for this Python: it brings the emulator along")
    machine = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine().lower()]
    return str(Path(package.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{machine}")


def binary(function: Function, folder: Path | None) -> Path:
    built = ROOT / ".aws-sam" / "build" / function.logical_id / "bootstrap"
    path = (folder / function.name).resolve() if folder else built
    if not path.is_file():
        raise SystemExit(f"{path} is not there: build it, or name a folder with --binaries")
    return path


def post(port: int, event: bytes) -> Any:
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, event), timeout=PATIENCE + 5) as response:
            return parsed(response.read().decode())
    except (OSError, urllib.error.HTTPError) as error:
        return {"errorMessage": f"the emulator: {error}"}


def invoke(function: Function, program: Path, cloud: Cloud, outside: Outside, folder: Path) -> tuple[list[Run], float]:
    """All events of a function, one after another in one process: the emulator dies of two at once."""
    expected = expectations(function.name)
    port, runtime_port = free_port(), free_port()
    command = [emulator(), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{runtime_port}", str(program)]
    runs = []
    with process(command, environment(function, cloud, outside), folder, port):
        for case, path in events(function.name).items():
            cloud.reset(world(int(time.time() * 1000), outside.url))
            outside.sent = []
            answer = post(port, path.read_bytes())
            stored = {name: cloud.item(name) for name in expected.get(case, {}).get("stored", {})}
            runs.append(Run(case, answer, outside.sent, stored))
        time.sleep(0.2)  # The emulator writes an invocation's last lines after its answer.
    init_ms = read_logs(runs, (folder / "stdout").read_text(), (folder / "stderr").read_text())
    for run in runs:
        run.faults += check(expected.get(run.case), run)
    return runs, init_ms


def read_logs(runs: list[Run], function: str, rapid: str) -> float:
    """Adds to each run what was logged and how long it took by the emulator's clock; says how long the start took."""
    for run, log in zip(runs, function.split("START RequestId:")[1:]):
        run.log = log
        lines = [line for line in map(parsed, log.splitlines()) if isinstance(line, dict)]
        run.logged = [line["code"] for line in lines if "code" in line]
        warned = {line["code"] for line in lines if "code" in line and line["level"] in ("WARN", "ERROR")}
        counted = {line.get("Kind") for line in lines if "_aws" in line}
        run.faults += [f"the log tells {word}" for word in PRIVATE if word in log]
        run.faults += [f"{code} is logged or counted, but not both" for code in sorted(warned ^ counted)]
    for run, duration in zip(runs, re.findall(r"INVOKE RTDONE\(.*?duration: ([\d.]+)ms\)", rapid)):
        run.took_ms = float(duration)
    init = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", rapid)
    return float(init.group(1)) if init else float("nan")


PRIVATE = [AUTH_TOKEN, CONSOLE_TOKEN, STREAM_TOKEN, CALLER, CALLED]


# --- Checking


def parsed(text: Any) -> Any:
    """JSON if it is some."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def check(expected: dict[str, Any] | None, run: Run) -> list[str]:
    if expected is None:
        return ["there is no expectation for this event"]
    answer = run.answer if isinstance(run.answer, dict) else {}
    if not answer or "errorMessage" in answer:
        return [f"it failed: {answer.get('errorMessage', run.answer)}; its log: {run.log.strip()}"]
    body = answer.get("body") or ""
    headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    outcome = {kind: parsed(value) for kind, value in answer.items() if kind in ("Ok", "Err")}
    actual = {"status": answer.get("statusCode"), "headers": headers, "body": body, "json": parsed(body)}
    actual |= {"outcome": outcome, "sent": run.sent, "stored": run.stored}
    faults = []
    for part, value in ({"sent": []} | expected).items():
        if part == "contains":
            faults += [f"body: no {piece!r} in {body!r}" for piece in value if piece not in body]
        elif part == "logged":
            faults += [f"logged: no {code!r} in {run.logged}" for code in value if code not in run.logged]
        else:
            faults += differences(value, actual[part], part)
    return faults


def differences(expected: Any, actual: Any, where: str) -> list[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        parts = ((value, actual.get(name), f"{where}.{name}") for name, value in expected.items())
        return [fault for part in parts for fault in differences(*part)]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        items = ((one, other, f"{where}[{index}]") for index, (one, other) in enumerate(zip(expected, actual)))
        return [fault for item in items for fault in differences(*item)]
    return [] if expected == actual else [f"{where}: {shown(expected)} was expected, it is {shown(actual)}"]


def shown(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


# --- The command


def main() -> int:
    names = [function.name for function in FUNCTIONS]
    parser = argparse.ArgumentParser(description="Invokes the Lambda functions with the events in infra/events.")
    parser.add_argument("functions", nargs="*", metavar="function", help=f"one of {', '.join(names)}; all by default")
    parser.add_argument("--binaries", type=Path, metavar="DIR", help="where cargo put them; .aws-sam/build by default")
    parser.add_argument("--sign", action="store_true", help="sign the events anew, and do nothing else")
    options = parser.parse_args()
    if unknown := set(options.functions) - set(names):
        parser.error(f"no such function: {', '.join(sorted(unknown))}")
    if options.sign:
        sign_all()
        return 0
    chosen = [function for function in FUNCTIONS if function.name in (options.functions or names)]
    programs = [(function, binary(function, options.binaries)) for function in chosen]
    # So that what was started is ended when we are told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return invoke_all(programs)


def invoke_all(programs: list[tuple[Function, Path]]) -> int:
    faults, inits = [], []
    with tempfile.TemporaryDirectory(prefix="voicebridge-invoke-") as temporary:
        outside = Outside()
        with cloud(new_folder(temporary, "cloud")) as store:
            print(f"{'function':<14} {'event':<30} {'status':<18} {'ms':>8}")
            for function, program in programs:
                runs, init_ms = invoke(function, program, store, outside, new_folder(temporary, function.name))
                inits.append(f"  {function.name:<14} {init_ms:>6.1f}")
                for run in runs:
                    took = "?" if run.took_ms is None else f"{run.took_ms:.1f}"
                    mark = "  differs" if run.faults else ""
                    print(f"{function.name:<14} {run.case:<30} {run.status():<18} {took:>8}{mark}", flush=True)
                    faults += [f"  {function.name}/{run.case}: {fault}" for fault in run.faults]
    print("\ninit: ms from the process's start until it asks for work, secrets included, as the emulator reports it")
    print(*inits, sep="\n")
    if faults:
        print("\nnot as expected:", *faults, sep="\n")
    return 1 if faults else 0


def new_folder(within: str, name: str) -> Path:
    folder = Path(within) / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
