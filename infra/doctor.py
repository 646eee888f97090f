#!/usr/bin/env python3
"""Says what a deployed stack still lacks for a call to come through, and how each thing is mended.

    python infra/doctor.py --stack voicebridge-dev [--region eu-west-1]

It looks, and changes nothing. Two of its requests reach the functions in Twilio's name: that a call which never was is
ringing, once with Twilio's signature and once with another. Nothing is stored of either
(functions/src/handlers/twiml.rs). What is refused leaves a warning in the log, `signature_refused` and
`console_token_refused`, and five of the former within five minutes ring an alarm: that is five runs.

Neither a secret nor a whole phone number is ever printed. TWILIO_API_URL and OPENAI_API_URL name other servers in place
of the vendors', AWS_ENDPOINT_URL another AWS; that is for tests.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import re
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError, ProfileNotFound
from signature import sign

OK, WARN, FAIL, SKIPPED = "ok", "warn", "FAIL", "-"

PATIENCE = 10.0  # seconds for an answer
MOST_BYTES = 8 << 20
MOST_PAGES = 20  # of a log
HOUR_MS = 60 * 60 * 1000
# Signed requests survive some skew, and no clock that is kept has more than this.
SKEW_WARN, SKEW_FAIL = 60.0, 300.0

WELL = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE")
OUTPUTS = "VoiceWebhook CallStatusCallback ConsoleToken Logs Table Recordings FunctionLogs RelayLogs Cluster Service".split()
# Of the console, where it is served by the stack.
OF_THE_CONSOLE = "Console ConsoleFiles ConsoleDistribution".split()

# What OpenAI had announced on 2026-11-21 (developers.openai.com/api/docs/deprecations): the model, its last day, its
# successor. The API itself says it of other models, in `shutdown_date`.
SHUTDOWNS = {
    "gpt-realtime": ("2027-01-20", "gpt-realtime-2.1"),
    "gpt-realtime-2025-08-28": ("2027-01-20", "gpt-realtime-2.1"),
    "gpt-realtime-mini": ("2027-01-20", "gpt-realtime-2.1-mini"),
    "gpt-realtime-mini-2025-12-15": ("2027-01-20", "gpt-realtime-2.1-mini"),
}

# A call that there never was: whoever finds it in a log knows whence it came.
NO_CALL = "CA" + "doctor".ljust(32, "0")


# --- What is printed


class Teller:
    """The only way out: what it prints holds neither a secret nor a whole number."""

    def __init__(self) -> None:
        self.secrets: list[str] = []

    def keep_back(self, secret: str) -> None:
        if len(secret := secret.strip()) > 3:  # Less is a blank or a typing error, and part of many words.
            self.secrets.append(secret)

    def clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[secret]")
        return re.sub(r"\+\d{3,11}(\d{4})(?!\d)", r"…\1", text)

    def __call__(self, text: str = "") -> None:
        print(self.clean(text), flush=True)


class Parser(argparse.ArgumentParser):
    """Quotes no number that somebody typed."""

    def error(self, message: str) -> Any:
        super().error(re.sub(r"\+?\d[\d ().-]{5,}", "…", message))


def masked(number: str) -> str:
    return "…" + number[-4:]


@dataclass(frozen=True)
class Row:
    level: str
    seen: str
    mend: str = ""
    check: str = ""


def ok(seen: str, check: str = "") -> Row:
    return Row(OK, seen, "", check)


def warn(seen: str, mend: str, check: str = "") -> Row:
    return Row(WARN, seen, mend, check)


def fail(seen: str, mend: str, check: str = "") -> Row:
    return Row(FAIL, seen, mend, check)


class Skipped(Exception):
    """What the check needs was not to be had."""


# --- HTTP


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def text(self) -> str:
        return self.body.decode(errors="replace").strip()


class Unreachable(Exception):
    """`kind`: dns, tls or network."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would carry a key elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def fetch(url: str, headers: dict[str, str] | None = None, form: dict[str, str] | None = None) -> Answer:
    """A GET, or the POST of a form. Faults never quote what was sent."""
    body = None if form is None else urlencode(form).encode()
    request = urllib.request.Request(url, body, {"User-Agent": "voicebridge-doctor"} | (headers or {}))
    opener = urllib.request.build_opener(_Stay(), urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            return Answer(answer.status, answer.headers, answer.read(MOST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read(MOST_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(getattr(error, "reason", error)) from None


def unreachable(reason: Any) -> Unreachable:
    if isinstance(reason, socket.gaierror):
        return Unreachable("dns", "its name is not known")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Unreachable("tls", f"its certificate is not taken: {reason.verify_message}")
    if isinstance(reason, ssl.SSLError):
        return Unreachable("tls", f"no TLS: {reason.reason or 'the handshake failed'}")
    if isinstance(reason, TimeoutError):
        return Unreachable("network", f"no answer within {PATIENCE:.0f} s")
    return Unreachable("network", getattr(reason, "strerror", None) or type(reason).__name__)


class Clocks:
    """How far this machine's clock is ahead, by each server's."""

    def __init__(self) -> None:
        self.ahead: dict[str, float] = {}

    def note(self, who: str, date: str | None) -> None:
        try:
            self.ahead[who] = time.time() - parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError):
            pass


# --- Twilio


class Twilio:
    """The REST API, as one account."""

    def __init__(self, account: str, user: str, secret: str, clocks: Clocks | None = None) -> None:
        self.base = os.environ.get("TWILIO_API_URL", "https://api.twilio.com").rstrip("/")
        self.path = f"/2010-04-01/Accounts/{quote(account, safe='')}"
        self.auth = "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
        self.clocks = clocks or Clocks()

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer:
        answer = fetch(self.base + path, {"Authorization": self.auth}, form)
        self.clocks.note("Twilio", answer.headers.get("Date"))
        return answer

    def account(self) -> Answer:
        return self.ask(f"{self.path}.json")

    def numbers(self, number: str = "") -> list[dict[str, Any]]:
        """All of them, or the one. Twilio's filter also finds numbers that only contain it."""
        query = urlencode({"PageSize": "1000"} | ({"PhoneNumber": number} if number else {}))
        page, found = f"{self.path}/IncomingPhoneNumbers.json?{query}", []
        while page.startswith("/"):
            answer = self.ask(page)
            if answer.status != 200:
                raise Refused("the list of numbers", answer)
            found += answer.json().get("incoming_phone_numbers") or []
            page = answer.json().get("next_page_uri") or ""
        return [one for one in found if not number or one.get("phone_number") == number]


class Refused(Exception):
    """An answer that is none, by its numbers only: its words may quote what was sent."""

    def __init__(self, what: str, answer: Answer) -> None:
        code = answer.json().get("code")
        self.code = str(code) if isinstance(code, int) else ""
        super().__init__(f"{what}: Twilio answers {answer.status}" + (f", error {code}" if self.code else ""))


def hidden_by(number: dict[str, Any]) -> str:
    """What Twilio looks at instead of a number's webhook."""
    return "a SIP trunk" if number.get("trunk_sid") else "a TwiML app" if number.get("voice_application_sid") else ""


def can_voice(number: dict[str, Any]) -> bool:
    return (number.get("capabilities") or {}).get("voice") is not False


# --- AWS


@dataclass(frozen=True)
class Stack:
    name: str
    region: str
    status: str
    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    def output(self, name: str) -> str:
        if not (value := self.outputs.get(name)):
            raise Skipped(f"the stack has no output {name}")
        return value


class Aws:
    """Clients with little patience, whose answers' dates are noted."""

    def __init__(self, region: str | None, clocks: Clocks | None = None) -> None:
        self.session = boto3.Session()
        self.region = region or os.environ.get("AWS_REGION") or self.session.region_name or ""
        self.clocks = clocks or Clocks()
        self.clients: dict[str, Any] = {}
        self.session.events.register("response-received", self._note)

    def _note(self, response_dict: dict[str, Any] | None = None, **_: Any) -> None:
        if response_dict:
            self.clocks.note("AWS", response_dict["headers"].get("date"))

    def client(self, service: str) -> Any:
        if service not in self.clients:
            tries = {"mode": "standard", "total_max_attempts": 2}
            config = Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries=tries)
            self.clients[service] = self.session.client(service, region_name=self.region, config=config)
        return self.clients[service]

    def stack(self, name: str) -> Stack:
        found = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        parameters = {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}
        return Stack(name, self.region, found["StackStatus"], outputs, parameters)

    def nested(self, stack: str, logical_id: str) -> Stack:
        detail = self.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        return self.stack(detail["StackResourceDetail"]["PhysicalResourceId"])

    def secret(self, arn: str) -> str:
        return self.client("secretsmanager").get_secret_value(SecretId=arn).get("SecretString") or ""


def code_of(error: Exception) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def is_sendable(secret: str) -> bool:
    """Whether it may stand in a header: what may not would be quoted in the fault."""
    return re.fullmatch(r"[!-~]+", secret) is not None


# --- Checks


@dataclass(frozen=True)
class Kind:
    """A secret: the output of infra/secrets.yaml that names it, what it looks like, where one gets it."""

    output: str
    shape: str
    words: str
    origin: str


SECRETS = {
    "TwilioAuthToken": Kind(
        "TwilioAuthTokenArn",
        "[0-9a-f]{32}",
        "32 hexadecimal digits",
        "the account's primary auth token from https://console.twilio.com",
    ),
    "OpenaiApiKey": Kind(
        "OpenaiApiKeyArn",
        r"sk-[\w-]{17,}",
        "like sk-…",
        "a key from https://platform.openai.com/api-keys",
    ),
    "TwilioApiSecret": Kind(
        "TwilioApiSecretArn",
        "[0-9A-Za-z]{32}",
        "32 letters and digits",
        "the secret that Twilio showed when it made the key (or a new key)",
    ),
    "ConsoleToken": Kind("ConsoleTokenArn", "[0-9A-Za-z]{32,}", "32 or more letters and digits", ""),
}


class Doctor:
    """Each check stands for itself. What one finds, later ones may use; without it they are skipped."""

    def __init__(self, name: str, region: str | None, teller: Teller) -> None:
        self.name, self.asked_region, self.teller = name, region, teller
        self.clocks = Clocks()
        self.signed_in: Aws | None = None
        self.found: Stack | None = None
        self.secrets: dict[str, str] = {}
        self.twilio_lets_in = self.url_answers = False

    def checks(self) -> list[tuple[str, Callable[[], Iterator[Row]]]]:
        return [
            ("AWS", self.credentials),
            ("stack", self.stack_state),
            ("secrets", self.secret_values),
            ("Twilio account", self.twilio_account),
            ("Twilio API key", self.twilio_api_key),
            ("Twilio number", self.twilio_number),
            ("public URL", self.public_url),
            ("signature", self.signature),
            ("model", self.model),
            ("table", self.table),
            ("recordings", self.recordings),
            ("relay tasks", self.relay_tasks),
            ("relays ready", self.relays_ready),
            ("console token", self.console_token),
            ("console", self.console),
            ("clock", self.clock),
            ("errors", self.recent_errors),
        ]

    def examine(self) -> Iterator[Row]:
        for name, check in self.checks():
            try:
                for row in check():
                    yield replace(row, check=row.check or name)
            except Exception as error:  # One check must not hide the others.
                yield replace(self.unchecked(error), check=name)

    def unchecked(self, error: Exception) -> Row:
        match error:
            case Skipped():
                return Row(SKIPPED, f"skipped: {error}")
            case ClientError():
                return self.denied(error)
            case BotoCoreError():
                return fail(f"AWS could not be asked: {code_of(error)}", "Look at the row AWS, and at the network.")
            case Unreachable():
                return fail(f"could not be asked: {error}", "See to this machine's way to the internet, or its proxy.")
            case Refused():
                return fail(str(error), f"What it means: https://www.twilio.com/docs/api/errors/{error.code}")
            case _:  # Its words may quote anything.
                return fail(f"the check itself failed: {code_of(error)}", "That is a fault of infra/doctor.py.")

    def denied(self, error: ClientError) -> Row:
        code, what = code_of(error), error.operation_name
        if code == "403" or "AccessDenied" in code or "NotAuthorized" in code:
            return fail(f"{what}: {code}", f"Use credentials that may do {what}, as those that deployed the stack.")
        return fail(f"{what}: {code}", self.gone())

    # --- What checks need

    def aws(self) -> Aws:
        if not self.signed_in:
            raise Skipped("there is no way into AWS")
        return self.signed_in

    def stack(self) -> Stack:
        if not self.found:
            raise Skipped("the stack cannot be read")
        return self.found

    def secret(self, name: str) -> str:
        self.stack()
        if name not in self.secrets:
            raise Skipped(f"there is no {name} to do it with")
        return self.secrets[name]

    def base_url(self, answering: bool = True) -> str:
        base = self.stack().output("VoiceWebhook").removesuffix("/twiml")
        if answering and not self.url_answers:
            raise Skipped("nobody answers at the public URL")
        return base

    def twilio(self, user: str = "", secret: str = "") -> Twilio:
        sid = self.stack().parameters.get("TwilioAccountSid", "")
        return Twilio(sid, user or sid, secret or self.secret("TwilioAuthToken"), self.clocks)

    # --- Commands to paste

    def region(self) -> str:
        return self.signed_in.region if self.signed_in else "REGION"

    def at(self) -> str:
        return f"--region {self.region()}"

    def deploy(self, *changed: str, guided: bool = False) -> str:
        parameters = " --parameter-overrides " + " ".join(changed) if changed else ""
        how = "deploy --guided" if guided else "deploy"
        return f"make package && .tools/infra/bin/sam {how} --stack-name {self.name} {self.at()}{parameters}"

    def gone(self) -> str:
        """For what somebody has deleted: an update compares with what was made, not with what there is."""
        beside = self.deploy(guided=True).replace(self.name, f"{self.name}-2")
        return f"If it was deleted by hand, no update brings it back: make a stack beside this one.\n{beside}"

    def restart(self, *changed: str) -> str:
        """Secrets are read at the start. The log level is in every environment: with another, everybody starts anew."""
        level = "info" if self.stack().parameters.get("LogLevel") == "debug" else "debug"
        return self.deploy(*changed, f"LogLevel={level}")

    def give(self, secret: str) -> str:
        if secret != "ConsoleToken":
            return f"Take {SECRETS[secret].origin}, and paste it into:\nread -rs V && " + self.restart(f'"{secret}=$V"')
        put = f"aws secretsmanager put-secret-value {self.at()} --secret-id {self.stack().outputs.get(secret)}"
        return f'Make a new one.\n{put} --secret-string "$(openssl rand -hex 24)" && {self.restart()}'

    def log(self, output: str, words: str = " --filter-pattern ERROR") -> str:
        return f"aws logs tail {self.stack().output(output)} {self.at()} --since 1h{words}"

    def point(self) -> str:
        return f"AWS_REGION={self.region()} make number STACK={self.name} NUMBER=+…"

    # --- AWS

    def credentials(self) -> Iterator[Row]:
        try:
            access = Aws(self.asked_region, self.clocks)
            if not access.region:
                yield fail("no region", "Name the one that the stack is in.\nexport AWS_DEFAULT_REGION=eu-west-1")
                return
            account = access.client("sts").get_caller_identity()["Account"]
        except (NoCredentialsError, PartialCredentialsError):
            mend = "Sign in, and name the profile; with access keys, `aws configure` alone will do."
            yield fail("no credentials", f"{mend}\naws configure sso && export AWS_PROFILE=NAME")
        except ProfileNotFound:
            yield fail("AWS_PROFILE names no profile", "Choose one.\naws configure list-profiles")
        except (ClientError, BotoCoreError, ValueError) as error:
            yield fail(f"not let in: {code_of(error)}", credentials_mend(code_of(error)))
        else:
            self.signed_in = access
            yield ok(f"account {account}, {access.region}")

    def stack_state(self) -> Iterator[Row]:
        aws = self.aws()
        try:
            self.found = aws.stack(self.name)
        except ClientError as error:
            if code_of(error) != "ValidationError":
                raise
            known = f"aws cloudformation describe-stacks {self.at()} --query 'Stacks[].StackName'"
            mend = f"Those that there are:\n{known}\nFor a new one:\n{self.deploy(guided=True)}"
            yield fail(f"there is no {self.name} in {aws.region}", mend)
            return
        yield self.stack_row(self.found)
        if missing := [name for name in OUTPUTS if not self.found.outputs.get(name)]:
            yield fail(f"has no output {', '.join(missing)}", f"Another template made it.\n{self.deploy()}")

    def stack_row(self, stack: Stack) -> Row:
        status, about = stack.status, f"--stack-name {stack.name} {self.at()}"
        if status in WELL:
            return ok(status)
        if status.endswith("_IN_PROGRESS"):
            return fail(status, "It is being changed: look again when that is over.")
        seen = f"{status}\n{self.first_failure(stack.name)}".strip()
        right = "Put right what failed"
        if status in ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"):
            return warn(seen, f"What ran before goes on. {right}, then deploy again.\n{self.deploy()}")
        if status == "UPDATE_ROLLBACK_FAILED":
            return fail(seen, f"{right}, then go on.\naws cloudformation continue-update-rollback {about}")
        if status == "UPDATE_FAILED":
            return fail(seen, f"{right}, then deploy again.\n{self.deploy()}")
        delete = f"aws cloudformation delete-stack {about} && aws cloudformation wait stack-delete-complete {about}"
        return fail(seen, f"{right}, and begin anew.\n{delete}\n{self.deploy(guided=True)}")

    def first_failure(self, stack: str, deeper: bool = True) -> str:
        """What failed first in the last operation; of a nested stack, what failed first in that."""
        cause: dict[str, Any] = {}
        pages = self.aws().client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
        try:
            for event in (event for page in pages for event in page["StackEvents"]):
                reason = event.get("ResourceStatusReason", "")
                if reason == "User Initiated":
                    break
                if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                    cause = event
        except ClientError:
            return ""
        inner, name = cause.get("PhysicalResourceId"), cause.get("LogicalResourceId", "")
        is_stack = cause.get("ResourceType") == "AWS::CloudFormation::Stack" and inner != cause.get("StackId")
        if deeper and is_stack and inner and (within := self.first_failure(inner, deeper=False)):
            return f"{name}/{within}"
        return f"{name}: {cause.get('ResourceStatusReason', '?')}" if cause else ""

    def secret_values(self) -> Iterator[Row]:
        outputs = self.aws().nested(self.stack().name, "Secrets").outputs
        well = []
        for name, kind in SECRETS.items():
            arn = outputs.get(kind.output, "")
            if not arn and name == "TwilioApiSecret":
                continue
            if row := self.secret_row(name, kind, arn):
                yield row
            else:
                well.append(name)
        if well:
            yield ok(", ".join(well))

    def secret_row(self, name: str, kind: Kind, arn: str) -> Row | None:
        try:
            value = self.aws().secret(arn) if arn else ""
        except ClientError as error:
            if code_of(error) == "InvalidRequestException":
                command = f"aws secretsmanager restore-secret {self.at()} --secret-id {arn}"
                return fail(f"{name} is to be deleted", f"Keep it.\n{command}")
            denied = self.denied(error)
            return replace(denied, seen=f"{name}: {denied.seen}")
        self.teller.keep_back(value)
        if not value.strip():
            return fail(f"{name} is empty", self.give(name))
        if not is_sendable(value):
            return fail(f"{name} has blanks or line ends in it, or letters that no key has", self.give(name))
        self.secrets[name] = value
        unlike = not re.fullmatch(kind.shape, value, re.ASCII)
        return warn(f"{name} is not {kind.words}", self.give(name)) if unlike else None

    # --- Twilio

    def twilio_account(self) -> Iterator[Row]:
        answer = self.twilio().account()
        if answer.status in (401, 403, 404):
            both = "The token must be the primary one of the account TwilioAccountSid (give that too if it is another)."
            seen = f"Twilio refuses account SID and auth token ({answer.status})"
            yield fail(seen, f"{both} {self.give('TwilioAuthToken')}")
            return
        if answer.status != 200:
            raise Refused("the account", answer)
        self.twilio_lets_in = True
        status, kind = answer.json().get("status"), answer.json().get("type")
        if status != "active":
            yield fail(f"the account is {status}", "https://console.twilio.com says why, and what Twilio wants.")
        elif kind == "Trial":
            mend = "https://console.twilio.com/us1/billing, Upgrade"
            yield warn("active, on trial: calls end after ten minutes", mend)
        else:
            yield ok("active")

    def twilio_api_key(self) -> Iterator[Row]:
        key = self.stack().parameters.get("TwilioApiKey", "")
        if not key:
            return
        api = self.twilio(key, self.secret("TwilioApiSecret"))
        status = api.ask(f"{api.path}/IncomingPhoneNumbers.json?PageSize=1").status
        if status == 200:
            yield ok("let in")
        elif status == 401:
            mend = f"If the key is another one, give TwilioApiKey too. {self.give('TwilioApiSecret')}"
            yield fail("Twilio refuses it (401): calls cannot be ended with it", mend)
        else:
            mend = "If it is a restricted key: it must be allowed to read and to update calls."
            yield warn(f"Twilio answers {status}, which says nothing of calls", mend)

    def twilio_number(self) -> Iterator[Row]:
        twilio, webhook = self.twilio(), self.stack().output("VoiceWebhook")
        if not self.twilio_lets_in:
            raise Skipped("Twilio does not let us in")
        numbers = twilio.numbers()
        here = [one for one in numbers if one.get("voice_url") in (webhook, f"{self.base_url(False)}/incoming-call")]
        rows = [self.number_row(one) for one in here]
        if any(row.level != FAIL for row in rows):
            yield from (replace(row, level=WARN) if row.level == FAIL else row for row in rows)
        elif rows:
            yield from rows
        elif numbers:
            host = urlsplit(webhook).hostname or webhook
            near = [masked(one["phone_number"]) for one in numbers if host in (one.get("voice_url") or "")]
            seen = f"{', '.join(near)}: on the right host, but not " if near else f"none of {len(numbers)} points at "
            yield fail(seen + webhook, f"Point one here.\n{self.point()}")
        else:
            buy = "https://console.twilio.com/us1/develop/phone-numbers/manage/search"
            yield fail("the account has none", f"Buy one that has Voice, {buy}, and point it here.\n{self.point()}")

    def number_row(self, number: dict[str, Any]) -> Row:
        who, callback = masked(number["phone_number"]), self.stack().output("CallStatusCallback")
        if hidden := hidden_by(number):
            configure = "Phone Numbers, Manage, Active numbers, this one, Configure with: Webhook."
            return fail(f"{who} points here, but {hidden} hides it", f"https://console.twilio.com, {configure}")
        if not can_voice(number):
            return fail(f"{who} points here, but has no Voice", f"Point another one here.\n{self.point()}")
        if number.get("voice_method") != "POST":
            seen = f"{who} points here, by {number.get('voice_method')}: the caller's number is in the URL"
            return warn(seen, f"Make it a POST.\n{self.point()}")
        if (number.get("status_callback"), number.get("status_callback_method")) != (callback, "POST"):
            seen = f"{who} points here, but its status callback is not POST {callback}"
            return warn(seen, f"Without it we learn late, or never, that a caller has hung up.\n{self.point()}")
        return ok(f"{who} points here")

    # --- What Twilio meets

    def public_url(self) -> Iterator[Row]:
        base = self.base_url(answering=False)
        if not base.startswith("https://"):
            yield fail(f"{base} has no TLS", f"The template makes none such: deploy again.\n{self.deploy()}")
            return
        try:
            answer = fetch(f"{base}/health")
        except Unreachable as why:
            yield fail(f"{base}: {why}", self.unreachable_mend(why))
            return
        self.url_answers = True
        seen = f"{base}/health answers {answer.status}"
        if answer.status == 200 and answer.text() == "OK":
            yield ok(f"{base}/health says OK")
        elif answer.status >= 500:
            yield fail(seen, f"The function api is broken; its log says how.\n{self.log('FunctionLogs', '')}")
        else:
            yield fail(seen, f"The name leads to something that has not this stack's routes.\n{self.deploy()}")

    def unreachable_mend(self, why: Unreachable) -> str:
        name = self.stack().parameters.get("DomainName")
        if why.kind == "dns" and name:
            return f"The domain must be served by the zone HostedZoneId; this says who serves it.\ndig NS {name} +trace"
        if why.kind == "tls":
            return "Twilio will not take it either: CertificateArn must be for this very name, and Issued in ACM."
        return f"If this machine is in the internet, the API is gone: deploy again.\n{self.deploy()}"

    def signature(self) -> Iterator[Row]:
        token, url = self.secret("TwilioAuthToken"), self.stack().output("CallStatusCallback")
        self.base_url()
        # Not the end of a call: that would be looked for in the table.
        form = {"CallSid": NO_CALL, "CallStatus": "ringing"}
        good = fetch(url, {"X-Twilio-Signature": sign(token, url, form.items())}, form).status
        bad = fetch(url, {"X-Twilio-Signature": sign(f"not {token}", url, form.items())}, form).status
        if (good, bad) == (204, 403):
            yield ok("Twilio's is taken, another is not")
        elif good == 204:
            yield fail(f"another than Twilio's is not refused ({bad})", f"Anybody may open calls.\n{self.restart()}")
        elif good == 403:
            mend = "The functions have started with another auth token, or PUBLIC_URL, than the stack has now."
            yield fail("Twilio's is refused (403)", f"{mend} With another log level they start anew.\n{self.restart()}")
        elif good >= 500:
            mend = f"The function twiml is broken; its log says how.\n{self.log('FunctionLogs', '')}"
            yield fail(f"the webhook answers {good}", mend)
        else:
            yield fail(f"the webhook answers {good}, not 204", f"It is not this program's: deploy.\n{self.deploy()}")

    # --- The model

    def model(self) -> Iterator[Row]:
        name, key = self.stack().parameters.get("RealtimeModel", ""), self.secret("OpenaiApiKey")
        base = os.environ.get("OPENAI_API_URL", "https://api.openai.com").rstrip("/")
        answer = fetch(f"{base}/v1/models/{quote(name, safe='')}", {"Authorization": f"Bearer {key}"})
        if answer.status != 200:
            yield self.model_refused(name, answer)
            return
        last_day, successor = SHUTDOWNS.get(name, (answer.json().get("shutdown_date"), "gpt-realtime-2.1"))
        if last_day:
            seen = f"{name} is there, and ends on {str(last_day)[:10]}"
            yield warn(seen, f"Take its successor before.\n{self.deploy(f'RealtimeModel={successor}')}")
        else:
            yield ok(f"{name} is there for this key")

    def model_refused(self, name: str, answer: Answer) -> Row:
        error = answer.json().get("error")
        code = str(error.get("code")) if isinstance(error, dict) else ""
        status = f"{answer.status}, {code}" if re.fullmatch(r"[a-z_]+", code) else str(answer.status)
        match answer.status:
            case 401:
                return fail(f"the key is not valid ({status})", self.give("OpenaiApiKey"))
            case 403:
                may = "A restricted key must be allowed to list models and to use Realtime."
                return fail(f"the key may not ask for it ({status})", f"{may} {self.give('OpenaiApiKey')}")
            case 404:
                why = "The name is wrong, or the key's project does not allow it (platform.openai.com, Limits)."
                mend = f"{why}\n{self.deploy('RealtimeModel=gpt-realtime-2.1')}"
                return fail(f"no {name} for this key ({status})", mend)
            case 429:
                billing = "https://platform.openai.com/settings/organization/billing"
                return fail(f"the account is at its limit ({status})", f"Credit and limits: {billing}")
        return fail(f"OpenAI answers {status}", "https://status.openai.com; then look again.")

    # --- What is kept

    def table(self) -> Iterator[Row]:
        name, client = self.stack().output("Table"), self.aws().client("dynamodb")
        table = client.describe_table(TableName=name)["Table"]
        keys = [one["AttributeName"] for one in table["KeySchema"]]
        indexes = table.get("GlobalSecondaryIndexes", [])
        states = {one["IndexName"]: one.get("IndexStatus", "ACTIVE") for one in indexes}
        if (table["TableStatus"], keys, states.get("gsi1")) == ("ACTIVE", ["pk", "sk"], "ACTIVE"):
            yield ok("active, with its keys and its index")
        else:
            seen = f"{table['TableStatus']}, keys {' and '.join(keys)}, index gsi1: {states.get('gsi1', 'none')}"
            yield fail(seen, f"If it is being made, wait. {self.gone()}")
        about = f"{self.at()} --table-name {name}"
        ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING") and ttl.get("AttributeName") == "expires_at":
            yield ok("by expires_at", "table, expiry")
        else:
            spec = "Enabled=true,AttributeName=expires_at"
            mend = f"Turn it on.\naws dynamodb update-time-to-live {about} --time-to-live-specification {spec}"
            yield fail("off: what was said stays for ever", mend, "table, expiry")
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED":
            yield ok("to any point in time", "table, recovery")
        else:
            spec = "PointInTimeRecoveryEnabled=true"
            command = f"aws dynamodb update-continuous-backups {about} --point-in-time-recovery-specification {spec}"
            yield warn("off: what is lost is lost", f"Turn it on.\n{command}", "table, recovery")

    def recordings(self) -> Iterator[Row]:
        name, client = self.stack().output("Recordings"), self.aws().client("s3")
        client.head_bucket(Bucket=name)
        four = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
        try:
            block = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        except ClientError as error:
            if code_of(error) != "NoSuchPublicAccessBlockConfiguration":
                raise
            block = {}
        if all(block.get(one) for one in four):
            yield ok("there, and closed to the public")
            return
        spec = ",".join(f"{one}=true" for one in four)
        command = f"aws s3api put-public-access-block {self.at()} --bucket {name}"
        mend = f"Close it.\n{command} --public-access-block-configuration {spec}"
        yield fail("may be opened to the public", mend)

    # --- Relays, and those who watch them

    def relay_tasks(self) -> Iterator[Row]:
        stack, client = self.stack(), self.aws().client("ecs")
        cluster, name = stack.output("Cluster"), stack.output("Service")
        found = client.describe_services(cluster=cluster, services=[name])["services"]
        service = next((one for one in found if one["status"] == "ACTIVE"), None)
        if not service:
            yield fail("there is no service", self.gone())
            return
        running, wanted = service["runningCount"], service["desiredCount"]
        rollouts = [one for one in service.get("deployments", []) if one.get("rolloutState") == "FAILED"]
        seen = [f"{running} of {wanted} run"]
        if running == wanted > 0 and not rollouts:
            yield ok(seen[0])
            return
        if wanted == 0:
            command = f"aws ecs update-service {self.at()} --cluster {cluster} --service {name} --desired-count 1"
            yield fail("none is wanted", f"Want one.\n{command}")
            return
        seen += [f"rollout: {one.get('rolloutStateReason', 'failed')}" for one in rollouts]
        seen += last_stop(client, cluster, name)
        seen += [event["message"] for event in service.get("events", [])[:3]]
        mend = "While it is deployed, wait some minutes. Otherwise docs/OPERATIONS.md#no-relay, and its log."
        yield (warn if running else fail)("\n".join(seen), f"{mend}\n{self.log('RelayLogs', '')}")

    def relays_ready(self) -> Iterator[Row]:
        url, token = f"{self.base_url()}/status", self.secrets.get("ConsoleToken")
        answer = fetch(url, {"Authorization": f"Bearer {token}"} if token else {})
        status = answer.json()
        relays, calls = status.get("relays"), status.get("calls")
        if answer.status != 200 or "ready" not in status:
            mend = f"The function api cannot read the table, or is not ours.\n{self.log('FunctionLogs')}"
            yield fail(f"/status answers {answer.status}", mend)
        elif status["ready"] is True:
            yield ok(f"{relays} registered, with {calls} calls")
        elif relays:
            yield fail(f"{relays} registered, and all are going", "Others should have come: look at the relay tasks.")
        else:
            mend = f"Callers hear an apology. Tasks that run all the same cannot write.\n{self.log('RelayLogs', '')}"
            yield fail("none is registered", mend)

    def console_token(self) -> Iterator[Row]:
        token, url = self.secret("ConsoleToken"), f"{self.base_url()}/streams"
        inside, outside = fetch(url, {"Authorization": f"Bearer {token}"}).status, fetch(url).status
        if (inside, outside) == (200, 401):
            yield ok("opens what is closed without it")
        elif outside == 200:
            yield fail("calls are shown to anybody", f"The function api has none: deploy again.\n{self.deploy()}")
        elif inside in (401, 403):
            mend = "The function api has started with another. With another log level it starts anew."
            yield fail(f"refused ({inside})", f"{mend}\n{self.restart()}")
        else:
            mend = f"The function api cannot read the table, or is not ours.\n{self.log('FunctionLogs')}"
            yield fail(f"/streams answers {inside} with it, {outside} without", mend)

    def console(self) -> Iterator[Row]:
        """The page, and the API under its name: of CloudFront, where the stack has it."""
        url = self.stack().outputs.get("Console")
        if not url:
            return
        page, api = fetch(f"{url}/"), fetch(f"{url}/status")
        if page.status in (403, 404):
            yield fail("its files are not there", f"make console STACK={self.name} AWS_REGION={self.aws().region}")
        elif page.status != 200 or b'id="root"' not in page.body:
            yield fail(f"{url} answers {page.status}, and not with our page", "Somebody else has that name now.")
        elif "ready" not in api.json():
            mend = "While the distribution is being changed, wait some minutes. Otherwise deploy again."
            yield fail(f"/status answers {api.status} under its name", f"{mend}\n{self.deploy()}")
        else:
            yield ok(f"{url} shows it, with the API")

    def clock(self) -> Iterator[Row]:
        if not self.clocks.ahead:
            raise Skipped("nobody said what time it is")
        who, ahead = max(self.clocks.ahead.items(), key=lambda one: abs(one[1]))
        if abs(ahead) <= SKEW_WARN:
            yield ok(f"as at {' and '.join(sorted(self.clocks.ahead))}")
            return
        seen = f"this one is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} {who}'s"
        mend = "Let it be kept (macOS: sudo sntp -sS time.apple.com).\nsudo timedatectl set-ntp true"
        yield (fail if abs(ahead) > SKEW_FAIL else warn)(seen, mend)

    def recent_errors(self) -> Iterator[Row]:
        client = self.aws().client("logs")
        for output, who in (("FunctionLogs", "errors, lambda"), ("RelayLogs", "errors, relays")):
            try:
                codes, all_read = errors_in(client, self.stack().output(output))
            except ClientError as error:
                row = self.denied(error)
                if code_of(error) == "ResourceNotFoundException":
                    name = self.stack().output(output)
                    command = f"aws logs create-log-group {self.at()} --log-group-name {name}"
                    row = fail(f"there is no log {name}", f"Make it.\n{command}")
                yield replace(row, check=who)
                continue
            if not codes:
                yield ok("none within the hour", who)
                continue
            kinds = ", ".join(f"{code} {count}" for code, count in codes.most_common(4))
            seen = f"{codes.total()}{'' if all_read else ' or more'} within the hour: {kinds}"
            yield warn(seen, f"What codes mean is in docs/OPERATIONS.md, Alarms.\n{self.log(output)}", who)


def credentials_mend(code: str) -> str:
    if code in ("EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError"):
        return "Nobody answers for this region: is its name right, and is there a way to the internet?"
    if code in ("InvalidRegionError", "ValueError"):
        return "That is no name of a region.\nexport AWS_DEFAULT_REGION=eu-west-1"
    if "Expired" in code or "SSO" in code or "TokenRetrieval" in code:
        return "Sign in again; of keys that were lent, take new ones.\naws sso login"
    return "AWS does not know the keys, or the clock is wrong (below). Where they come from:\naws configure list"


def last_stop(client: Any, cluster: str, service: str) -> list[str]:
    """Why a task stopped last: a wrong image, secret or setting shows there first."""
    stopped = client.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"]
    tasks = client.describe_tasks(cluster=cluster, tasks=stopped[:100])["tasks"] if stopped else []
    if not tasks:
        return []
    last = max(tasks, key=lambda task: task["stoppedAt"].timestamp() if "stoppedAt" in task else 0.0)
    reasons = [last.get("stoppedReason")]
    for container in last.get("containers", []):
        code = container.get("exitCode")
        reasons += [container.get("reason"), None if code is None else f"exit code {code}"]
    return ["last stop: " + "; ".join(filter(None, reasons))]


def errors_in(client: Any, group: str) -> tuple[Counter[str], bool]:
    """Lines of the level ERROR within the hour, by code; and whether that is all. CloudWatch finds the mere word."""
    codes: Counter[str] = Counter()
    asked = {"startTime": int(time.time() * 1000) - HOUR_MS, "filterPattern": "ERROR"}
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, **asked)
    for read, page in enumerate(pages):
        if read == MOST_PAGES:
            return codes, False
        codes.update(filter(None, (error_code(event["message"]) for event in page["events"])))
    return codes, True


def error_code(line: str) -> str:
    try:
        said = json.loads(line)
    except ValueError:
        return "uncoded" if re.search(r"\bERROR\b", line) else ""
    if not isinstance(said, dict) or said.get("level") != "ERROR":
        return ""
    code = str(said.get("code", ""))
    return code if re.fullmatch(r"[a-z_]+", code) else "uncoded"


# --- The command


def report(rows: Iterator[Row], tell: Teller) -> int:
    """Prints each row as soon as it is known. 1 if one of them says FAIL."""
    levels: Counter[str] = Counter()
    margin = " " * 23
    for row in rows:
        levels[row.level] += 1
        tell(f"{row.check:<16} {row.level:<4}  " + row.seen.replace("\n", f"\n{margin}"))
        if row.mend:
            tell(f"{margin}→ " + row.mend.replace("\n", f"\n{margin}  "))
    tell()
    if levels[FAIL] or levels[WARN]:
        tell(f"{levels[FAIL]} FAIL, {levels[WARN]} warn. Begin with the first; what comes after may follow from it.")
    else:
        tell("All is well. Call the number.")
    return 1 if levels[FAIL] else 0


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(prog="doctor.py", description="Says what a deployed stack lacks for a call to come through.")
    parser.add_argument("--stack", required=True, metavar="NAME", help="its name in CloudFormation: voicebridge-dev")
    parser.add_argument("--region", help="where it is; otherwise where your AWS settings say")
    options = parser.parse_args(arguments)
    teller = Teller()
    return report(Doctor(options.stack, options.region, teller).examine(), teller)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
