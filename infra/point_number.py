#!/usr/bin/env python3
"""Points a Twilio number at a stack, or back at where it was.

    python infra/point_number.py --stack voicebridge-dev +15005550006           make number STACK=… NUMBER=…
    python infra/point_number.py --stack voicebridge-dev +15005550006 --undo    make number STACK=… NUMBER=… UNDO=1

It sets the number's voice webhook and its status callback to the stack's outputs, after it has shown what they were and
asked. The old values go to .voicebridge/numbers first, which only their owner may read: a webhook's URL can hold a
password. --undo takes the last ones from there.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from doctor import (
    Aws,
    Parser,
    Refused,
    Skipped,
    Stack,
    Teller,
    Twilio,
    Unreachable,
    can_voice,
    code_of,
    hidden_by,
    is_sendable,
    masked,
)

KEPT = Path(__file__).resolve().parents[1] / ".voicebridge" / "numbers"

# As Twilio calls them in a request, and in an answer.
FIELDS = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
}

Settings = dict[str, str]


class Stop(Exception):
    """Nothing more is done, and why."""


def settings_of(number: dict[str, Any]) -> Settings:
    return {name: number.get(field) or "" for name, field in FIELDS.items()}


def settings_for(stack: Stack) -> Settings:
    return {
        "VoiceUrl": stack.output("VoiceWebhook"),
        "VoiceMethod": "POST",
        "StatusCallback": stack.output("CallStatusCallback"),
        "StatusCallbackMethod": "POST",
    }


class Past:
    """What a number was set to before each time that it was pointed somewhere; the last one last."""

    def __init__(self, number: dict[str, Any]) -> None:
        if not re.fullmatch(r"PN[0-9A-Za-z]{32}", str(number.get("sid"))):
            raise Stop("Twilio gives the number no SID")
        self.path = KEPT / f"{number['sid']}.json"
        try:
            self.times: list[dict[str, Settings]] = json.loads(self.path.read_text()) if self.path.exists() else []
        except (OSError, ValueError):
            raise Stop(f"{self.path} cannot be read") from None

    def add(self, before: Settings, after: Settings) -> None:
        time = {"before": before, "after": after}
        if self.times[-1:] != [time]:  # It may be that Twilio did not take it.
            self.write([*self.times, time])

    def forget_last(self) -> None:
        self.write(self.times[:-1])

    def write(self, times: list[dict[str, Settings]]) -> None:
        self.times = times
        if not times:
            self.path.unlink()
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(times, file, indent=1)
        new.replace(self.path)


def shown(url: str, method: str) -> str:
    """Without what may be a password: user and query."""
    if not url:
        return "nothing"
    try:
        parts = urlsplit(url)
        return f"{method} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{'?…' if parts.query else ''}"
    except ValueError:
        return "something that is no URL"


def show(tell: Teller, what: str, before: Settings, after: Settings) -> None:
    tell(what)
    for name, url, method in (
        ("voice webhook", "VoiceUrl", "VoiceMethod"),
        ("status callback", "StatusCallback", "StatusCallbackMethod"),
    ):
        tell(f"  {name:<15}  is  {shown(before[url], before[method])}")
        tell(f"  {'':<15}  to  {shown(after[url], after[method])}")


def agreed(yes: bool) -> bool:
    try:
        return yes or input("Change it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def change(tell: Teller, twilio: Twilio, number: dict[str, Any], to: Settings) -> None:
    # An empty URL takes one away; there is no empty method.
    form = {name: value for name, value in to.items() if value or not name.endswith("Method")}
    answer = twilio.ask(f"{twilio.path}/IncomingPhoneNumbers/{number['sid']}.json", form)
    if answer.status != 200:
        raise Refused("the number is as it was", answer)
    if not form.items() <= settings_of(answer.json()).items():
        tell("Twilio has taken it, but shows something else: https://console.twilio.com, Phone Numbers")


def find(twilio: Twilio, number: str) -> dict[str, Any]:
    found = twilio.numbers(number)
    if not found:
        raise Stop(f"{masked(number)} is no number of this account")
    return found[0]


def point(tell: Teller, twilio: Twilio, number: dict[str, Any], to: Settings, yes: bool) -> None:
    who, before = masked(number["phone_number"]), settings_of(number)
    if hidden := hidden_by(number):
        how = "https://console.twilio.com, Phone Numbers, Manage, Active numbers, this one, Configure with: Webhook"
        raise Stop(f"{who} has {hidden}, and Twilio would not look at a webhook. First take that away: {how}")
    if not can_voice(number):
        raise Stop(f"{who} has no Voice: it takes no calls")
    if before == to:
        tell(f"{who} points there already.")
        return
    show(tell, who, before, to)
    if not agreed(yes):
        raise Stop("Nothing is changed.")
    past = Past(number)
    past.add(before, to)
    change(tell, twilio, number, to)
    tell(f"Done. --undo (UNDO=1) puts it back; what it was is in {past.path}")


def undo(tell: Teller, twilio: Twilio, number: dict[str, Any], yes: bool) -> None:
    past, is_now = Past(number), settings_of(number)
    who = masked(number["phone_number"])
    if not past.times:
        raise Stop(f"{who} was not pointed anywhere from here: there is nothing in {past.path}")
    last = past.times[-1]
    if is_now not in (last["after"], last["before"]):
        tell("Somebody has changed it since.")
    show(tell, who, is_now, last["before"])
    if not agreed(yes):
        raise Stop("Nothing is changed.")
    change(tell, twilio, number, last["before"])
    past.forget_last()
    tell("Done. It is as it was.")


def account(aws: Aws, stack: Stack, tell: Teller) -> Twilio:
    arn = aws.nested(stack.name, "Secrets").output("TwilioAuthTokenArn")
    token, sid = aws.secret(arn), stack.parameters.get("TwilioAccountSid", "")
    tell.keep_back(token)
    if not is_sendable(token):
        raise Stop("The stack's TwilioAuthToken is empty or has blanks in it: infra/doctor.py says what to do")
    return Twilio(sid, sid, token)


def run(options: Any, tell: Teller) -> None:
    if not re.fullmatch(r"\+[1-9]\d{6,14}", options.number, re.ASCII):
        raise Stop("The number is to be written with + and its country, and without blanks")
    aws = Aws(options.region)
    if not aws.region:
        raise Stop("No region: --region eu-west-1, or AWS_DEFAULT_REGION")
    stack = aws.stack(options.stack)
    twilio = account(aws, stack, tell)
    number = find(twilio, options.number)
    if options.undo:
        undo(tell, twilio, number, options.yes)
    else:
        point(tell, twilio, number, settings_for(stack), options.yes)


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(prog="point_number.py", description="Points a Twilio number at a stack, or back at where it was.")
    parser.add_argument("number", help="one of the account's, as +15005550006")
    parser.add_argument("--stack", required=True, metavar="NAME", help="its name in CloudFormation: voicebridge-dev")
    parser.add_argument("--region", help="where it is; otherwise where your AWS settings say")
    parser.add_argument("--undo", action="store_true", help="put back what it was set to before")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options, tell = parser.parse_args(arguments), Teller()
    try:
        run(options, tell)
        return 0
    except (Stop, Skipped, Refused, Unreachable) as why:
        tell(str(why))
    except (ClientError, BotoCoreError) as error:
        what = f"{error.operation_name}: {code_of(error)}" if isinstance(error, ClientError) else code_of(error)
        tell(f"AWS: {what}. infra/doctor.py --stack {options.stack} says more.")
    except Exception as error:  # Its words may quote anything.
        tell(f"This is a fault of infra/point_number.py, or of {KEPT}: {type(error).__name__}")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
