"""The doctor and the pointer of numbers, against Twilio, OpenAI and a stack's public URL on loopback, and an AWS.

Run: python -m unittest discover -s infra/tests -p 'test_doctor.py'

AWS is ministack (make .tools/emulator/stamp): each test has a stack of its own there, with the project's own nested
templates. Between it and the doctor stands a proxy, which notes what is asked for, and says what ministack cannot: that
a deployment has failed, that a task has stopped, that something is forbidden. Twilio, OpenAI and the public URL are one
server with a certificate of its own; it believes nothing that is not signed or authorised, and remembers what it
did not expect. No test's output may hold a secret or a whole number.
"""

import base64
import hashlib
import hmac
import io
import itertools
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from email.utils import formatdate
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from unittest import mock
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import boto3
import botocore.loaders

INFRA = Path(__file__).resolve().parents[1]
ROOT = INFRA.parent
sys.path.insert(0, str(INFRA))

import doctor  # noqa: E402
import emulator  # noqa: E402
import point_number  # noqa: E402

REGION = "eu-west-1"
ACCOUNT = "AC" + "0a" * 16
TOKEN = "0123456789abcdef" * 2
OTHER_TOKEN = "fedcba9876543210" * 2
KEY = "sk-proj-" + "Zz9_" * 10
API_KEY, API_SECRET = "SK" + "0b" * 16, "aB3" * 10 + "xY"
OLD_PASSWORD = "hunter22"
NUMBER, OTHER_NUMBER, FOREIGN = "+15005550006", "+15005551234", "+15005559999"
NEVER_SAID = [TOKEN, OTHER_TOKEN, KEY, API_SECRET, OLD_PASSWORD, NUMBER, OTHER_NUMBER, FOREIGN, NUMBER[2:]]
OLD = {"voice_url": f"https://me:{OLD_PASSWORD}@old.example/voice?key={OLD_PASSWORD}", "voice_method": "GET"}
OLD |= {"status_callback": "", "status_callback_method": "POST"}


# --- Servers

Said = tuple[int, dict[str, str], bytes]  # status, headers, body


class Server:
    """Hands each request to `answer`."""

    def __init__(self, certificate: Path | None = None) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1  # Head and body in one packet: the second would wait for the first one's ACK.

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, sent, body = server.answer(self.command, self.path, headers, self.rfile.read(length))
                self.send_response_only(status)
                for name, value in ({"Date": formatdate(usegmt=True), "Content-Length": str(len(body))} | sent).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # A client that does not take the certificate hangs up.

        self.server = Quiet(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            inner = self.server.socket
            self.server.socket = context.wrap_socket(inner, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Said:
        raise NotImplementedError

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def as_json(status: int, content: Any) -> Said:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


class World(Server):
    """Twilio's API, OpenAI's, and what a stack shows to the public: functions/src/handlers/{twiml,api}.rs."""

    def __init__(self, certificate: Path) -> None:
        super().__init__(certificate)
        self.reset()

    def reset(self) -> None:
        self.strange: list[str] = []  # what nobody should ask
        self.changes: list[dict[str, str]] = []  # what numbers were told to be
        self.signed: list[bool] = []  # each webhook
        self.twilio_ahead_s = 0.0
        self.account: dict[str, Any] = {"status": "active", "type": "Full"}
        self.numbers = [self.number(NUMBER), self.number(OTHER_NUMBER, **OLD)]
        self.takes_changes = True
        self.model: tuple[int, Any] = (200, {"id": "gpt-realtime-2.1", "object": "model", "shutdown_date": None})
        self.function_token: str | None = TOKEN  # None: whoever asks is Twilio
        self.console_token: str | None = None
        self.broken: dict[str, int] = {}  # a path, and what it answers instead
        self.page: Said | None = None  # the console's
        self.status = {"version": "1", "media_path": "gateway", "relays": 2, "calls": 3, "ready": True}

    def number(self, number: str, **settings: Any) -> dict[str, Any]:
        here = {"voice_url": f"{self.url}/twiml", "voice_method": "POST"}
        here |= {"status_callback": f"{self.url}/call/status", "status_callback_method": "POST"}
        found = {"sid": "PN" + hashlib.md5(number.encode()).hexdigest(), "phone_number": number}
        found |= {"friendly_name": number, "capabilities": {"voice": True, "sms": True}}
        found |= {"voice_application_sid": "", "trunk_sid": None}
        return found | here | settings

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Said:
        url = urlsplit(path)
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if url.path.startswith("/2010-04-01/"):
            status, sent, content = self.twilio(method, url.path, dict(parse_qsl(url.query)), headers, form)
            return status, sent | {"Date": formatdate(time.time() + self.twilio_ahead_s, usegmt=True)}, content
        if url.path.startswith("/v1/models/"):
            return self.openai(url.path, headers)
        if url.path in self.broken:
            return as_json(self.broken[url.path], {"message": "broken"})
        if (method, url.path) == ("POST", "/call/status"):
            return self.call_status(headers, form)
        if (method, url.path) == ("GET", "/health"):
            return 200, {"Content-Type": "text/plain"}, b"OK"
        if (method, url.path) == ("GET", "/status"):
            return as_json(200, self.status)
        if (method, url.path) == ("GET", "/") and self.page:
            return self.page
        if (method, url.path) == ("GET", "/streams"):
            inside = self.console_token is None or headers.get("authorization") == f"Bearer {self.console_token}"
            return as_json(200, {"streams": []}) if inside else as_json(401, {"title": "Unauthorized"})
        self.strange.append(f"{method} {path}")
        return as_json(404, {})

    def twilio(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], form: dict[str, str]
    ) -> Said:
        users = {f"{ACCOUNT}:{TOKEN}", f"{API_KEY}:{API_SECRET}"}
        if headers.get("authorization") not in {f"Basic {base64.b64encode(user.encode()).decode()}" for user in users}:
            return as_json(401, {"code": 20003, "message": "Authenticate", "status": 401})
        base = f"/2010-04-01/Accounts/{ACCOUNT}"
        if (method, path) == ("GET", f"{base}.json"):
            return as_json(200, {"sid": ACCOUNT, "auth_token": TOKEN, "friendly_name": NUMBER} | self.account)
        if (method, path) == ("GET", f"{base}/IncomingPhoneNumbers.json"):
            return self.list_numbers(path, query)
        for number in self.numbers:
            if (method, path) == ("POST", f"{base}/IncomingPhoneNumbers/{number['sid']}.json"):
                return self.change(number, form)
        self.strange.append(f"{method} {path}")
        return as_json(404, {"code": 20404, "message": path, "status": 404})

    def list_numbers(self, path: str, query: dict[str, str]) -> Said:
        """One a page, and whatever contains what is looked for, as Twilio has it."""
        page, wanted = int(query.get("Page", 0)), query.get("PhoneNumber", "").lstrip("+")
        found = [one for one in self.numbers if wanted in one["phone_number"]]
        more = f"{path}?Page={page + 1}&PhoneNumber={wanted}" if page + 1 < len(found) else None
        return as_json(200, {"incoming_phone_numbers": found[page : page + 1], "next_page_uri": more})

    def change(self, number: dict[str, Any], form: dict[str, str]) -> Said:
        if not self.takes_changes:
            return as_json(400, {"code": 21402, "message": f"{form} is not valid for {number}", "status": 400})
        fields = {"VoiceUrl", "VoiceMethod", "StatusCallback", "StatusCallbackMethod"}
        if not form.keys() <= fields or "" in (form.get("VoiceMethod"), form.get("StatusCallbackMethod")):
            self.strange.append(str(form))
        self.changes.append(form)
        number |= {re.sub("(?<=.)(?=[A-Z])", "_", name).lower(): value for name, value in form.items()}
        return as_json(200, number)

    def openai(self, path: str, headers: dict[str, str]) -> Said:
        status, content = self.model
        if headers.get("authorization") != f"Bearer {KEY}":
            said = f"Incorrect API key provided: {headers.get('authorization')}"
            return as_json(401, {"error": {"message": said, "code": "invalid_api_key"}})
        if status == 200 and path.removeprefix("/v1/models/") != content["id"]:
            return as_json(404, {"error": {"message": unquote(path), "code": "model_not_found"}})
        return as_json(status, content)

    def call_status(self, headers: dict[str, str], form: dict[str, str]) -> Said:
        self.signed.append(self.function_token is None or self.is_signed(headers, form, self.function_token))
        if not self.signed[-1]:
            return as_json(403, {"title": "Forbidden"})
        if not re.fullmatch("CA[0-9A-Za-z]{32}", form.get("CallSid", "")) or "CallStatus" not in form:
            return as_json(400, {"title": "Bad Request"})
        if form["CallStatus"] not in ("queued", "initiated", "ringing", "in-progress"):
            self.strange.append(f"the end of a call: {form}")
        return 204, {}, b""

    def is_signed(self, headers: dict[str, str], form: dict[str, str], token: str) -> bool:
        text = f"{self.url}/call/status" + "".join(map("".join, sorted(form.items())))
        mac = hmac.new(token.encode(), text.encode(), "sha1")
        return headers.get("x-twilio-signature") == base64.b64encode(mac.digest()).decode()


class Aws(Server):
    """Stands before ministack. `said` replaces the answer to an action, `rewritten` changes it."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.reset()

    def reset(self) -> None:
        self.actions: list[str] = []
        self.ahead_s = 0.0
        self.said: dict[str, Callable[[dict[str, str]], Said | None]] = {}
        self.rewritten: dict[str, tuple[bytes, bytes]] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Said:
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        action = headers.get("x-amz-target", "").rpartition(".")[2] or asked.get("Action") or f"{method} {path}"
        self.actions.append(action)
        answer = self.said[action](asked) if action in self.said else None
        status, sent, content = answer or self.forward(method, path, headers, body)
        if action in self.rewritten:
            before, after = self.rewritten[action]
            assert before in content, content
            content = content.replace(before, after)
            sent.pop("x-amz-crc32", None)
        return status, sent | {"Date": formatdate(time.time() + self.ahead_s, usegmt=True)}, content

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Said:
        connection = HTTPConnection("127.0.0.1", self.port)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        kept = {name.lower(): value for name, value in answer.getheaders()}
        for name in ("content-length", "transfer-encoding", "date"):
            kept.pop(name, None)
        return answer.status, kept, content


def xml_error(status: int, code: str) -> Said:
    text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return status, {"Content-Type": "text/xml"}, text.encode()


def json_error(status: int, code: str) -> Said:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"__type": code, "message": KEY}).encode()


def event(stack: str, name: str, kind: str, physical: str, status: str, reason: str) -> str:
    parts = {"StackId": stack, "EventId": "1", "StackName": "s", "LogicalResourceId": name, "ResourceType": kind}
    parts |= {"PhysicalResourceId": physical, "Timestamp": "2026-11-21T12:00:00Z"}
    parts |= {"ResourceStatus": status, "ResourceStatusReason": reason}
    return "<member>" + "".join(f"<{part}>{value}</{part}>" for part, value in parts.items()) + "</member>"


def events(*members: str) -> Said:
    body = f"<StackEvents>{''.join(members)}</StackEvents>"
    result = f"<DescribeStackEventsResult>{body}</DescribeStackEventsResult>"
    text = f"<DescribeStackEventsResponse>{result}</DescribeStackEventsResponse>"
    return 200, {"Content-Type": "text/xml"}, text.encode()


def certificate(folder: Path) -> Path:
    path = folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", path, "-out", folder / "only.pem"], check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "only.pem").read_text())
    return path


def start_ministack(folder: Path) -> int:
    """Its port. It is ended, by its process, with the module."""
    if not emulator.MINISTACK.exists():
        raise RuntimeError("an emulator of AWS is missing: make .tools/emulator/stamp")
    port = emulator.free_port()
    env = emulator.environment(port) | {"TMPDIR": str(folder), "HOME": str(folder), "PATH": os.defpath}
    child = subprocess.Popen([emulator.MINISTACK], env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ready, said = threading.Event(), []

    def read(lines: IO[bytes]) -> None:
        for line in lines:
            said.append(line.decode())
            if b"Ready" in line:
                ready.set()
        ready.set()  # It has ended.
        lines.close()

    reader = threading.Thread(target=read, args=[child.stdout])
    unittest.addModuleCleanup(reader.join)
    unittest.addModuleCleanup(child.wait)
    unittest.addModuleCleanup(child.terminate)
    reader.start()
    if not ready.wait(30) or child.poll() is not None:
        raise RuntimeError(f"ministack did not start: {''.join(said)}")
    return port


# --- The stack


def template(url: str, templates: str, without: str, console: str) -> str:
    """The root's parameters and outputs as far as they are read; infra/secrets.yaml and infra/data.yaml as they are."""
    secrets = {name: {"Ref": name} for name in ("TwilioAuthToken", "TwilioApiSecret", "OpenaiApiKey")}
    nested = {"Stack": {"Ref": "AWS::StackName"}}
    names = "TwilioAccountSid TwilioAuthToken TwilioApiKey TwilioApiSecret OpenaiApiKey"
    names += " RealtimeModel LogLevel DomainName"
    container = {"Name": "relay", "Image": "python"}
    service = {"Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": "Task"}, "DesiredCount": 1}
    resources = {
        "Secrets": ("CloudFormation::Stack", {"TemplateURL": f"{templates}/secrets.yaml", "Parameters": secrets}),
        "Data": ("CloudFormation::Stack", {"TemplateURL": f"{templates}/data.yaml", "Parameters": nested}),
        "Logs": ("Logs::LogGroup", {"LogGroupName": {"Fn::Sub": "/voicebridge/${AWS::StackName}/functions"}}),
        "RelayLogs": ("Logs::LogGroup", {"LogGroupName": {"Fn::Sub": "/voicebridge/${AWS::StackName}/relay"}}),
        "Cluster": ("ECS::Cluster", {"ClusterName": {"Ref": "AWS::StackName"}}),
        "Task": ("ECS::TaskDefinition", {"Family": "relay", "ContainerDefinitions": [container]}),
        "Service": ("ECS::Service", service | {"LaunchType": "FARGATE"}),
    }
    outputs = {
        "VoiceWebhook": f"{url}/twiml",
        "CallStatusCallback": f"{url}/call/status",
        "ConsoleToken": {"Fn::GetAtt": ["Secrets", "Outputs.ConsoleTokenArn"]},
        "Table": {"Fn::GetAtt": ["Data", "Outputs.TableName"]},
        "Recordings": {"Fn::GetAtt": ["Data", "Outputs.RecordingsBucket"]},
        "Logs": f"{url.replace('http', 'ws')}/logs",
        "FunctionLogs": {"Ref": "Logs"},
        "RelayLogs": {"Ref": "RelayLogs"},
        "Cluster": {"Ref": "Cluster"},
        "Service": {"Fn::GetAtt": ["Service", "Name"]},
    }
    if console:
        outputs["Console"] = console
    return json.dumps(
        {
            "Parameters": {name: {"Type": "String", "Default": ""} for name in names.split()},
            "Resources": {name: {"Type": f"AWS::{kind}", "Properties": of} for name, (kind, of) in resources.items()},
            "Outputs": {name: {"Value": value} for name, value in outputs.items() if name != without},
        }
    )


def setUpModule() -> None:
    # Half of the time would go into reading the same descriptions of AWS's services again for each session.
    loader = mock.patch("botocore.session.create_loader", cache(botocore.loaders.create_loader))
    loader.start()
    unittest.addModuleCleanup(loader.stop)
    Case.folder = folder = Path(tempfile.mkdtemp(prefix="voicebridge-doctor-"))
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    Case.certificate = certificate(folder)
    port = start_ministack(folder)
    Case.world, Case.aws = World(Case.certificate), Aws(port)
    unittest.addModuleCleanup(Case.world.close)
    unittest.addModuleCleanup(Case.aws.close)
    session, url = boto3.Session("test", "test", region_name=REGION), f"http://127.0.0.1:{port}"
    used = ("cloudformation", "s3", "secretsmanager", "dynamodb", "logs")
    Case.clients = {name: session.client(name, endpoint_url=url) for name in used}
    s3, Case.templates = Case.clients["s3"], f"{url}/templates"
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION})
    for name in ("secrets.yaml", "data.yaml"):
        s3.upload_file(str(INFRA / name), "templates", name)


PARAMETERS = {"TwilioAccountSid": ACCOUNT, "TwilioAuthToken": TOKEN, "OpenaiApiKey": KEY}
PARAMETERS |= {"RealtimeModel": "gpt-realtime-2.1", "LogLevel": "info"}


class Case(unittest.TestCase):
    count = itertools.count(1)

    folder: Path
    certificate: Path
    world: World
    aws: Aws
    clients: dict[str, Any]
    templates: str

    def setUp(self) -> None:
        self.world.reset()
        self.aws.reset()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.aws.url,
            "TWILIO_API_URL": self.world.url,
            "OPENAI_API_URL": self.world.url,
            "SSL_CERT_FILE": str(self.certificate),
            "NO_PROXY": "*",
        }
        self.name = f"voicebridge-test{next(self.count)}"
        point_number.KEPT = self.folder / self.name

    def deploy(self, without: str = "", url: str = "", console: str = "", **parameters: str) -> dict[str, str]:
        client = self.clients["cloudformation"]
        given = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in (PARAMETERS | parameters).items()
        ]
        body = template(url or self.world.url, self.templates, without, console)
        client.create_stack(StackName=self.name, TemplateBody=body, Parameters=given)
        client.get_waiter("stack_create_complete").wait(StackName=self.name, WaiterConfig={"Delay": 0})
        found = client.describe_stacks(StackName=self.name)["Stacks"][0]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}
        self.complete()
        return self.outputs

    def complete(self) -> None:
        """What the emulator's CloudFormation leaves out: of GenerateSecretString, and of infra/data.yaml."""
        self.world.console_token = self.secret("ConsoleToken", uuid.uuid4().hex * 2)
        if not {"Table", "Recordings"} <= self.outputs.keys():
            return
        self.expire(True)
        self.clients["dynamodb"].update_continuous_backups(
            TableName=self.outputs["Table"], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )

    def expire(self, on: bool) -> None:
        self.clients["dynamodb"].update_time_to_live(
            TableName=self.outputs["Table"], TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": on}
        )

    def secret_arn(self, name: str) -> str:
        client = self.clients["cloudformation"]
        nested = client.describe_stack_resource(StackName=self.name, LogicalResourceId="Secrets")
        inner = nested["StackResourceDetail"]["PhysicalResourceId"]
        outputs = client.describe_stacks(StackName=inner)["Stacks"][0]["Outputs"]
        return next(one["OutputValue"] for one in outputs if one["OutputKey"] == f"{name}Arn")

    def secret(self, name: str, value: str | None = None) -> str:
        client, arn = self.clients["secretsmanager"], self.secret_arn(name)
        if value is not None:
            client.put_secret_value(SecretId=arn, SecretString=value)
        return client.get_secret_value(SecretId=arn)["SecretString"]

    def run_main(self, main: Callable[[list[str]], int], *arguments: str, stdin: str = "") -> tuple[int, str]:
        out = io.StringIO()
        with mock.patch.dict(os.environ, self.env, clear=True), mock.patch.object(sys, "stdin", io.StringIO(stdin)):
            with redirect_stdout(out), redirect_stderr(out):
                try:
                    code = main(["--stack", self.name, *arguments])
                except SystemExit as end:
                    code = int(end.code or 0)
        self.check_output(out.getvalue())
        return code, out.getvalue()

    def check_output(self, text: str) -> None:
        for never in [*NEVER_SAID, self.world.console_token]:
            if never:
                self.assertNotIn(never, text)
        self.assertEqual(self.world.strange, [])

    def doctor(self, *arguments: str) -> tuple[int, str]:
        code, text = self.run_main(doctor.main, *arguments)
        writing = [one for one in self.aws.actions if not re.match("Get|Describe|List|Filter|HEAD |GET ", one)]
        self.assertEqual(writing, [])
        self.assertEqual(self.world.changes, [])
        return code, text

    def expect(self, check: str, level: str, seen: str, *mends: str, alone: bool = True) -> str:
        """The doctor says so, of this check; of all others, if `alone`, that they are well."""
        code, text = self.doctor()
        rows = blocks(text)
        self.assertIn(check, rows, text)
        self.assertRegex(rows[check], rf"(?m)^{re.escape(check)} +{level} ", text)
        self.assertIn(seen, rows[check])
        for mend in mends:
            self.assertIn(mend, rows[check])
        if level in ("FAIL", "warn"):
            self.assertIn("→ ", rows[check])
        self.assertEqual(code, 1 if level == "FAIL" or not alone else 0, text)
        if alone:
            others = [block for name, block in rows.items() if name != check and not re.match(".{16} ok ", block)]
            self.assertEqual(others, [])
        return text


def blocks(text: str) -> dict[str, str]:
    """What is printed, by check."""
    rows: dict[str, str] = {}
    name = ""
    for line in text.partition("\n\n")[0].splitlines():
        name = line[:16].strip() or name
        rows[name] = rows.get(name, "") + line + "\n"
    return rows


def levels(text: str) -> dict[str, str]:
    return {name: block[17:21].strip() for name, block in blocks(text).items()}


# --- The doctor


WELL = """\
AWS              ok    account 000000000000, eu-west-1
stack            ok    CREATE_COMPLETE
secrets          ok    TwilioAuthToken, OpenaiApiKey, ConsoleToken
Twilio account   ok    active
Twilio number    ok    …0006 points here
public URL       ok    URL/health says OK
signature        ok    Twilio's is taken, another is not
model            ok    gpt-realtime-2.1 is there for this key
table            ok    active, with its keys and its index
table, expiry    ok    by expires_at
table, recovery  ok    to any point in time
recordings       ok    there, and closed to the public
relay tasks      ok    1 of 1 run
relays ready     ok    2 registered, with 3 calls
console token    ok    opens what is closed without it
clock            ok    as at AWS and Twilio
errors, lambda   ok    none within the hour
errors, relays   ok    none within the hour

All is well. Call the number.
"""


class Well(Case):
    def test_a_healthy_stack(self) -> None:
        self.deploy()
        code, text = self.doctor()
        self.assertEqual(text, WELL.replace("URL/", f"{self.world.url}/"))
        self.assertEqual(code, 0)
        self.assertEqual(self.world.signed, [True, False])

    def test_as_a_command(self) -> None:
        self.deploy()
        command = [sys.executable, INFRA / "doctor.py", "--stack", self.name, "--region", REGION]
        del self.env["AWS_DEFAULT_REGION"]
        for broken, code, last in (({}, 0, "All is well"), ({"/health": 500}, 1, "1 FAIL, 0 warn")):
            self.world.broken = broken
            done = subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True)
            self.check_output(done.stdout + done.stderr)
            self.assertEqual((done.returncode, done.stderr), (code, ""))
            self.assertIn(last, done.stdout.splitlines()[-1])

    def test_what_is_told_by_mistake(self) -> None:
        """The last door: no check prints such things, but AWS's own words may hold anything."""
        tell = doctor.Teller()
        for secret in (f"{KEY}\n", " ", "in"):
            tell.keep_back(secret)
        said = tell.clean(f"within {KEY}, {NUMBER} and {OTHER_NUMBER}; account 123456789012, +442071838750.")
        self.assertEqual(said, "within [secret], …0006 and …1234; account 123456789012, …8750.")

    def test_twilios_own_vector(self) -> None:
        form = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234"}
        form |= {"From": "+14158675309", "To": "+18005551212"}
        url = "https://mycompany.com/myapp.php?foo=1&bar=2"
        self.assertEqual(doctor.sign("12345", url, form.items()), "RSOYDt4T1cUTdK1PDd93/VVr8B8=")

    def test_it_reads_what_the_templates_give(self) -> None:
        root, secrets = (ROOT / "template.yaml").read_text(), (INFRA / "secrets.yaml").read_text()
        self.assertEqual(sorted(doctor.OUTPUTS + doctor.OF_THE_CONSOLE), sorted(section(root, "Outputs")))
        # Nobody ever types that one, and the console works without it.
        named = {"EdgeTokenArn"} | {kind.output for kind in doctor.SECRETS.values()}
        self.assertEqual(named, set(section(secrets, "Outputs")))
        read = set(re.findall(r'parameters\.get\("(\w+)"', (INFRA / "doctor.py").read_text())) | doctor.SECRETS.keys()
        self.assertLessEqual(read - {"ConsoleToken"}, set(section(root, "Parameters")))


def section(text: str, name: str) -> list[str]:
    return re.findall(r"^  (\w+):", re.split(r"^(?=\w)", text.partition(f"\n{name}:\n")[2], flags=re.M)[0], re.M)


class WithoutAws(Case):
    def test_no_credentials(self) -> None:
        del self.env["AWS_ACCESS_KEY_ID"]
        text = self.expect("AWS", "FAIL", "no credentials", "aws configure sso && export AWS_PROFILE=", alone=False)
        others = {name: level for name, level in levels(text).items() if name != "AWS"}
        self.assertEqual(set(others.values()), {"-"})
        self.assertGreater(len(others), 10)
        self.assertIn("stack            -     skipped: there is no way into AWS", text)

    def test_no_region(self) -> None:
        del self.env["AWS_DEFAULT_REGION"]
        self.expect("AWS", "FAIL", "no region", "export AWS_DEFAULT_REGION=", alone=False)

    def test_no_such_region(self) -> None:
        self.env["AWS_DEFAULT_REGION"] = "not a region"
        self.expect("AWS", "FAIL", "InvalidRegionError", "That is no name of a region.", alone=False)

    def test_no_such_profile(self) -> None:
        self.env["AWS_PROFILE"] = "nobody"
        self.expect("AWS", "FAIL", "AWS_PROFILE names no profile", "aws configure list-profiles", alone=False)

    def test_expired(self) -> None:
        self.aws.said["GetCallerIdentity"] = lambda _: xml_error(403, "ExpiredToken")
        self.expect("AWS", "FAIL", "not let in: ExpiredToken", "aws sso login", alone=False)

    def test_unknown_key_by_a_clock_that_is_wrong(self) -> None:
        self.aws.said["GetCallerIdentity"] = lambda _: xml_error(403, "SignatureDoesNotMatch")
        self.aws.ahead_s = -1000
        text = self.expect("AWS", "FAIL", "SignatureDoesNotMatch", "aws configure list", alone=False)
        self.assertRegex(blocks(text)["clock"], "FAIL .* (999|1000|1001) s ahead of AWS's")

    def test_nobody_answers(self) -> None:
        self.env["AWS_ENDPOINT_URL"] = closed_url("http")
        self.expect("AWS", "FAIL", "EndpointConnectionError", "is its name right", alone=False)


def closed_url(scheme: str) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"{scheme}://127.0.0.1:{probe.getsockname()[1]}"


class StackState(Case):
    def test_missing(self) -> None:
        deploy = f".tools/infra/bin/sam deploy --guided --stack-name {self.name} --region {REGION}"
        seen = f"there is no {self.name} in {REGION}"
        text = self.expect("stack", "FAIL", seen, "describe-stacks", deploy, alone=False)
        self.assertIn("model            -     skipped: the stack cannot be read", text)

    def test_rolled_back_says_what_failed_first_where(self) -> None:
        self.deploy()
        inner, kind = "arn:aws:cloudformation:eu-west-1:000000000000:stack/x-Relay/1", "AWS::CloudFormation::Stack"
        root = [
            event("root", self.name, kind, "root", "ROLLBACK_COMPLETE", ""),
            event("root", "Data", kind, "data", "CREATE_FAILED", "Resource creation cancelled"),
            event("root", "Relay", kind, inner, "CREATE_FAILED", "Embedded stack was not created"),
            event("root", self.name, kind, "root", "CREATE_IN_PROGRESS", "User Initiated"),
            event("root", "Older", kind, "older", "UPDATE_FAILED", "of another time"),
        ]
        within = [event(inner, "Service", "AWS::ECS::Service", "", "CREATE_FAILED", "the limit of tasks is 0")]
        self.aws.said["DescribeStackEvents"] = lambda asked: events(*(within if asked["StackName"] == inner else root))
        self.aws.rewritten["DescribeStacks"] = (b">CREATE_COMPLETE<", b">ROLLBACK_COMPLETE<")
        self.expect("stack", "FAIL", "Relay/Service: the limit of tasks is 0", "delete-stack", "--guided")

    def test_last_update_taken_back(self) -> None:
        self.deploy()
        failed = event("root", "Twiml", "AWS::Lambda::Function", "f", "UPDATE_FAILED", "too large")
        self.aws.said["DescribeStackEvents"] = lambda _: events(failed)
        self.aws.rewritten["DescribeStacks"] = (b">CREATE_COMPLETE<", b">UPDATE_ROLLBACK_COMPLETE<")
        self.expect("stack", "warn", "Twiml: too large", "What ran before goes on", "make package && ")

    def test_other_states(self) -> None:
        self.deploy()
        self.aws.said["DescribeStackEvents"] = lambda _: xml_error(403, "AccessDenied")
        for state, mend in (
            ("UPDATE_IN_PROGRESS", "look again when that is over"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
            ("UPDATE_FAILED", "deploy again"),
            ("CREATE_FAILED", "delete-stack"),
        ):
            with self.subTest(state):
                self.aws.rewritten["DescribeStacks"] = (b">CREATE_COMPLETE<", f">{state}<".encode())
                self.expect("stack", "FAIL", state, mend)

    def test_an_output_is_missing(self) -> None:
        self.deploy(without="RelayLogs")
        text = self.expect("stack", "FAIL", "has no output RelayLogs", "Another template made it", alone=False)
        self.assertIn("the stack has no output RelayLogs", blocks(text)["errors"])
        self.assertEqual(levels(text)["signature"], "ok")

    def test_may_not_be_seen(self) -> None:
        self.deploy()
        self.aws.said["DescribeStacks"] = lambda _: xml_error(403, "AccessDenied")
        self.expect("stack", "FAIL", "DescribeStacks: AccessDenied", "Use credentials that may do", alone=False)


class SecretValues(Case):
    GIVE = 'read -rs V && make package && .tools/infra/bin/sam deploy --stack-name {} --region eu-west-1 '
    GIVE += '--parameter-overrides "{}=$V" LogLevel=debug'

    def test_empty(self) -> None:
        self.deploy()
        self.secret("TwilioAuthToken", " ")
        give = self.GIVE.format(self.name, "TwilioAuthToken")
        text = self.expect("secrets", "FAIL", "TwilioAuthToken is empty", give, "primary", alone=False)
        for check in ("Twilio account", "Twilio number", "signature"):
            self.assertIn("skipped: there is no TwilioAuthToken", blocks(text)[check])
        self.assertEqual(levels(text)["model"], "ok")

    def test_with_a_line_end(self) -> None:
        self.deploy()
        self.secret("OpenaiApiKey", f"{KEY}\n")
        give = self.GIVE.format(self.name, "OpenaiApiKey")
        text = self.expect("secrets", "FAIL", "OpenaiApiKey has blanks or line ends", give, "api-keys", alone=False)
        self.assertEqual(levels(text)["model"], "-")
        self.assertEqual(levels(text)["Twilio number"], "ok")

    def test_of_another_shape(self) -> None:
        self.deploy()
        self.world.console_token = self.secret("ConsoleToken", "short!")
        self.expect("secrets", "warn", "ConsoleToken is not 32 or more", "put-secret-value", "openssl rand -hex 24")

    def test_gone(self) -> None:
        self.deploy()
        self.clients["secretsmanager"].delete_secret(
            SecretId=self.secret_arn("OpenaiApiKey"), ForceDeleteWithoutRecovery=True
        )
        seen, beside = "OpenaiApiKey: GetSecretValue: ResourceNotFoundException", f"--stack-name {self.name}-2 "
        self.expect("secrets", "FAIL", seen, "no update brings it back", beside, alone=False)

    def test_to_be_deleted(self) -> None:
        self.deploy()
        arn = self.secret_arn("OpenaiApiKey")
        self.clients["secretsmanager"].delete_secret(SecretId=arn, RecoveryWindowInDays=7)
        seen = "OpenaiApiKey is to be deleted"
        self.expect("secrets", "FAIL", seen, "restore-secret --region eu-west-1 --secret-id " + arn, alone=False)

    def test_forbidden(self) -> None:
        self.deploy()
        self.aws.said["GetSecretValue"] = lambda _: json_error(400, "AccessDeniedException")
        mend = "Use credentials that may do GetSecretValue"
        self.expect("secrets", "FAIL", "GetSecretValue: AccessDeniedException", mend, alone=False)


class TwilioChecks(Case):
    def test_wrong_token(self) -> None:
        self.deploy(LogLevel="debug")
        self.secret("TwilioAuthToken", OTHER_TOKEN)
        self.world.function_token = OTHER_TOKEN
        give = '"TwilioAuthToken=$V" LogLevel=info'
        text = self.expect("Twilio account", "FAIL", "Twilio refuses", give, "primary", alone=False)
        self.assertIn("skipped: Twilio does not let us in", blocks(text)["Twilio number"])
        self.assertEqual(levels(text)["signature"], "ok")

    def test_suspended(self) -> None:
        self.deploy()
        self.world.account["status"] = "suspended"
        self.expect("Twilio account", "FAIL", "the account is suspended", "https://console.twilio.com")

    def test_on_trial(self) -> None:
        self.deploy()
        self.world.account["type"] = "Trial"
        self.expect("Twilio account", "warn", "on trial: calls end after ten minutes", "billing, Upgrade")

    def test_unreachable(self) -> None:
        self.deploy()
        self.env["TWILIO_API_URL"] = closed_url("https")
        self.expect("Twilio account", "FAIL", "could not be asked: Connection refused", "proxy", alone=False)

    def test_out_of_order(self) -> None:
        self.deploy()
        with mock.patch.object(self.world, "twilio", lambda *_: as_json(503, {"code": 20503, "message": TOKEN})):
            seen = "the account: Twilio answers 503, error 20503"
            self.expect("Twilio account", "FAIL", seen, "https://www.twilio.com/docs/api/errors/20503", alone=False)

    def test_a_redirect_gets_no_token(self) -> None:
        self.deploy()
        with mock.patch.object(self.world, "twilio", lambda *_: (302, {"Location": f"{self.world.url}/else"}, b"")):
            self.expect("Twilio account", "FAIL", "the account: Twilio answers 302", alone=False)

    def test_api_key(self) -> None:
        self.deploy(TwilioApiKey=API_KEY, TwilioApiSecret=API_SECRET)
        self.expect("Twilio API key", "ok", "let in")
        self.secret("TwilioApiSecret", API_SECRET[::-1])
        with mock.patch.object(sys.modules[__name__], "NEVER_SAID", [*NEVER_SAID, API_SECRET[::-1]]):
            self.expect("Twilio API key", "FAIL", "Twilio refuses it (401)", '"TwilioApiSecret=$V"')


class Numbers(Case):
    def check(self, level: str, seen: str, *mends: str, **settings: Any) -> None:
        self.deploy()
        self.world.numbers[0] |= settings
        self.expect("Twilio number", level, seen, *mends)

    def point(self) -> str:
        return f"AWS_REGION=eu-west-1 make number STACK={self.name} NUMBER=+…"

    def test_none(self) -> None:
        self.deploy()
        self.world.numbers = []
        self.expect("Twilio number", "FAIL", "the account has none", "/phone-numbers/manage/search", self.point())

    def test_none_points_here(self) -> None:
        self.check("FAIL", f"none of 2 points at {self.world.url}/twiml", self.point(), **OLD)

    def test_almost(self) -> None:
        self.check("FAIL", "…0006: on the right host, but not", self.point(), voice_url=f"{self.world.url}/twiml/")

    def test_the_other_name_of_the_webhook(self) -> None:
        self.check("ok", "…0006 points here", voice_url=f"{self.world.url}/incoming-call")

    def test_hidden_by_an_app(self) -> None:
        self.check("FAIL", "a TwiML app hides it", "Configure with: Webhook", voice_application_sid="AP" + "0" * 32)

    def test_hidden_by_a_trunk(self) -> None:
        self.check("FAIL", "a SIP trunk hides it", "Configure with: Webhook", trunk_sid="TK" + "0" * 32)

    def test_hidden_beside_one_that_is_not(self) -> None:
        self.deploy()
        self.world.numbers.append(self.world.number("+15005557777", trunk_sid="TK" + "0" * 32))
        self.expect("Twilio number", "ok", "…7777 points here, but a SIP trunk hides it")
        self.assertEqual(self.doctor()[0], 0)

    def test_no_voice(self) -> None:
        self.check("FAIL", "has no Voice", "Point another one here.", capabilities={"voice": False})

    def test_by_get(self) -> None:
        self.check("warn", "by GET", self.point(), voice_method="GET")

    def test_without_status_callback(self) -> None:
        self.check("warn", "its status callback is not POST https://", self.point(), status_callback="")

    def test_status_callback_by_get(self) -> None:
        self.check("warn", "its status callback is not POST https://", self.point(), status_callback_method="GET")


class PublicUrl(Case):
    def test_certificate_that_nobody_takes(self) -> None:
        self.deploy(DomainName="voice.example.com")
        del self.env["SSL_CERT_FILE"]
        text = self.expect("public URL", "FAIL", "certificate is not taken", "CertificateArn must be", alone=False)
        for check in ("signature", "relays ready", "console token"):
            self.assertIn("skipped: nobody answers at the public URL", blocks(text)[check])

    def test_name_that_nobody_knows(self) -> None:
        self.deploy(url="https://voice.example.com", DomainName="voice.example.com")
        known = socket.getaddrinfo

        def resolve(host: Any, *rest: Any, **named: Any) -> Any:
            if host == "voice.example.com":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return known(host, *rest, **named)

        with mock.patch("socket.getaddrinfo", resolve):
            mend = "dig NS voice.example.com"
            self.expect("public URL", "FAIL", "its name is not known", "HostedZoneId", mend, alone=False)

    def test_nobody_there(self) -> None:
        self.deploy(url=closed_url("https"))
        self.expect("public URL", "FAIL", "Connection refused", "the API is gone: deploy again", alone=False)

    def test_no_tls(self) -> None:
        self.deploy(url="http://voice.example.com")
        self.expect("public URL", "FAIL", "http://voice.example.com has no TLS", alone=False)

    def test_broken(self) -> None:
        self.deploy()
        self.world.broken = {"/health": 503}
        log = f"aws logs tail /voicebridge/{self.name}/functions --region eu-west-1 --since 1h"
        self.expect("public URL", "FAIL", "/health answers 503", log)

    def test_somebody_else(self) -> None:
        self.deploy()
        self.world.broken = {"/health": 404}
        self.expect("public URL", "FAIL", "/health answers 404", "has not this stack's routes")


class Signature(Case):
    def test_functions_with_another_token(self) -> None:
        self.deploy()
        self.world.function_token = OTHER_TOKEN
        mend = "started with another auth token"
        self.expect("signature", "FAIL", "Twilio's is refused (403)", mend, "LogLevel=debug")

    def test_open_to_anybody(self) -> None:
        self.deploy()
        self.world.function_token = None
        self.expect("signature", "FAIL", "another than Twilio's is not refused (204)", "Anybody may open calls")

    def test_broken(self) -> None:
        self.deploy()
        self.world.broken = {"/call/status": 500}
        self.expect("signature", "FAIL", "the webhook answers 500", "aws logs tail")

    def test_not_there(self) -> None:
        self.deploy()
        self.world.broken = {"/call/status": 404}
        self.expect("signature", "FAIL", "the webhook answers 404, not 204", "make package")


class Model(Case):
    def refuse(self, status: int, code: str, seen: str, *mends: str) -> None:
        self.deploy()
        self.world.model = (status, {"error": {"message": f"no, {KEY}", "code": code}})
        self.expect("model", "FAIL", seen, *mends)

    def test_key_that_is_none(self) -> None:
        self.deploy(OpenaiApiKey="sk-" + "0" * 30)
        seen = "the key is not valid (401, invalid_api_key)"
        self.expect("model", "FAIL", seen, "https://platform.openai.com/api-keys", '"OpenaiApiKey=$V"')

    def test_key_that_may_not(self) -> None:
        self.refuse(403, "insufficient_permissions", "(403, insufficient_permissions)", "allowed to list models")

    def test_limit(self) -> None:
        self.refuse(429, "insufficient_quota", "at its limit (429, insufficient_quota)", "organization/billing")

    def test_vendor_out_of_order(self) -> None:
        self.refuse(500, f"{KEY}", "OpenAI answers 500", "https://status.openai.com")

    def test_no_such_model(self) -> None:
        self.deploy(RealtimeModel="gpt-realtime-9/..")
        mend = "--parameter-overrides RealtimeModel=gpt-realtime-2.1"
        self.expect("model", "FAIL", "no gpt-realtime-9/.. for this key (404, model_not_found)", mend)

    def test_last_day_that_we_know(self) -> None:
        for model, successor in (("gpt-realtime", "gpt-realtime-2.1"), ("gpt-realtime-mini", "gpt-realtime-2.1-mini")):
            with self.subTest(model):
                self.name = f"{self.name}x"
                self.deploy(RealtimeModel=model)
                self.world.model = (200, {"id": model})
                seen = f"{model} is there, and ends on 2027-01-20"
                self.expect("model", "warn", seen, f"RealtimeModel={successor}\n")

    def test_last_day_that_the_vendor_says(self) -> None:
        self.deploy()
        self.world.model = (200, {"id": "gpt-realtime-2.1", "shutdown_date": "2028-02-03"})
        self.expect("model", "warn", "ends on 2028-02-03", "Take its successor")


class Kept(Case):
    def test_nothing_expires(self) -> None:
        self.deploy()
        self.expire(False)
        self.expect("table, expiry", "FAIL", "off", "aws dynamodb update-time-to-live", self.outputs["Table"])

    def test_no_recovery(self) -> None:
        self.deploy()
        self.clients["dynamodb"].update_continuous_backups(
            TableName=self.outputs["Table"], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
        )
        self.expect("table, recovery", "warn", "off", "aws dynamodb update-continuous-backups", self.outputs["Table"])

    def test_table_of_another_shape(self) -> None:
        self.deploy()
        self.aws.rewritten["DescribeTable"] = (b'"gsi1"', b'"gsi9"')
        self.expect("table", "FAIL", "index gsi1: none", "If it is being made, wait.")

    def test_no_table(self) -> None:
        self.deploy()
        client, name = self.clients["dynamodb"], self.outputs["Table"]
        client.update_table(TableName=name, DeletionProtectionEnabled=False)
        client.delete_table(TableName=name)
        self.expect("table", "FAIL", "DescribeTable: ResourceNotFoundException", "no update brings it back")

    def test_open_bucket(self) -> None:
        self.deploy()
        self.clients["s3"].delete_public_access_block(Bucket=self.outputs["Recordings"])
        command = f"put-public-access-block --region eu-west-1 --bucket {self.outputs['Recordings']}"
        self.expect("recordings", "FAIL", "may be opened to the public", command, "RestrictPublicBuckets=true")

    def test_half_open_bucket(self) -> None:
        self.deploy()
        self.clients["s3"].put_public_access_block(
            Bucket=self.outputs["Recordings"], PublicAccessBlockConfiguration={"BlockPublicAcls": True}
        )
        self.expect("recordings", "FAIL", "may be opened to the public", "Close it.")

    def test_no_bucket(self) -> None:
        self.deploy()
        self.clients["s3"].delete_bucket(Bucket=self.outputs["Recordings"])
        self.expect("recordings", "FAIL", "HeadBucket: 404", "no update brings it back")


def service(running: int, wanted: int, rollout: str = "COMPLETED", status: str = "ACTIVE") -> Said:
    said = [f"(service x) has started {task} tasks." for task in range(5)]
    found = {"status": status, "runningCount": running, "desiredCount": wanted}
    found["events"] = [{"id": text, "createdAt": 1, "message": text} for text in said]
    found["deployments"] = [{"status": "PRIMARY", "rolloutState": rollout, "rolloutStateReason": "circuit breaker"}]
    return as_json(200, {"services": [found], "failures": []})


class Relays(Case):
    def test_tasks_that_stop(self) -> None:
        self.deploy()
        stops = [("yesterday", 1.0, 3), ("Essential container in task exited", 2.0, 1)]
        tasks = [
            {"stoppedReason": why, "stoppedAt": at, "containers": [{"reason": "CannotPull", "exitCode": code}]}
            for why, at, code in stops
        ]
        self.aws.said["DescribeServices"] = lambda _: service(0, 1)
        self.aws.said["ListTasks"] = lambda _: as_json(200, {"taskArns": ["a", "b"]})
        self.aws.said["DescribeTasks"] = lambda _: as_json(200, {"tasks": tasks[::-1], "failures": []})
        stop = "last stop: Essential container in task exited; CannotPull; exit code 1"
        text = self.expect("relay tasks", "FAIL", "0 of 1 run", stop, f"aws logs tail /voicebridge/{self.name}/relay")
        said = re.findall("has started . tasks", blocks(text)["relay tasks"])
        self.assertEqual(said, ["has started 0 tasks", "has started 1 tasks", "has started 2 tasks"])

    def test_a_task_is_missing(self) -> None:
        self.deploy()
        self.aws.said["DescribeServices"] = lambda _: service(1, 2, "IN_PROGRESS")
        self.expect("relay tasks", "warn", "1 of 2 run", "wait some minutes", "OPERATIONS.md#no-relay")

    def test_rollout_taken_back(self) -> None:
        self.deploy()
        self.aws.said["DescribeServices"] = lambda _: service(1, 1, "FAILED")
        self.expect("relay tasks", "warn", "rollout: circuit breaker")

    def test_none_wanted(self) -> None:
        self.deploy()
        self.aws.said["DescribeServices"] = lambda _: service(0, 0)
        self.expect("relay tasks", "FAIL", "none is wanted", "--desired-count 1")

    def test_no_service(self) -> None:
        self.deploy()
        self.aws.said["DescribeServices"] = lambda _: service(0, 0, status="INACTIVE")
        self.expect("relay tasks", "FAIL", "there is no service", "make package")

    def test_none_registered(self) -> None:
        self.deploy()
        self.world.status |= {"relays": 0, "calls": 0, "ready": False}
        self.expect("relays ready", "FAIL", "none is registered", f"aws logs tail /voicebridge/{self.name}/relay")

    def test_all_are_going(self) -> None:
        self.deploy()
        self.world.status |= {"relays": 1, "ready": False}
        self.expect("relays ready", "FAIL", "1 registered, and all are going", "look at the relay tasks")

    def test_no_status(self) -> None:
        self.deploy()
        self.world.broken = {"/status": 503}
        self.expect("relays ready", "FAIL", "/status answers 503", "--filter-pattern ERROR")

    def test_open_to_anybody(self) -> None:
        self.deploy()
        self.world.console_token = None
        self.expect("console token", "FAIL", "calls are shown to anybody", "make package")

    def test_another_console_token(self) -> None:
        self.deploy()
        self.world.console_token = OTHER_TOKEN
        self.expect("console token", "FAIL", "refused (401)", "LogLevel=debug")


class Console(Case):
    """Of a stack that serves it."""

    def said(self, level: str, seen: str, *mends: str) -> None:
        if "Console" not in getattr(self, "outputs", {}):
            self.deploy(console=self.world.url)
        self.expect("console", level, seen, *mends)

    def test_its_page_is_shown_and_the_api_is_under_the_same_name(self) -> None:
        self.world.page = (200, {}, b'<div id="root"></div>')
        self.said("ok", "shows it, with the API")

    def test_its_files_were_never_brought(self) -> None:
        self.world.page = (404, {}, b"")
        self.said("FAIL", "its files are not there", f"make console STACK={self.name}")

    def test_its_name_is_somebody_elses(self) -> None:
        self.world.page = (200, {}, b"Buy this domain")
        self.said("FAIL", "not with our page")


class Watching(Case):
    def test_clock(self) -> None:
        self.deploy()
        for ahead, level, seen in ((-100, "warn", "s ahead of Twilio's"), (400, "FAIL", "s behind Twilio's")):
            with self.subTest(ahead):
                self.world.twilio_ahead_s = ahead
                self.expect("clock", level, seen, "sudo timedatectl set-ntp true")

    def log(self, group: str, *lines: str) -> None:
        client, now = self.clients["logs"], int(time.time() * 1000)
        client.create_log_stream(logGroupName=group, logStreamName="x")
        said = [{"timestamp": now, "message": line} for line in lines]
        said.insert(0, {"timestamp": now - 2 * 60 * 60 * 1000, "message": '{"level":"ERROR","code":"yesterday"}'})
        client.put_log_events(logGroupName=group, logStreamName="x", logEvents=said)

    def test_errors(self) -> None:
        self.deploy()
        lost = json.dumps({"level": "ERROR", "code": "no_relay", "call": "CA1"})
        warning = json.dumps({"level": "WARN", "code": "model_error", "message": f"ERROR {NUMBER}"})
        strange = json.dumps({"level": "ERROR", "code": f"{KEY}"})
        self.log(self.outputs["FunctionLogs"], lost, lost, warning, f"ERROR {NUMBER}", strange, "TERROR")
        seen = "4 within the hour: no_relay 2, uncoded 2"
        log = f"aws logs tail /voicebridge/{self.name}/functions --region eu-west-1 --since 1h --filter-pattern ERROR"
        self.expect("errors, lambda", "warn", seen, "docs/OPERATIONS.md", log)

    def test_no_log(self) -> None:
        self.deploy()
        self.clients["logs"].delete_log_group(logGroupName=self.outputs["RelayLogs"])
        name = f"/voicebridge/{self.name}/relay"
        mend = f"aws logs create-log-group --region eu-west-1 --log-group-name {name}"
        self.expect("errors, relays", "FAIL", f"there is no log {name}", mend)

    def test_a_check_that_breaks_hides_no_other(self) -> None:
        self.deploy()
        with mock.patch.object(doctor.Doctor, "table", side_effect=RuntimeError(KEY)):
            self.expect("table", "FAIL", "the check itself failed: RuntimeError", "infra/doctor.py", alone=False)
        with mock.patch.object(doctor.Doctor, "table", side_effect=RuntimeError(KEY)):
            _, text = self.doctor()
        self.assertEqual(levels(text)["recordings"], "ok")


# --- The pointer


class Pointing(Case):
    def setUp(self) -> None:
        super().setUp()
        self.world.numbers[0] |= OLD
        self.number = self.world.numbers[0]

    def point(self, *arguments: str, number: str = NUMBER, stdin: str = "") -> tuple[int, str]:
        return self.run_main(point_number.main, *arguments, number, stdin=stdin)

    def settings(self) -> dict[str, str]:
        return {field: self.number[field] for field in OLD}

    def here(self) -> dict[str, str]:
        here = self.world.number(NUMBER)
        return {field: here[field] for field in OLD}

    def test_there_and_back(self) -> None:
        self.deploy()
        code, text = self.point(stdin="y\n")
        self.assertEqual((code, self.settings()), (0, self.here()), text)
        self.assertIn("…0006\n  voice webhook    is  GET https://old.example/voice?…\n", text)
        self.assertIn(f"                   to  POST {self.world.url}/twiml\n", text)
        self.assertIn(f"  is  nothing\n                   to  POST {self.world.url}/call/status\n", text)
        kept = list(point_number.KEPT.iterdir())
        self.assertEqual([path.stat().st_mode & 0o777 for path in kept], [0o600])
        self.assertNotIn(NUMBER, kept[0].read_text())
        self.assertEqual(levels(self.doctor_after())["Twilio number"], "ok")

        code, text = self.point("--undo", stdin="yes\n")
        self.assertEqual((code, self.settings()), (0, OLD), text)
        self.assertEqual(list(point_number.KEPT.iterdir()), [])
        self.assertEqual(len(self.world.changes), 2)

    def doctor_after(self) -> str:
        return self.run_main(doctor.main)[1]

    def test_what_was_empty_is_empty_again(self) -> None:
        self.deploy()
        nothing = {"voice_url": None, "voice_method": None, "status_callback": None, "status_callback_method": None}
        self.number |= nothing
        self.assertEqual(self.point("--yes")[0], 0)
        code, text = self.point("--undo", "--yes")
        self.assertEqual(code, 0, text)
        self.assertEqual((self.number["voice_url"], self.number["status_callback"]), ("", ""))

    def test_two_stacks_and_back(self) -> None:
        self.deploy()
        self.assertEqual(self.point("--yes")[0], 0)
        first, kept = self.name, point_number.KEPT
        self.name, there = f"{first}b", self.here()
        self.deploy(url="https://127.0.0.1:1")
        self.assertEqual(self.point("--yes")[0], 0)
        self.assertEqual(self.number["voice_url"], "https://127.0.0.1:1/twiml")
        self.assertEqual(self.point("--undo", "--yes")[0], 0)
        self.assertEqual(self.settings(), there)
        self.assertEqual(self.point("--undo", "--yes")[0], 0)
        self.assertEqual(self.settings(), OLD)
        self.assertEqual(point_number.KEPT, kept)
        code, text = self.point("--undo", "--yes")
        self.assertEqual(code, 1)
        self.assertIn("was not pointed anywhere from here", text)

    def test_nothing_without_a_yes(self) -> None:
        self.deploy()
        for said in ("", "\n", "n\n", "yesterday\n"):
            code, text = self.point(stdin=said)
            self.assertEqual((code, self.world.changes), (1, []), said)
            self.assertIn("Nothing is changed.", text)
        self.assertFalse(point_number.KEPT.exists())

    def test_there_already(self) -> None:
        self.deploy()
        self.number |= self.here()
        code, text = self.point()
        self.assertEqual((code, text, self.world.changes), (0, "…0006 points there already.\n", []))

    def test_not_the_accounts(self) -> None:
        self.deploy()
        cases = [(FOREIGN, "…9999 is no number"), (NUMBER[:-1], "…5000 is no number"), (NUMBER[1:], "with +")]
        for number, seen in cases:
            code, text = self.point("--yes", number=number)
            self.assertEqual((code, self.world.changes), (1, []))
            self.assertIn(seen, text)

    def test_hidden(self) -> None:
        self.deploy()
        for settings, seen in (
            ({"trunk_sid": "TK1"}, "a SIP trunk"),
            ({"voice_application_sid": "AP1", "trunk_sid": None}, "a TwiML app"),
            ({"voice_application_sid": None, "capabilities": {"voice": False}}, "no Voice"),
        ):
            self.number |= settings
            code, text = self.point("--yes")
            self.assertEqual((code, self.world.changes), (1, []))
            self.assertIn(seen, text)

    def test_changed_by_somebody_since(self) -> None:
        self.deploy()
        self.assertEqual(self.point("--yes")[0], 0)
        self.number["voice_url"] = "https://else.example/"
        code, text = self.point("--undo", stdin="n\n")
        self.assertEqual((code, self.number["voice_url"]), (1, "https://else.example/"))
        self.assertIn("Somebody has changed it since.", text)

    def test_refused_and_then_taken(self) -> None:
        self.deploy()
        self.world.takes_changes = False
        code, text = self.point("--yes")
        self.assertEqual((code, self.settings()), (1, OLD))
        self.assertIn("the number is as it was: Twilio answers 400, error 21402", text)
        self.world.takes_changes = True
        self.assertEqual(self.point("--yes")[0], 0)
        self.assertEqual(self.point("--undo", "--yes")[0], 0)
        self.assertEqual((self.settings(), list(point_number.KEPT.iterdir())), (OLD, []))

    def test_wrong_token(self) -> None:
        self.deploy(TwilioAuthToken=OTHER_TOKEN)
        code, text = self.point("--yes")
        self.assertEqual((code, text), (1, "the list of numbers: Twilio answers 401, error 20003\n"))

    def test_no_stack(self) -> None:
        code, text = self.point("--yes")
        self.assertEqual(code, 1)
        self.assertIn(f"DescribeStacks: ValidationError. infra/doctor.py --stack {self.name} says more.", text)

    def test_what_is_typed_wrongly_is_not_quoted(self) -> None:
        code, text = self.point(OTHER_NUMBER)
        self.assertEqual(code, 2)
        self.assertIn("unrecognized arguments", text)


if __name__ == "__main__":
    unittest.main()
