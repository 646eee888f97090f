"""The console in the cloud against the code: what the distribution leads where, what the page may do, and how its files come.

What a template can say wrong is read off it; the bucket, the function and the distribution are then made by an emulator of
AWS, and asked as a browser asks.

Run: .tools/infra/bin/python -m unittest discover -s infra/tests -p 'test_console.py'
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from unittest import mock

import boto3

from templates import Stack, load
from test_doctor import start_ministack
from test_template import ROOT, block, code, found, plain, skeleton

sys.path.insert(0, str(ROOT / "infra"))

import put_console  # noqa: E402

CONSOLE = ROOT / "infra/console.yaml"
SERVED = code(ROOT / "local/src/cloud/console.rs")
ROUTES = ROOT / "functions/src/handlers/api/routes.rs"
HANDLERS = ROUTES.parent
REGION = "eu-west-1"


def website() -> Stack:
    return plain().nested("Website")


def distribution() -> dict[str, Any]:
    return website().properties("Distribution")["DistributionConfig"]


def leads(path: str) -> dict[str, Any]:
    """The behaviour that CloudFront takes: the first whose pattern fits, where a * is any number of letters, also none."""
    for behavior in distribution()["CacheBehaviors"]:
        if re.fullmatch(re.escape(behavior["PathPattern"]).replace(r"\*", ".*"), path):
            return behavior
    return distribution()["DefaultCacheBehavior"]


def function_body(text: str, name: str) -> str:
    begin, end = block(skeleton(text), found(re.search(rf"\bfn {name}\(", text), name).end())
    return text[begin:end]


def routes() -> dict[str, set[str]]:
    """Every path that the API answers, with something in the place of what differs, and how it may be asked."""
    text = ROUTES.read_text()
    methods: dict[str, set[str]] = {}
    for names, allowed in re.findall(r"((?:\s*\|?\s*Self::\w+(?:\([^)]*\))?)+) => \"([A-Z, ]+)\"", function_body(text, "allow")):
        for name in re.findall(r"Self::(\w+)", names):
            methods[name] = set(allowed.split(", "))
    answered: dict[str, set[str]] = {}
    for pattern, answer in re.findall(r"^\s*\[([^\]]+)] => (.+)", function_body(text, "find"), re.M):
        parts = [re.sub(r'^"(.*)"$', r"\1", it) if it.startswith('"') else "x" for it in pattern.split(", ")]
        name = found(re.search(r"Self::(\w+)", answer), f"route {pattern}")[1]
        # Those that have routes of their own below them say themselves how they may be asked.
        own = HANDLERS / f"{re.sub('(?<!^)(?=[A-Z])', '_', name).lower()}.rs"
        deeper = set(re.findall(r'"([A-Z]{3,}(?:, [A-Z]{3,})*)"', function_body(own.read_text(), "allow"))) if "rest" in pattern else None
        asked = {it for some in deeper for it in some.split(", ")} if deeper else methods.get(name, {"GET"})
        paths = ["/" + "/".join(parts)] if deeper is None else ["/" + "/".join([*parts[:-1], *rest]) for rest in ([], ["x"], ["x", "y"])]
        answered |= dict.fromkeys(paths, asked)
    return found(answered, "routes")


class Behaviors(unittest.TestCase):
    def test_whatever_the_api_answers_is_asked_of_the_api(self) -> None:
        wrong = []
        for path, methods in routes().items():
            behavior = leads(path)
            if behavior["TargetOriginId"] != "api":
                wrong.append(f"{path} leads to {behavior['TargetOriginId']}: add a behaviour to infra/console.yaml")
            missing = methods - set(behavior["AllowedMethods"])
            wrong += [f"{path}: {behavior['PathPattern']} lacks {sorted(missing)}"] if missing else []
        self.assertEqual(wrong, [])

    def test_a_pattern_that_leads_to_the_api_fits_something_that_it_answers(self) -> None:
        used = {leads(path)["PathPattern"] for path in routes()}
        unused = {it["PathPattern"] for it in distribution()["CacheBehaviors"] if it["TargetOriginId"] == "api"} - used
        self.assertEqual(unused, set(), "take them out of infra/console.yaml")

    def test_twilio_and_callers_streams_do_not_come_this_way(self) -> None:
        webhooks = load(ROOT / "infra/routes.yaml")["Resources"]
        keys = [it["Properties"]["RouteKey"] for it in webhooks.values() if it["Type"] == "AWS::ApiGatewayV2::Route"]
        paths = {key.split(" ")[1] for key in keys if " /" in key} | {"/call", "/control"}
        self.assertEqual({path: leads(path)["TargetOriginId"] for path in paths}, dict.fromkeys(paths, "files"))

    def test_the_live_socket_leads_to_its_stage(self) -> None:
        # The path is the stage's name, and nothing is put before it.
        (origin,) = [it for it in distribution()["Origins"] if it["Id"] == leads("/logs")["TargetOriginId"]]
        self.assertEqual(origin["DomainName"].split(".")[0], "<LogsApi>")
        self.assertNotIn("OriginPath", origin)
        stages = plain().nested("Routes").of_type("AWS::ApiGatewayV2::Stage").values()
        self.assertEqual([it["StageName"] for it in stages if it["ApiId"] == "<LogsApi>"], ["logs"])

    def test_what_the_api_says_is_never_kept_and_all_that_a_browser_sends_reaches_it(self) -> None:
        caching = website().properties("Uncached")["CachePolicyConfig"]
        self.assertEqual((caching["MinTTL"], caching["DefaultTTL"], caching["MaxTTL"]), (0, 0, 0))
        asked = website().properties("Everything")["OriginRequestPolicyConfig"]
        self.assertEqual(asked["HeadersConfig"], {"HeaderBehavior": "allExcept", "Headers": ["Host"]})
        self.assertEqual(asked["QueryStringsConfig"], {"QueryStringBehavior": "all"})
        for behavior in distribution()["CacheBehaviors"]:
            self.assertEqual(behavior["CachePolicyId"], "<Website/Uncached>", behavior["PathPattern"])
            self.assertEqual(behavior["OriginRequestPolicyId"], "<Website/Everything>", behavior["PathPattern"])
        # Untold, CloudFront keeps a refusal for ten seconds, and gives it to whoever asks next.
        kept = {it["ErrorCode"]: it["ErrorCachingMinTTL"] for it in distribution()["CustomErrorResponses"]}
        self.assertEqual(kept, dict.fromkeys((400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504), 0))
        self.assertFalse(any("ResponsePagePath" in it for it in distribution()["CustomErrorResponses"]))

    def test_an_origin_waits_longer_than_the_function_may_take(self) -> None:
        (api,) = [it for it in distribution()["Origins"] if it["Id"] == "api"]
        self.assertGreater(api["CustomOriginConfig"]["OriginReadTimeout"], plain().properties("Api")["Timeout"])

    def test_nothing_goes_in_the_clear(self) -> None:
        for behavior in [distribution()["DefaultCacheBehavior"], *distribution()["CacheBehaviors"]]:
            self.assertIn(behavior["ViewerProtocolPolicy"], ("redirect-to-https", "https-only"))
        for origin in distribution()["Origins"]:
            custom = origin.get("CustomOriginConfig", {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]})
            self.assertEqual((custom["OriginProtocolPolicy"], custom["OriginSSLProtocols"]), ("https-only", ["TLSv1.2"]))
        named = Stack(CONSOLE, given() | {"DomainName": "console.example.com", "CertificateArn": "arn"})
        certificate = named.properties("Distribution")["DistributionConfig"]["ViewerCertificate"]
        self.assertEqual(certificate["MinimumProtocolVersion"], "TLSv1.2_2021")

    def test_the_api_knows_who_asks_by_the_header_that_its_code_reads(self) -> None:
        (api,) = [it for it in distribution()["Origins"] if it["Id"] == "api"]
        (header,) = api["OriginCustomHeaders"]
        read = found(re.search(r'const EDGE: &str = "([^"]+)"', code(HANDLERS / "door.rs")), "header of the edge")[1]
        self.assertEqual(header["HeaderName"], read)
        self.assertEqual(header["HeaderValue"], "{{resolve:secretsmanager:<Secrets/EdgeTokenSecret>:SecretString}}")


def given() -> dict[str, str]:
    """What infra/console.yaml must be given; see deploy() for what the emulator is."""
    parameters = load(CONSOLE)["Parameters"]
    return {name: f"<{name}>" for name, it in parameters.items() if "Default" not in it}


class Page(unittest.TestCase):
    """What the page may do is the same on a laptop and in the cloud."""

    def test_the_policy_is_the_laptops(self) -> None:
        said = function_body(SERVED, "policy")
        laptops = [it.strip() for it in re.findall(r'&?(?:format!\()?"([^"]+)"\)?,', said)]
        headers = website().properties("Headers")["ResponseHeadersPolicyConfig"]
        policy = headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
        objects = "https://<Data/Recordings>.s3.<AWS::Region>.<AWS::URLSuffix>"
        streams = f" {plain().properties('Twiml')['Environment']['Variables']['PUBLIC_WSS_URL']}"
        self.assertEqual(policy.replace(objects, "{objects}").replace(streams, " {streams}").split("; "), found(laptops, "policy"))
        self.assertIn(f"connect-src 'self' {objects}{streams}", policy)

    def test_so_are_the_other_headers(self) -> None:
        fixed = dict(re.findall(r'\("([a-z-]+)", "([^"]+)"\)', function_body(SERVED, "protect")))
        headers = website().properties("Headers")["ResponseHeadersPolicyConfig"]
        security = headers["SecurityHeadersConfig"]
        said = {it["Header"].lower(): it["Value"] for it in headers["CustomHeadersConfig"]["Items"]}
        said["referrer-policy"] = security["ReferrerPolicy"]["ReferrerPolicy"]
        said |= {"x-content-type-options": "nosniff"} if "ContentTypeOptions" in security else {}
        self.assertEqual(said, found(fixed, "headers"))
        self.assertGreaterEqual(security["StrictTransportSecurity"]["AccessControlMaxAgeSec"], 365 * 24 * 3600)
        everywhere = [distribution()["DefaultCacheBehavior"], *distribution()["CacheBehaviors"]]
        self.assertEqual({it["ResponseHeadersPolicyId"] for it in everywhere}, {"<Website/Headers>"})

    def test_files_have_the_laptops_kinds_and_are_kept_as_long(self) -> None:
        kinds = dict(re.findall(r'"(\w+)" => "([^"]+)"', function_body(SERVED, "kind")))
        self.assertEqual(put_console.KINDS, {"html": "text/html; charset=utf-8"} | found(kinds, "kinds of files"))
        forever = found(re.search(r'const FOREVER: &str = "([^"]+)"', SERVED), "FOREVER")[1]
        self.assertEqual(put_console.FOREVER, forever)
        self.assertIn(f'file.response("text/html; charset=utf-8", "{put_console.ASKED}")', SERVED)

    def test_every_address_of_the_console_is_its_page_and_no_other_is(self) -> None:
        rewritten = {path: "/index.html" for path in ("/", "/console", "/console/", "/console/calls/CA1", "/console/../x")}
        rewritten |= {path: path for path in ("/assets/app-1.js", "/assets/none.js")}
        rewritten |= {path: 404 for path in ("/consoles", "/call", "/twiml", "/favicon.ico", "/index.html", "/assets", "")}
        program = load(CONSOLE)["Resources"]["Page"]["Properties"]["FunctionCode"] + """
            const uris = JSON.parse(process.argv[1]);
            const of = (answer) => answer.statusCode ?? answer.uri;
            const ask = (uri) => of(handler({ request: { method: 'GET', uri, querystring: {}, headers: {} } }));
            console.log(JSON.stringify(Object.fromEntries(uris.map((uri) => [uri, ask(uri)]))));
        """
        node = found(shutil.which("node"), "node")
        said = subprocess.run([node, "-e", program, json.dumps(list(rewritten))], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(said.stdout), rewritten)


class Rights(unittest.TestCase):
    def test_the_distribution_alone_reads_the_files_and_nobody_else_may(self) -> None:
        statements = website().properties("FilesPolicy")["PolicyDocument"]["Statement"]
        of = "arn:<AWS::Partition>:cloudfront::<AWS::AccountId>:distribution/<Website/Distribution>"
        allowed = [it for it in statements if it["Effect"] == "Allow"]
        self.assertEqual({it["Action"] for it in allowed}, {"s3:GetObject", "s3:ListBucket"})
        for statement in allowed:
            self.assertEqual(statement["Principal"], {"Service": "cloudfront.amazonaws.com"})
            self.assertEqual(statement["Condition"], {"StringEquals": {"aws:SourceArn": of}})
        self.assertTrue(all(website().properties("Files")["PublicAccessBlockConfiguration"].values()))


def setUpModule() -> None:
    folder = Path(tempfile.mkdtemp(prefix="voicebridge-console-"))
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    Served.folder, Served.port = folder, start_ministack(folder)


class Bucket:
    """An S3 with a clock of its own, that tells in which order it was asked."""

    def __init__(self) -> None:
        self.at, self.asked, self.objects = datetime(2026, 11, 22), [], {}

    def get_paginator(self, _: str) -> Any:
        found = [{"Key": key, "LastModified": at} for key, at in self.objects.items()]
        return mock.Mock(paginate=lambda **_: [{"Contents": found}])

    def put_object(self, Key: str, **_: Any) -> None:
        self.asked.append(f"put {Key}")
        self.at += timedelta(seconds=1)
        self.objects[Key] = self.at

    def delete_object(self, Key: str, **_: Any) -> None:
        self.asked.append(f"delete {Key}")
        del self.objects[Key]


class Served(unittest.TestCase):
    """By the emulator, of which each test has a stack of its own."""

    folder: Path
    port: int

    def setUp(self) -> None:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
        keys["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{self.port}"
        environment = mock.patch.dict("os.environ", keys)
        environment.start()
        self.addCleanup(environment.stop)
        self.name = f"console-{self._testMethodName[5:25].replace('_', '-')}".strip("-")
        self.session = boto3.Session()
        self.dist = self.folder / self.name
        self.build("1")

    def build(self, number: str) -> None:
        shutil.rmtree(self.dist, ignore_errors=True)
        (self.dist / "assets").mkdir(parents=True)
        (self.dist / ".vite").mkdir()
        (self.dist / ".vite/manifest.json").write_text("{}")
        (self.dist / "index.html").write_text(f"<title>build {number}</title>")
        (self.dist / "index.html.gz").write_text("squeezed")
        (self.dist / f"assets/app-{number}.js").write_text(f"build({number})")
        (self.dist / f"assets/app-{number}.js.gz").write_text("squeezed")
        (self.dist / "assets/letters.woff2").write_bytes(b"letters")

    def deploy(self) -> None:
        secret = self.session.client("secretsmanager").create_secret(Name=f"{self.name}-edge", SecretString="edge")
        parameters = {"Stack": self.name, "HttpApiId": "http", "LogsApiId": "logs", "CallUrl": "wss://call.example.com/call"}
        parameters |= {"RecordingsBucket": "recordings", "EdgeTokenArn": secret["ARN"], "CertificateArn": ""}
        self.assertLessEqual(given().keys(), parameters.keys())
        body = CONSOLE.read_text()
        outputs = {"Url": "Console", "FilesBucket": "ConsoleFiles", "Distribution": "ConsoleDistribution"}
        for inner, outer in outputs.items():
            body = re.sub(rf"^  {inner}:$(?=\n    Value)", f"  {outer}:", body, flags=re.M)
        # It speaks no TLS, and would not let its own distribution in.
        body, cut = re.subn(r"          - Sid: OnlyOverTls\n(?: {12}.*\n)+", "", body)
        self.assertEqual(cut, 1)
        client = self.session.client("cloudformation")
        pairs = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        client.create_stack(StackName=self.name, TemplateBody=body, Parameters=pairs)
        client.get_waiter("stack_create_complete").wait(StackName=self.name, WaiterConfig={"Delay": 0})
        self.outputs = put_console.outputs(client, self.name)

    def get(self, path: str) -> tuple[int, dict[str, str], str]:
        host = self.outputs["Console"].removeprefix("https://")
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()

    def keys(self) -> set[str]:
        return set(put_console.there(self.session.client("s3"), self.outputs["ConsoleFiles"]))

    def bring(self) -> str:
        return put_console.bring(self.session, self.name, self.dist)

    def test_a_browser_gets_the_page_and_its_files(self) -> None:
        self.deploy()
        self.assertIn("3 files brought", self.bring())
        for path in ("/", "/console", "/console/calls/CA1"):
            status, headers, body = self.get(path)
            self.assertEqual((status, body), (200, "<title>build 1</title>"), path)
            self.assertEqual((headers["content-type"], headers["cache-control"]), ("text/html; charset=utf-8", "no-cache"))
            self.assertIn("default-src 'none'", headers["content-security-policy"])
            self.assertIn("wss://call.example.com/call", headers["content-security-policy"])
            self.assertEqual(headers["permissions-policy"].split(",")[0], "microphone=(self)")
            self.assertIn("max-age=", headers["strict-transport-security"])
        status, headers, body = self.get("/assets/app-1.js")
        self.assertEqual((status, body, headers["cache-control"]), (200, "build(1)", put_console.FOREVER))
        self.assertEqual(headers["content-type"], "text/javascript; charset=utf-8")
        for path in ("/assets/none.js", "/assets/app-1.js.gz", "/favicon.ico", "/twiml"):
            # Of S3 it knows 403 alone.
            self.assertIn(self.get(path)[0], (403, 404) if path.startswith("/assets/") else (404,), path)

    def test_each_deployment_makes_cloudfront_forget_the_page(self) -> None:
        self.deploy()
        for number in "12":
            self.build(number)
            self.bring()
            self.assertEqual(self.get("/")[2], f"<title>build {number}</title>")
        cloudfront, id_ = self.session.client("cloudfront"), self.outputs["ConsoleDistribution"]
        made = cloudfront.list_invalidations(DistributionId=id_)["InvalidationList"]["Items"]
        asked = [cloudfront.get_invalidation(DistributionId=id_, Id=it["Id"])["Invalidation"] for it in made]
        paths = [it["InvalidationBatch"]["Paths"]["Items"] for it in asked]
        self.assertEqual(paths, [["/", "/index.html", "/console", "/console/*"]] * 2)

    def test_the_page_comes_after_what_it_names_and_the_build_before_stays_until_another_is_there(self) -> None:
        bucket = Bucket()
        for number in "123":
            self.build(number)
            bucket.at += timedelta(hours=1)
            put_console.put(bucket, "bucket", list(put_console.built(self.dist)))
        last = ["put assets/app-3.js", "put assets/letters.woff2", "put index.html", "delete assets/app-1.js"]
        self.assertEqual(bucket.asked[-4:], last)
        self.assertEqual(set(bucket.objects), {"index.html", "assets/app-2.js", "assets/app-3.js", "assets/letters.woff2"})

    def test_without_a_build_or_a_console_nothing_is_touched(self) -> None:
        self.deploy()
        shutil.rmtree(self.dist / "assets")
        (self.dist / "index.html").unlink()
        with self.assertRaisesRegex(put_console.Stop, "make web"):
            self.bring()
        self.assertEqual(self.keys(), set())


if __name__ == "__main__":
    unittest.main()
