"""Answers the Rust contract tests from Twilio's own SDK: one JSON request a line, one JSON answer a line."""

import json
import sys
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, Stream, VoiceResponse


class MultiDict(dict):
    """A form as Django hands it over: a repeated name keeps all its values."""

    def __init__(self, encoded):
        super().__init__()
        for name, value in parse_qsl(encoded, keep_blank_values=True):
            self.setdefault(name, []).append(value)

    def getlist(self, name):
        return self[name]


def sign(ask):
    """Signs as Twilio would send it, and says what it would send."""
    validator, url, body = RequestValidator(ask["token"]), ask["url"], ask.get("body")
    params = {}
    if ask["kind"] == "form":
        body = urlencode([tuple(pair) for pair in ask["form"]])
        params = MultiDict(body)
    elif ask["kind"] == "json":
        url += ("&" if "?" in url else "?") + "bodySHA256=" + validator.compute_hash(body)
    return {"url": url, "body": body, "signature": validator.compute_signature(url, params, ask["algorithm"])}


def validate(ask):
    params = {"form": lambda: MultiDict(ask["body"]), "json": lambda: ask["body"], "url": dict}[ask["kind"]]()
    return {"valid": RequestValidator(ask["token"]).validate(ask["url"], params, ask["signature"], ask["algorithm"])}


def twiml(ask):
    """Builds the same document with the SDK; both come back in XML's canonical form."""
    response = VoiceResponse()
    for verb, value in ask["verbs"]:
        {"connect": connect, "redirect": redirect, "say": say, "pause": pause, "hangup": hangup}[verb](response, value)
    canonical = ElementTree.canonicalize
    return {"theirs": canonical(response.to_xml()), "ours": canonical(ask["ours"])}


def connect(response, value):
    stream = Stream(url=value["url"], status_callback=value["status_callback"])
    for name, text in value["parameters"]:
        stream.parameter(name=name, value=text)
    response.append(Connect().append(stream))


def redirect(response, url):
    response.redirect(url, method="POST")


def say(response, text):
    response.say(text)


def pause(response, seconds):
    response.pause(length=seconds)


def hangup(response, _):
    response.hangup()


for line in sys.stdin.buffer:
    request = json.loads(line)
    answer = {"sign": sign, "validate": validate, "twiml": twiml}[request["do"]](request)
    print(json.dumps(answer), flush=True)
