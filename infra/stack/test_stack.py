"""Deploys the whole template with the real `sam deploy` to ministack, which enforces the template's IAM, and makes a call.

    make stack          (after `sam build`; about two minutes)

The functions are the built binaries, run by the emulator with their own roles. The relay is started by the very command
of its task definition, with the task role's credentials: ECS itself is fiction there. What the emulator is lenient about
is held by infra/tests/test_template.py, and what neither can hold is in docs/UNVERIFIED.md.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "infra"))

from emulator import MINISTACK, environment, free_port  # noqa: E402
from signature import sign  # noqa: E402

TEMPLATE = ROOT / ".aws-sam/build/template.yaml"
SAM = ROOT / ".tools/infra/bin/sam"
VOICEBRIDGE = ROOT / "target/debug/voicebridge"

STACK = "voicebridge-test"
REGION = "us-east-1"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
PARAMETERS = {
    "TwilioAccountSid": "AC" + "0" * 32,
    "TwilioAuthToken": AUTH_TOKEN,
    "OpenaiApiKey": "sk-not-a-key-but-long-enough",
    # What the emulator does not have: Application Auto Scaling, and alarms on several metrics.
    "AutoScaling": "false",
    "MetricMath": "false",
}
SCRIPT = """think 0ms
pace 8
greeting
  say agent-lookup "Hello."
hear "Is there soup?"
  call lookup_menu {"search":"soup"}
result lookup_menu
  say agent-moment "There is."
"""
SPEECH = (ROOT / "local/assets/speech/caller-goodbye.ulaw").read_bytes() + b"\xff" * 8_000
MENU = {"pk": "DATA#menu_item", "sk": "soup", "name": "Soup", "category": "starters", "price": "$5", "description": "Hot."}
PATIENCE = 30.0


def until(what: str, ready: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Polls: what is waited for happens in processes that tell nobody."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := ready():
            return found
        time.sleep(0.1)
    raise AssertionError(f"never came to be: {what}")


class Processes:
    """Ends what it started, by PID, in reverse order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        self.running.append(process)
        return process

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self, process: subprocess.Popen[bytes], with_signal: int = signal.SIGTERM) -> int:
        self.running.remove(process)
        process.send_signal(with_signal)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def stop_all(self) -> None:
        for process in reversed(self.running.copy()):
            self.stop(process)


class Stack:
    """The deployed stack, and the world around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes = Processes(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # ministack takes these for the account's root.
        self.root = {"AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root", "AWS_REGION": REGION}
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **self.root}
        self.env |= {"AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.url, "SAM_CLI_TELEMETRY": "0"}
        self.relay: subprocess.Popen[bytes] | None = None

    def start_emulator(self) -> None:
        env = self.env | environment(self.port) | {"AUTH": "true"}
        self.processes.start("ministack", [str(MINISTACK)], env)
        until("the emulator", lambda: self.answers(self.port))

    @staticmethod
    def answers(port: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    def client(self, service: str, **credentials: str) -> Any:
        keys = credentials or {"aws_access_key_id": "root", "aws_secret_access_key": "root"}
        config = Config(retries={"max_attempts": 1})
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, config=config, **keys)

    def sam(self, *arguments: str) -> str:
        command = [str(SAM), *arguments, "--region", REGION]
        done = subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=300)
        said = done.stdout + done.stderr
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}:\n{said}\n{self.processes.log('ministack')[-4000:]}")
        return said

    def deploy(self, **changes: str) -> str:
        values = PARAMETERS | {"EmulatorUrl": self.url} | changes
        return self.sam(
            *("deploy", "--template-file", str(TEMPLATE), "--stack-name", STACK, "--resolve-s3"),
            *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset"),
            *("--no-fail-on-empty-changeset"),
            *("--parameter-overrides", *(f"{key}={value}" for key, value in values.items())),
        )

    # --- What was deployed

    def resources(self, stack: str = STACK) -> dict[str, str]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        found = [resource for page in pages for resource in page["StackResourceSummaries"]]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}

    def look_around(self) -> None:
        """Reads what the deployment made; after it, requests can be made."""
        self.made = self.resources()
        outputs = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}
        self.http_api, self.call_api = self.made["HttpApi"], self.made["CallApi"]
        self.public_url = f"https://{self.http_api}.execute-api.{REGION}.amazonaws.com"
        self.public_wss_url = f"wss://{self.call_api}.execute-api.{REGION}.amazonaws.com/call"
        relay = self.resources(self.made["Relay"])
        self.task_role = relay["TaskRole"]
        tasks = self.client("ecs").describe_task_definition(taskDefinition=relay["TaskDefinition"])
        self.container = tasks["taskDefinition"]["containerDefinitions"][0]

    def role_of(self, function: str) -> str:
        if function == "Relay":
            return self.task_role
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.made[function])
        return configuration["Role"].rsplit("/", 1)[-1]

    def items(self, prefix: str) -> list[dict[str, Any]]:
        table = self.client("dynamodb").scan(TableName=self.outputs["Table"], ConsistentRead=True)
        return [item for item in table["Items"] if item["pk"]["S"].startswith(prefix)]

    # --- The relay, as ECS would start it

    def task_credentials(self) -> dict[str, str]:
        iam, sts = self.client("iam"), self.client("sts")
        role = iam.get_role(RoleName=self.task_role)["Role"]
        # Nothing here hands out a task's credentials, so that the test lets itself in; the rights are the template's.
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.update_assume_role_policy(RoleName=self.task_role, PolicyDocument=policy)
        found = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="relay")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }

    def start_relay(self) -> None:
        script = self.folder / "script"
        script.write_text(SCRIPT)
        self.model_port, self.frames_port = free_port(), free_port()
        model = [str(VOICEBRIDGE), "model", "--script", str(script), "--port", str(self.model_port)]
        self.processes.start("model", model, {"PATH": os.environ["PATH"]})
        until("the scripted model", lambda: self.answers(self.model_port))
        environment = {pair["name"]: pair["value"] for pair in self.container["environment"]}
        # What Fargate and the internet would be.
        environment |= self.task_credentials() | {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.folder),
            "AWS_ENDPOINT_URL": self.url,
            "RELAY_LISTEN": f"127.0.0.1:{self.frames_port}",
            "RELAY_PUBLIC_LISTEN": f"127.0.0.1:{free_port()}",
            "RELAY_ADDRESS": f"http://127.0.0.1:{self.frames_port}",
            "OPENAI_REALTIME_URL": f"ws://127.0.0.1:{self.model_port}/v1/realtime",
            "TWILIO_API_URL": "http://127.0.0.1:9",
            "RELAY_DRAIN": "1",
        }
        self.relay = self.processes.start("relay", self.container["command"], environment)
        until("the relay, with its control channel", self.has_relay)

    def has_relay(self) -> bool:
        if self.relay is not None and self.relay.poll() is not None:
            raise AssertionError(f"the relay has ended:\n{self.processes.log('relay')}")
        return any("control" in item for item in self.items("RELAY#"))

    def metric(self, name: str, **labels: str) -> float:
        """The sum over whatever labels are not asked for."""
        _, text = self.request(self.frames_port, "GET", "/metrics")
        samples = re.findall(rf"^voicebridge_relay_{name}(?:_total)?(?:{{(.*)}})? (\S+)$", text, re.M)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(value) for found, value in samples if all(label in found for label in wanted))

    @staticmethod
    def request(port: int, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    # --- Twilio's part

    def post(self, path: str, form: dict[str, str], signature: str | None = None) -> tuple[int, str]:
        headers = {
            "Host": f"{self.http_api}.execute-api.localhost:{self.port}",
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature or sign(AUTH_TOKEN, self.public_url + path, form.items()),
        }
        return self.request(self.port, "POST", path, urlencode(form), headers)

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        headers = {"Host": f"{self.http_api}.execute-api.localhost:{self.port}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.request(self.port, "GET", path, headers=headers)

    def webhook(self, sid: str) -> tuple[int, str]:
        form = {"CallSid": sid, "AccountSid": PARAMETERS["TwilioAccountSid"], "From": "+15005550006", "To": "+15005550001"}
        return self.post("/twiml", form | {"CallStatus": "ringing", "Direction": "inbound"})

    def token(self, sid: str) -> str:
        status, twiml = self.webhook(sid)
        found = re.search(r'<Parameter name="token" value="([^"]+)"', twiml)
        assert status == 200 and found, f"{status} {twiml}"
        return found[1]

    @contextmanager
    def stream(self, signature: str | None = None) -> Iterator[ClientConnection]:
        url = f"ws://127.0.0.1:{self.port}/_aws/execute-api/{self.call_api}/call"
        headers = {"X-Twilio-Signature": signature or sign(AUTH_TOKEN, self.public_wss_url)}
        with connect(url, additional_headers=headers, open_timeout=PATIENCE, proxy=None) as socket:
            yield socket


def call_sid(number: int) -> str:
    return f"CA{number:032x}"


def begin(socket: ClientConnection, sid: str, token: str) -> str:
    stream = "MZ" + sid[2:]
    socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
    start = {
        "accountSid": PARAMETERS["TwilioAccountSid"],
        "streamSid": stream,
        "callSid": sid,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token},
    }
    socket.send(json.dumps({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": stream}))
    return stream


def speak(socket: ClientConnection, stream: str) -> None:
    """Two seconds of speech and one of silence, in frames of 100 ms: the emulator is slow with each."""
    for number, begin in enumerate(range(0, len(SPEECH), 800)):
        payload = base64.b64encode(SPEECH[begin : begin + 800]).decode()
        media = {"track": "inbound", "chunk": str(number + 1), "timestamp": str(begin // 8), "payload": payload}
        frame = {"event": "media", "sequenceNumber": str(number + 2), "media": media, "streamSid": stream}
        socket.send(json.dumps(frame))


def hear(socket: ClientConnection, patience: float = PATIENCE) -> bool:
    """Whether any of the agent's audio arrives in time."""
    deadline = time.monotonic() + patience
    while (left := deadline - time.monotonic()) > 0:
        try:
            message = json.loads(socket.recv(timeout=left))
        except (TimeoutError, ConnectionClosed):
            return False
        if message.get("event") == "media":
            return True
    return False


class Deployed(unittest.TestCase):
    """In the order of their names: the first deploys, the last deletes."""

    stack: Stack
    calls = 0

    @classmethod
    def setUpClass(cls) -> None:
        if not TEMPLATE.is_file():
            raise AssertionError("nothing is built: run `sam build`")
        folder = tempfile.TemporaryDirectory(prefix="voicebridge-stack-")
        cls.addClassCleanup(folder.cleanup)
        cls.stack = Stack(Path(folder.name))
        cls.addClassCleanup(cls.stack.processes.stop_all)
        cls.stack.start_emulator()
        cls.stack.deploy()
        cls.stack.look_around()
        item = {key: {"S": value} for key, value in MENU.items()}
        cls.stack.client("dynamodb").put_item(TableName=cls.stack.outputs["Table"], Item=item)
        cls.stack.start_relay()

    def sid(self) -> str:
        Deployed.calls += 1
        return call_sid(Deployed.calls)

    def test_1_a_call_goes_all_the_way_round_with_exactly_the_granted_rights(self) -> None:
        sid = self.sid()
        with self.stack.stream() as socket:
            stream = begin(socket, sid, self.stack.token(sid))
            self.assertTrue(hear(socket), self.stack.processes.log("relay")[-3000:])
            speak(socket, stream)
            until("the tool to have run", lambda: self.stack.metric("tool_calls", outcome="ok") == 1)
            self.assertEqual(len(self.stack.items("CONN#")), 2, "the caller's and the relay's own")
        until("the socket to be forgotten", lambda: len(self.stack.items("CONN#")) == 1)

    def test_2_strangers_are_refused(self) -> None:
        sid, tokens = self.sid(), len(self.stack.items("TOKEN#"))
        status, _ = self.stack.post("/twiml", {"CallSid": sid}, signature="forged")
        self.assertEqual(status, 403)
        with self.assertRaises(InvalidStatus), self.stack.stream(signature="forged"):
            pass
        self.assertEqual(self.stack.get("/calls")[0], 401)
        self.assertEqual(self.stack.items("CALL#" + sid), [], "nothing was written")
        self.assertEqual(len(self.stack.items("TOKEN#")), tokens)

    def test_3_people_are_answered(self) -> None:
        # Not /health: the emulator answers that itself.
        status, said = self.stack.get("/status")
        self.assertEqual((status, json.loads(said)["ready"]), (200, True), said)
        self.assertEqual(self.stack.get("/nowhere")[0], 404)
        secret = self.stack.client("secretsmanager").get_secret_value(SecretId=self.stack.outputs["ConsoleToken"])
        status, calls = self.stack.get("/calls", secret["SecretString"])
        self.assertEqual(status, 200, calls)
        self.assertIn(call_sid(1), calls)

    def test_4_a_right_taken_away_is_missed(self) -> None:
        def webhook() -> bool:
            return "<Stream" in self.stack.webhook(self.sid())[1]

        def handshake() -> bool:
            try:
                with self.stack.stream():
                    return True
            except InvalidStatus:
                return False

        def speech() -> bool:
            sid = self.sid()
            token = self.stack.token(sid)
            with self.stack.stream() as socket:
                begin(socket, sid, token)
                return hear(socket, 5)

        def tool() -> bool:
            well, all_of_them = self.stack.metric("tool_calls", outcome="ok"), self.stack.metric("tool_calls")
            sid = self.sid()
            with self.stack.stream() as socket:
                stream = begin(socket, sid, self.stack.token(sid))
                hear(socket)
                speak(socket, stream)
                until("a tool to have ended", lambda: self.stack.metric("tool_calls") > all_of_them)
            return self.stack.metric("tool_calls", outcome="ok") > well

        def goodbye() -> bool:
            with self.stack.stream():
                there = len(self.stack.items("CONN#"))
            try:
                until("the socket to be forgotten", lambda: len(self.stack.items("CONN#")) < there, 4)
            except AssertionError:
                return False
            return True

        def listing() -> bool:
            secret = self.stack.client("secretsmanager").get_secret_value(SecretId=self.stack.outputs["ConsoleToken"])
            return self.stack.get("/calls", secret["SecretString"])[0] == 200

        needs: list[tuple[str, str, Callable[[], bool]]] = [
            ("Twiml", "dynamodb:PutItem", webhook),
            ("Twiml", "dynamodb:Query", webhook),
            ("WsConnect", "dynamodb:PutItem", handshake),
            ("WsDefault", "dynamodb:UpdateItem", speech),
            ("WsDefault", "dynamodb:Query", speech),
            ("WsDisconnect", "dynamodb:DeleteItem", goodbye),
            ("ToolCall", "dynamodb:Query", tool),
            ("Api", "dynamodb:Query", listing),
            ("Relay", "lambda:InvokeFunction", tool),
            ("Relay", "execute-api:ManageConnections", speech),
        ]
        for function, action, works in needs:
            with self.subTest(f"{function} without {action}"):
                self.assertTrue(works(), "with it, it works")
                with self.without(self.stack.role_of(function), action):
                    self.assertFalse(works(), "without it, it does not")

    @contextmanager
    def without(self, role: str, action: str) -> Iterator[None]:
        iam = self.stack.client("iam")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        kept = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
        changed = 0
        for name, document in kept.items():
            document = json.loads(json.dumps(document))
            for statement in document["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                left = [granted for granted in actions if granted != action]
                changed += len(actions) - len(left)
                statement["Action"] = left or ["sts:GetCallerIdentity"]
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
        self.assertGreater(changed, 0, f"{role} has no {action}")
        try:
            yield
        finally:
            for name, document in kept.items():
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    def test_5_a_relay_may_do_nothing_else(self) -> None:
        keys = self.stack.task_credentials()
        credentials = {
            "aws_access_key_id": keys["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": keys["AWS_SESSION_TOKEN"],
        }
        may = lambda service: self.stack.client(service, **credentials)  # noqa: E731
        others = [
            lambda: may("dynamodb").scan(TableName=self.stack.outputs["Table"]),
            lambda: may("secretsmanager").get_secret_value(SecretId=self.stack.outputs["ConsoleToken"]),
            lambda: may("s3").put_object(Bucket=self.stack.outputs["Recordings"], Key="elsewhere", Body=b""),
            lambda: may("lambda").invoke(FunctionName=self.stack.made["Twiml"], Payload=b"{}"),
            lambda: may("iam").list_roles(),
        ]
        for other in others:
            with self.assertRaisesRegex(ClientError, "AccessDenied|not authorized|403"):
                other()

    def test_6_sigterm_reaches_the_relay_which_takes_itself_off_the_list(self) -> None:
        assert self.stack.relay is not None
        self.assertEqual(self.stack.processes.stop(self.stack.relay), 0, self.stack.processes.log("relay")[-2000:])
        # Its pulse and its calls stay for those who come after it, and expire.
        self.assertEqual([item for item in self.stack.items("RELAY#") if item["sk"]["S"] == "META"], [])

    def test_7_an_update_changes_what_it_says_and_rolls_no_relay_for_nothing(self) -> None:
        package = [pair["value"] for pair in self.stack.container["environment"] if pair["name"] == "RELAY_PACKAGE"]
        # A parameter of the root's own: in nested stacks the emulator forgets, at an update, what it has made before.
        self.stack.deploy(AgentGreeting="Welcome")
        configuration = self.stack.client("lambda").get_function_configuration(FunctionName=self.stack.made["Twiml"])
        self.assertEqual(configuration["Environment"]["Variables"]["AGENT_GREETING"], "Welcome")
        self.stack.look_around()
        after = [pair["value"] for pair in self.stack.container["environment"] if pair["name"] == "RELAY_PACKAGE"]
        self.assertEqual(package, after, "the same build is the same version")

    def test_8_a_deployment_that_fails_rolls_back_and_loses_no_call_data(self) -> None:
        before = {(item["pk"]["S"], item["sk"]["S"]) for item in self.stack.items("CALL#")}
        self.assertTrue(before)
        with self.assertRaisesRegex(AssertionError, "ScalableTarget|ROLLBACK"):
            # The emulator has no Application Auto Scaling.
            self.stack.deploy(AutoScaling="true", AgentGreeting="Good-bye")
        self.assertEqual({(item["pk"]["S"], item["sk"]["S"]) for item in self.stack.items("CALL#")}, before)
        configuration = self.stack.client("lambda").get_function_configuration(FunctionName=self.stack.made["Twiml"])
        self.assertEqual(configuration["Environment"]["Variables"]["AGENT_GREETING"], "Welcome", "as it was")

    def test_9_a_delete_leaves_no_stack(self) -> None:
        # `sam delete` does the same, after it has removed the packages from S3, whose addresses here it cannot read.
        cloudformation = self.stack.client("cloudformation")
        cloudformation.delete_stack(StackName=STACK)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
        with self.assertRaisesRegex(ClientError, "does not exist"):
            cloudformation.describe_stacks(StackName=STACK)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
