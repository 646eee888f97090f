"""The templates against the code that they deploy, and against each other.

Nothing is listed twice: rights are read off the adapters, keys off the tests of `shared::config`, routes off the cloud
on a laptop, metrics and codes off what counts them. A template that grants, sets or names more than the code uses is as
wrong as one with less. What the code cannot show stands here in a table, each with its reason.

Run: .tools/infra/bin/python -m unittest discover -s infra/tests -p 'test_template.py'
"""

from __future__ import annotations

import json
import re
import tomllib
import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from templates import FUNCTION, NESTED, Fault, Stack, load, refusal

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"

T = TypeVar("T")

# ── The stack, in every way that its conditions tell apart ───────────────────────────────────────────────────────────

GIVEN = {"TwilioAccountSid": "AC" + 32 * "0", "TwilioAuthToken": 32 * "0", "OpenaiApiKey": 20 * "k"}
DOMAIN = {"DomainName": "voice.example.com", "HostedZoneId": "Z0"}
CONSOLE = {
    "ConsoleDomainName": "console.example.com",
    "ConsoleCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/0",
}
WAYS: list[list[dict[str, Any]]] = [
    [{}, DOMAIN, DOMAIN | {"MediaPath": "direct"}],
    [{}, {"AutoScaling": "false", "RelayCount": 2}],
    [{}, {"EmulatorUrl": "http://localhost:4566"}],
    [{}, {"TwilioApiKey": "SK" + 32 * "0", "TwilioApiSecret": "s"}],
    [{}, {"RelayImageUri": "example.com/relay@sha256:0"} | CONSOLE],
    [
        {},
        {
            "CertificateArn": "arn:aws:acm:eu-central-1:000000000000:certificate/0",
            "AlarmTopicArn": "arn:aws:sns:eu-central-1:000000000000:people",
            "Architecture": "arm64",
            "Console": "false",
            "MetricMath": "false",
            "RelayMaxCount": 1,
            "ToolSecretsArn": "arn:aws:secretsmanager:eu-central-1:000000000000:secret:tools-0",
            "ToolFunctionArns": ",".join(f"arn:aws:lambda:eu-central-1:000000000000:function:{it}" for it in ("a", "b")),
        },
    ],
]


@cache
def stacks() -> list[Stack]:
    made = []
    for ways in product(*WAYS):
        given = dict(GIVEN)
        for way in ways:
            given |= way
        made.append(Stack(TEMPLATE, given))
    return made


def plain() -> Stack:
    """The default: API Gateway's own names, and no emulator."""
    return stacks()[0]


# ── The code ─────────────────────────────────────────────────────────────────────────────────────────────────────────

SILENT = re.compile(r"//[^\n]*|/\*.*?\*/|b?r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\[^']+|[^\\'])'", re.S)


def found(things: T, what: str) -> T:
    """A search that finds nothing proves nothing."""
    if not things:
        raise AssertionError(f"test_template.py finds no {what}: if the code has a new shape, it must learn to read it")
    return things


def skeleton(code: str) -> str:
    """The code with comments and literals blank, so that a brace is a brace. Every place stays where it is."""
    return SILENT.sub(lambda silent: re.sub(r"[^\n]", " ", silent[0]), code)


def block(bones: str, start: int, pair: str = "{}") -> tuple[int, int]:
    """What stands within the first bracket from `start` on."""
    begin = bones.index(pair[0], start)
    depth = 0
    for at in range(begin, len(bones)):
        depth += {pair[0]: 1, pair[1]: -1}.get(bones[at], 0)
        if depth == 0:
            return begin + 1, at
    raise AssertionError("a bracket that nobody closes")


@cache
def code(path: Path) -> str:
    """A source file of Rust without the tests in it."""
    text = path.read_text()
    while test := re.search(r"#\[cfg\(test\)](?:\s*#\[[^\]]*])*\s*mod \w+ \{", bones := skeleton(text)):
        _, end = block(bones, test.start())
        text = text[: test.start()] + text[end + 1 :]
    return text


def sources(folder: str) -> list[Path]:
    """Those that are not tests."""
    files = (ROOT / folder).rglob("*.rs")
    return found([it for it in files if not re.search(r"(^|_)test(s|ing)?$", it.stem)], f"sources in {folder}")


def traits(bounds: str) -> list[str]:
    """`ReadCall + Tokens + Debug + 'static`: the doors among them."""
    names = [bound.strip().split("::")[-1] for bound in bounds.split("+")]
    return [name for name in names if name not in ("", "Debug", "Send", "Sync", "Clone") and not name.startswith("'")]


@dataclass(frozen=True)
class Need:
    """An action, and what it is for."""

    action: str
    on: str


# What an SDK's operation needs. One that is new to the code is to be added here.
OPERATIONS = {
    "get_item": Need("dynamodb:GetItem", "table"),
    "put_item": Need("dynamodb:PutItem", "table"),
    "update_item": Need("dynamodb:UpdateItem", "table"),
    "delete_item": Need("dynamodb:DeleteItem", "table"),
    "batch_write_item": Need("dynamodb:BatchWriteItem", "table"),
    "query": Need("dynamodb:Query", "table"),
    "get_object": Need("s3:GetObject", "objects"),
    "head_object": Need("s3:GetObject", "objects"),
    "put_object": Need("s3:PutObject", "objects"),
    "create_multipart_upload": Need("s3:PutObject", "objects"),
    "upload_part": Need("s3:PutObject", "objects"),
    "complete_multipart_upload": Need("s3:PutObject", "objects"),
    "abort_multipart_upload": Need("s3:AbortMultipartUpload", "objects"),
    "delete_object": Need("s3:DeleteObject", "objects"),
    "list_objects_v2": Need("s3:ListBucket", "bucket"),
    "post_to_connection": Need("execute-api:ManageConnections", "POST"),
    "delete_connection": Need("execute-api:ManageConnections", "DELETE"),
    "invoke": Need("lambda:InvokeFunction", "tool"),
    "get_secret_value": Need("secretsmanager:GetSecretValue", "secrets"),
}
# An object that is stored with a tag.
TAGGING = Need("s3:PutObjectTagging", "objects")
# A transaction needs what its parts need: `Part::put(…)` in dynamo/transact.rs.
TRANSACTION = "transact_write_items"
PARTS = {
    "check": Need("dynamodb:ConditionCheckItem", "table"),
    "put": Need("dynamodb:PutItem", "table"),
    "update": Need("dynamodb:UpdateItem", "table"),
}
# Of a laptop, where no template makes the table.
NOT_IN_THE_CLOUD = {"create_table", "update_time_to_live"}

# The key by which an adapter finds what it works on.
FINDS = {
    "Store": "TABLE_NAME",
    "RecordingStore": "RECORDINGS_BUCKET",
    "MusicStore": "RECORDINGS_BUCKET",
    "ControlSockets": "CONTROL_CONNECTIONS_URL",
    "CallerSockets": "CALL_CONNECTIONS_URL",
    "LogsSockets": "LOGS_CONNECTIONS_URL",
    "HandshakeSigner": "CONTROL_WSS_URL",
    "LambdaTools": "TOOL_CALL_FUNCTION",
    "OwnFunctions": "TOOL_FUNCTION_ARNS",
    "SecretsOfTools": "TOOL_SECRETS_ARN",
}

CALL = r"\s*(?:::\s*<[^()]*>)?\s*\("
ON_A_CLIENT = re.compile(r"\b(?:client|self\s*\.\s*0)\s*\.\s*(\w+)\s*\(")
ON_ITSELF = re.compile(rf"\bself\s*\.\s*(\w+){CALL}")
FREE = re.compile(rf"(?<![\w.:])(\w+){CALL}")
IMPL = re.compile(
    r"\bimpl\b\s*(?P<generics><[^{;]*?>)?\s*(?:(?P<trait>[\w:]+)(?:<[^{]*?>)?\s+for\s+)?(?P<type>\w+)\s*(?P<args><[^{]*?>)?\s*"
    r"(?:where(?P<where>[^{]*))?\{"
)


@dataclass(frozen=True)
class Method:
    file: Path
    trait: str | None
    body: str


class Adapters:
    """Every method of every adapter, and what it asks of AWS in the end."""

    def __init__(self) -> None:
        self.methods: dict[tuple[str, str], list[Method]] = {}
        self.free: dict[tuple[Path, str], str] = {}
        self.uses_an_sdk: dict[str, bool] = {}
        for file in [*sources("functions/src/adapters"), *(ROOT / "functions/src/app").glob("*.rs")]:
            self.read(file)
        found(self.methods, "adapters")

    def read(self, file: Path) -> None:
        text = code(file)
        bones = skeleton(text)
        for name in re.findall(r"\bstruct (\w+)", bones):
            self.uses_an_sdk[name] = bool(re.search(r"\baws_sdk_\w+::Client\b", bones))
        loose = bones
        for impl in IMPL.finditer(bones):
            begin, end = block(bones, impl.end() - 1)
            loose = loose[:begin] + " " * (end - begin) + loose[end:]
            for name, body in bodies(bones[begin:end]):
                trait = impl["trait"] and impl["trait"].split("::")[-1]
                self.methods.setdefault((impl["type"], name), []).append(Method(file, trait, body))
        self.free |= {(file, name): body for name, body in bodies(loose)}
        known = {*OPERATIONS, TRANSACTION}
        calls = re.findall(rf"\.\s*({'|'.join(known)})\s*\(\s*\)", bones)
        if sorted(calls) != sorted(name for name in ON_A_CLIENT.findall(bones) if name in known):
            raise AssertionError(f"{file}: an SDK is called where test_template.py does not see a client; teach it")

    @cache
    def needs(self, adapter: str, trait: str | None) -> set[Need]:
        """Of a door of an adapter's, or of what it does without one."""
        methods = [it for (of, _), them in self.methods.items() for it in them if (of, it.trait) == (adapter, trait)]
        found(methods, f"implementation of {trait} by {adapter}")
        seen: set[tuple[str, str]] = set()
        return set().union(*(self.follow(adapter, it.file, it.body, seen) for it in methods))

    def follow(self, adapter: str, file: Path, body: str, seen: set[tuple[str, str]]) -> set[Need]:
        """What a body needs, and whatever of the adapter's it calls. `seen` ends what goes in circles."""
        needs = self.operations(adapter, file, body)
        for name in ON_ITSELF.findall(body):
            methods = self.methods.get((adapter, name))
            if methods is None:
                raise AssertionError(f"{file}: {adapter} calls its own `{name}`, which test_template.py does not find")
            inherent = [method for method in methods if method.trait is None] or methods
            if (adapter, name) not in seen:
                seen.add((adapter, name))
                needs |= set().union(*(self.follow(adapter, it.file, it.body, seen) for it in inherent))
        for name in FREE.findall(body):
            if (file, name) in self.free and (str(file), name) not in seen:
                seen.add((str(file), name))
                needs |= self.follow(adapter, file, self.free[file, name], seen)
        return needs

    def operations(self, adapter: str, file: Path, body: str) -> set[Need]:
        if re.search(r"\bSigningParams::builder\b", body):
            found('.name("execute-api")' in code(file), f"service that {adapter} signs for")
            return {Need("execute-api:Invoke", "connect")}
        if not self.uses_an_sdk.get(adapter):
            return set()
        calls = [name for name in ON_A_CLIENT.findall(body) if name not in {*NOT_IN_THE_CLOUD, TRANSACTION}]
        parts = re.findall(r"\bPart::([a-z]\w*)\(", body)
        for name in (set(calls) - OPERATIONS.keys()) | (set(parts) - PARTS.keys()):
            raise AssertionError(f"{file}: `{name}` is new; say in OPERATIONS or PARTS which right it needs")
        needs = {OPERATIONS[name] for name in calls} | {PARTS[name] for name in parts}
        if re.search(r"\.\s*tagging\(", body):
            needs |= {TAGGING}
        if "index_name" in body:
            if calls != ["query"] or "index_name(INDEX)" not in body:
                raise AssertionError(f"{file}: test_template.py reads one query of INDEX in a function; teach it more")
            needs = {Need("dynamodb:Query", "index")}
        return needs


def bodies(bones: str) -> Iterator[tuple[str, str]]:
    """Functions with a body, but for those within functions."""
    after = 0
    for function in re.finditer(r"\bfn (\w+)", bones):
        _, arguments = block(bones, function.end(), "()")
        end = found(re.compile(r"(?:\[[^\]]*]|[^{;])*([{;])").match(bones, arguments), f"end of {function[1]}")
        if function.start() >= after and end[1] == "{":
            begin, after = block(bones, end.end() - 1)
            yield function[1], bones[begin:after]


@cache
def adapters() -> Adapters:
    return Adapters()


@cache
def doors() -> dict[str, dict[str, set[str]]]:
    """Of each binary: the adapters it is made of, and the doors that it opens of each."""
    app = skeleton(code(ROOT / "functions/src/app.rs"))
    made = {
        name: (handler, [it.strip() for it in args.split(",")])
        for name, answer in re.findall(r"pub fn (\w+)\([^)]*\)\s*->\s*([^{]+)\{", app)
        for handler, args in re.findall(r"(\w+)<([\w\s,]+)>", answer)
    }
    opened: dict[str, dict[str, set[str]]] = {}
    for file in found(sorted((ROOT / "functions/src/bin").glob("*.rs")), "binaries"):
        calls = set(re.findall(r"\bapp::(\w+)\(&", skeleton(code(file))))
        if calls == {"relay"}:
            opened[file.stem] = relay_doors()
        else:
            (name,) = found(calls & made.keys(), f"app that {file.name} runs")
            opened[file.stem] = handler_doors(*made[name])
    return opened


def handler_doors(handler: str, types: list[str]) -> dict[str, set[str]]:
    opened: dict[str, set[str]] = {}
    for file in sources("functions/src/handlers"):
        for impl in IMPL.finditer(skeleton(code(file))):
            if impl["type"] != handler or impl["trait"] or not impl["args"]:
                continue
            bounds = f"{(impl['generics'] or '<>')[1:-1]},{impl['where'] or ''}"
            asked = dict(re.findall(r"(\w+)\s*:\s*([^,:]+)", bounds))
            for letter, adapter in zip(re.findall(r"\w+", impl["args"]), types, strict=True):
                asks = traits(asked.get(letter, ""))
                opened.setdefault(adapter, set()).update(*(bundles().get(name, [name]) for name in asks))
    found(opened and all(opened.values()), f"bounds of {handler}")
    return opened


@cache
def bundles() -> dict[str, list[str]]:
    """Doors that handlers ask for by one name: `trait Records: ReadCall + WriteCall {}`."""
    bones = [skeleton(code(file)) for file in sources("functions/src/handlers")]
    named = [it for text in bones for it in re.findall(r"\btrait (\w+)\s*:([^{;]+)\{\s*\}", text)]
    return {name: traits(bounds) for name, bounds in named}


def relay_doors() -> dict[str, set[str]]:
    asked = dict(re.findall(r"\btype (\w+): ([^;]+);", skeleton(code(ROOT / "functions/src/relay/doors.rs"))))
    made = dict(re.findall(r"\btype (\w+) = (\w+);", skeleton(code(ROOT / "functions/src/app/relay.rs"))))
    found(asked and asked.keys() == made.keys(), "doors of the relay")
    return {made[door]: set(traits(bounds)) for door, bounds in asked.items()}


def main(binary: str) -> str:
    return code(ROOT / "functions/src/bin" / f"{binary}.rs")


# ── The code's keys ──────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def sections() -> dict[str, set[str]]:
    """The keys of each section of the configuration, as its own test lists them."""
    listed = r"(\w+Config)::read\(&source\)[^;]*;\s*assert_eq!\(\s*source\.asked\(\),\s*keys\(\s*\"([^\"]+)\""
    tests = "".join((ROOT / "shared/src/config" / name).read_text() for name in ("functions.rs", "relay.rs"))
    return found({name: set(keys.replace("\\", " ").split()) for name, keys in re.findall(listed, tests)}, "keys")


@cache
def secrets() -> set[str]:
    """Keys whose values are secrets."""
    everything = "".join(map(code, sources("shared/src")))
    return found(set(re.findall(r"\b(?:required_)?secret\(\s*\"([A-Z_]+)\"", everything)), "secrets")


@cache
def required() -> set[str]:
    everything = "".join(map(code, sources("shared/src/config")))
    asked = r"\b(?:required(?:_url|_secret)?|web_url)\(\s*(?:&mut )?(?:reader,\s*)?\"([A-Z_]+)\""
    return found(set(re.findall(asked, everything)), "keys without a default")


@cache
def everyones() -> set[str]:
    """What telemetry reads, in all binaries."""
    return found(set(re.findall(r"\benvironment\(\"(\w+)\"\)", code(ROOT / "functions/src/app/telemetry.rs"))), "keys")


def reads(binary: str) -> set[str]:
    (section,) = found(re.findall(r"\b(\w+Config)::read\(", main(binary)), f"configuration of {binary}")
    return sections()[section] | everyones()


@cache
def boot_reads() -> set[str]:
    """What the relay's boot script reads; `TMPDIR` is Python's. The other `AWS_*` are ECS's to set, or a laptop's."""
    script = (ROOT / "infra/relay_boot.py").read_text()
    keys = found(set(re.findall(r"\benv\(\"(\w+)\"", script)), "keys of relay_boot.py")
    own = {key for key in keys if not key.startswith("AWS_") or key == "AWS_REGION"}
    return own | ({"TMPDIR"} if "tempfile." in script else set())


# Keys that the template leaves to their defaults.
LEFT = {
    "MAX_RECONNECT_ATTEMPTS": "the ladder was tuned with the agent's other limits (shared/src/agent.rs)",
    "RECONNECT_DELAY": "as MAX_RECONNECT_ATTEMPTS",
    "WEBSOCKET_TIMEOUT": "as MAX_RECONNECT_ATTEMPTS",
    "AGENT_OVERFLOW_WAIT": "what callers hear in line is an agent's business, and its defaults do (shared/src/agent.rs)",
    "AGENT_OVERFLOW_PLACE": "as AGENT_OVERFLOW_WAIT",
    "AGENT_OVERFLOW_SAY": "as AGENT_OVERFLOW_WAIT",
    "AGENT_UNAVAILABLE": "as AGENT_OVERFLOW_WAIT",
    "AGENT_HOLD_MUSIC": "as AGENT_OVERFLOW_WAIT",
    "TWILIO_WEBHOOK_VALIDATION": "off is refused but on a loopback address",
    "OPENAI_REALTIME_URL": "the vendor's public service",
    "TWILIO_API_URL": "Twilio's public service",
    "OPEN_METEO_URL": "the public service",
    "OPEN_METEO_GEOCODING_URL": "the public service",
    "CALLER_RATE": "its default is generous, and no person calls as often",
    "STRANGER_RATE": "its default is generous, and who is signed is not counted",
    "RELAY_MAX_UNPROVEN": "its default fits every size of a relay",
    "RELAY_LISTEN": "network.yaml lets its default port in",
    "RELAY_PUBLIC_LISTEN": "network.yaml and balancer.yaml have its default port",
    "RELAY_ADDRESS": "a task asks ECS for its address",
    "TOOL_ALLOW_HOSTS": "tools reach the open internet and nothing else",
    "RECORDING_SPOOL": "a temporary folder of the process",
    "RECORDING_SPOOL_MB": "its default fits on a task's disk",
    "RELAY_DRAIN": "its default fits into StopTimeout",
    "ECS_CONTAINER_METADATA_URI_V4": "ECS sets it",
    "ECS_AGENT_URI": "ECS sets it",
}

# ── The deployed programs ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Deployed:
    binary: str
    where: str
    keys: dict[str, str]
    statements: list[dict[str, Any]]
    in_the_network: bool = False

    def secrets(self) -> dict[str, str]:
        """Keys that are fetched, and the ARNs of their secrets."""
        named = {key.removesuffix("_SECRET_ARN"): arn for key, arn in self.keys.items() if key.endswith("_SECRET_ARN")}
        return {key: arn for key, arn in named.items() if arn}


def binary(stack: Stack, function: str) -> str:
    return stack.template["Resources"][function]["Metadata"]["BuildProperties"]["Binary"]


@cache
def deployed(stack: Stack) -> list[Deployed]:
    """The functions, and the relay. Its package is a function by form only: nobody can run it."""
    programs = []
    for name, properties in stack.of_type(FUNCTION).items():
        if properties.get("ReservedConcurrentExecutions") != 0:
            statements = [it for policy in properties.get("Policies", []) for it in listed(policy["Statement"])]
            keys = properties["Environment"]["Variables"]
            where = f"{name} in template.yaml"
            programs.append(Deployed(binary(stack, name), where, keys, statements, "VpcConfig" in properties))
    relay = stack.nested("Relay")
    statements = granted(relay, "TaskRole")
    return [*programs, Deployed("relay", "infra/relay.yaml", container(relay)["keys"], statements)]


def container(relay: Stack) -> dict[str, Any]:
    (made,) = relay.properties("TaskDefinition")["ContainerDefinitions"]
    return made | {"keys": {it["Name"]: it["Value"] for it in made["Environment"]}}


def granted(stack: Stack, role: str) -> list[dict[str, Any]]:
    policies = stack.properties(role)["Policies"]
    return [it for policy in policies for it in listed(policy["PolicyDocument"]["Statement"])]


def listed(it: Any) -> list[Any]:
    return it if isinstance(it, list) else [it]


def pairs(statements: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """What is granted, action by action; an index can only be asked, so that no other right on one is any."""
    for statement in statements:
        if statement["Effect"] != "Allow" or statement.keys() - {"Sid", "Effect", "Action", "Resource"}:
            raise AssertionError(f"a statement that test_template.py cannot judge: {statement}")
    every = {
        (action, resource)
        for it in statements
        for action in listed(it["Action"])
        for resource in listed(it["Resource"])
    }
    return {(action, on) for action, on in every if "/index/" not in on or action == "dynamodb:Query"}


ARN = "arn:<AWS::Partition>:{service}:<AWS::Region>:<AWS::AccountId>:"
NAMES = "<AWS::Region>.<AWS::URLSuffix>"
API = re.compile(rf"\w+://(<\w+>)\.execute-api\.{NAMES}/(\w+)")


def resources(need: Need, where: str, adapter: str) -> set[str]:
    """The ARNs of what an adapter finds by its key: of one thing, or of all that a list names."""
    if need.on in ("tool", "secrets"):
        return {arn for arn in where.split(",") if arn}
    return {resource(need, where, adapter)}


def resource(need: Need, where: str, adapter: str = "") -> str:
    """The ARN of the one thing that an adapter finds by its key."""
    if need.on in ("table", "index", "objects", "bucket"):
        arn = re.sub(r">$", ".Arn>", where)
        below = {"index": lambda: f"/index/{constant('INDEX')}", "objects": lambda: f"/{folder(adapter)}/*"}
        return arn + below.get(need.on, str)()
    api, stage = found(API.fullmatch(where), f"API in {where}").groups()
    path = "$connect" if need.on == "connect" else f"{need.on}/@connections/*"
    return f"{ARN.format(service='execute-api')}{api}/{stage}/{path}"


@dataclass(frozen=True)
class Unseen:
    """A right that no call of an SDK shows. `because` stands in `file` as long as it is needed."""

    binary: str
    action: str
    resources: Callable[[Stack], set[str]]
    file: str
    because: str


def bucket(stack: Stack) -> set[str]:
    return {resource(Need("", "bucket"), stack.nested("Data").output("RecordingsBucket"))}


def package(stack: Stack) -> set[str]:
    """AWS does not say under which ARN the right to a version is looked up. An image of one's own fetches nothing."""
    return set() if stack.parameters["RelayImageUri"] else {"<RelayPackage.Arn>", "<RelayPackage.Arn>:*"}


UNSEEN = [
    # Who may not list is told 403, not 404, of an object that is not there.
    Unseen("api", "s3:ListBucket", bucket, "functions/src/adapters/s3.rs", "cause.is_not_found()"),
    Unseen("relay", "s3:ListBucket", bucket, "functions/src/adapters/s3.rs", "cause.is_no_such_key()"),
    # ECS's agent asks in the task's name: a PUT is an UpdateTaskProtection, and only a GET a GetTaskProtection.
    Unseen(
        "relay",
        "ecs:UpdateTaskProtection",
        lambda _: {ARN.format(service="ecs") + "task/<Relay/Cluster>/*"},
        "functions/src/relay/protection.rs",
        "self.client.put(&self.url)",
    ),
    Unseen("relay", "lambda:GetFunction", package, "infra/relay_boot.py", "/functions/{named[2]}?Qualifier={named[3]}"),
]


def constant(name: str) -> str:
    text = code(ROOT / "functions/src/adapters/dynamo/schema.rs")
    return found(re.search(rf"const {name}: &str = \"(\w+)\"", text), f"constant {name}")[1]


def folder(adapter: str) -> str:
    """Where in the bucket every object of an adapter is."""
    file = {"RecordingStore": "s3.rs", "MusicStore": "music_store.rs"}[adapter]
    names = set(re.findall(r"\bformat!\(\"([^\"]*?)/", code(ROOT / "functions/src/adapters" / file)))
    (name,) = found(names, "keys of objects")
    return name


def needed(program: Deployed, stack: Stack) -> set[tuple[str, str]]:
    rights = {
        (need.action, arn)
        for adapter, opened in doors()[program.binary].items()
        for trait in opened
        for need in adapters().needs(adapter, trait)
        for arn in resources(need, program.keys[FINDS[adapter]], adapter)
    }
    if "Environment::read(" in main(program.binary):
        fetch = adapters().needs("Secrets", None)
        rights |= {(need.action, arn) for need in fetch for arn in program.secrets().values()}
    unseen = [it for it in UNSEEN if it.binary == program.binary]
    return rights | {(it.action, arn) for it in unseen for arn in it.resources(stack)}


class Case(unittest.TestCase):
    maxDiff = None

    def none(self, wrong: list[str]) -> None:
        """Fails with a line for each thing that is wrong."""
        if wrong:
            self.fail("\n  - " + "\n  - ".join(sorted(set(wrong))))


# ── Tests ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Rights(Case):
    def test_a_program_may_do_what_its_doors_do_and_nothing_else(self) -> None:
        wrong = []
        for stack in stacks():
            if stack.parameters["EmulatorUrl"]:
                continue
            for program in deployed(stack):
                given, needs = pairs(program.statements), needed(program, stack)
                who = f"{program.where} ({program.binary})"
                wrong += [f"{who}: grant {action} on {on}: a door of its does that" for action, on in needs - given]
                wrong += [f"{who}: remove {action} on {on}: no door of its does that" for action, on in given - needs]
        self.none(wrong)

    def test_ecs_may_pull_and_log_for_a_task_and_nothing_else(self) -> None:
        for stack in stacks():
            relay = stack.nested("Relay")
            layers = "arn:<AWS::Partition>:ecr:*:*:repository/*"
            allowed = {(f"logs:{it}", "<Relay/LogGroup.Arn>") for it in ("CreateLogStream", "PutLogEvents")}
            if stack.parameters["RelayImageUri"]:
                pulls = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
                allowed |= {(f"ecr:{it}", layers) for it in pulls} | {("ecr:GetAuthorizationToken", "*")}
            self.assertEqual(pairs(granted(relay, "ExecutionRole")), allowed, "ExecutionRole in infra/relay.yaml")

    def test_there_is_no_other_role_and_no_managed_policy(self) -> None:
        roles = set()
        for stack in (nested for whole in stacks() for nested in whole.stacks()):
            for name in stack:
                if stack.type(name).startswith("AWS::IAM::"):
                    roles.add(f"{stack.within}{name}")
                    self.assertNotIn("ManagedPolicyArns", stack.properties(name), f"{name} in {stack.file.name}")
        self.assertEqual(roles, {"Relay/ExecutionRole", "Relay/TaskRole"}, "add a test of the new role's rights")

    def test_what_no_call_shows_is_still_asked_for(self) -> None:
        for unseen in UNSEEN:
            there = unseen.because in (ROOT / unseen.file).read_text()
            self.assertTrue(there, f"{unseen.file} has no `{unseen.because}`: is {unseen.action} still needed?")

    def test_only_adapters_and_the_composition_root_know_an_sdk(self) -> None:
        knowing = [it.relative_to(ROOT) for it in sources("functions/src") if "aws_sdk_" in code(it)]
        strangers = [it for it in found(knowing, "SDKs") if it.parts[2].removesuffix(".rs") not in ("adapters", "app")]
        self.none([f"{it}: move the call into an adapter, where its right is seen" for it in strangers])

    def test_who_stands_in_the_network_needs_only_what_it_has_endpoints_for(self) -> None:
        network = plain().nested("Network")
        services = {it["ServiceName"].rsplit(".", 1)[1] for it in network.of_type("AWS::EC2::VPCEndpoint").values()}
        wrong = []
        for program in deployed(plain()):
            asked = {action.split(":")[0] for action, _ in needed(program, plain())}
            if program.in_the_network:
                wrong += [f"{program.binary} cannot reach {it} from the network" for it in asked - services]
            elif program.binary != "relay" and "FramePosts" in doors()[program.binary]:
                wrong.append(f"{program.binary} posts to relays' private ports: give it a VpcConfig")
        self.none(wrong)


class Environment(Case):
    def reads(self, program: Deployed) -> set[str]:
        return reads(program.binary) | (boot_reads() if program.binary == "relay" else set())

    def test_every_key_that_is_read_is_set_or_left_to_its_default(self) -> None:
        wrong = []
        for stack in stacks():
            for program in deployed(stack):
                there = program.keys.keys() | {key.removesuffix("_SECRET_ARN") for key in program.keys} | LEFT.keys()
                if stack.parameters["RelayImageUri"]:
                    there |= boot_reads() - {"AWS_REGION"}  # which an SDK needs as well
                missing = self.reads(program) - there
                wrong += [f"{program.where}: set {key}, or say in LEFT why its default will do" for key in missing]
        self.none(wrong)

    def test_no_key_is_set_that_nobody_reads(self) -> None:
        wrong = []
        programs = deployed(plain())
        globally = set(load(TEMPLATE)["Globals"]["Function"]["Environment"]["Variables"])
        functions = [it for it in programs if it.binary != "relay"]
        unread = globally - {key for it in functions for key in self.reads(it)}
        wrong += [f"Globals in template.yaml: no function reads {key}: remove it" for key in unread]
        for program in programs:
            own = program.keys.keys() - (globally if program in functions else set())
            fetched = {f"{key}_SECRET_ARN" for key in self.reads(program) & secrets()}
            if "Environment::read(" not in main(program.binary):
                fetched = set()
            wrong += [f"{program.where}: nobody reads {key}: remove it" for key in own - self.reads(program) - fetched]
        self.none(wrong)

    def test_what_is_left_to_its_default_has_one_and_is_read(self) -> None:
        programs = deployed(plain())
        everything = {key for it in programs for key in self.reads(it)}
        keys = {key for it in programs for key in it.keys}
        wrong = [f"{key} is in LEFT and has no default: set it" for key in LEFT.keys() & required()]
        wrong += [f"{key} is in LEFT and read by nobody: take it out" for key in LEFT.keys() - everything]
        wrong += [f"{key} is in LEFT and set: take it out" for key in LEFT.keys() & keys]
        self.none(wrong)


@dataclass(frozen=True)
class Route:
    api: str
    stage: str
    key: str
    function: str
    authorization: str

    def source(self) -> str:
        """The ARN by which API Gateway invokes for it."""
        method, _, path = self.key.partition(" ")
        last = f"{method}{path}" if path else self.key
        return f"{ARN.format(service='execute-api')}{self.api}/{self.stage}/{last}"


class Wiring(Case):
    def setUp(self) -> None:
        self.stack = plain().nested("Routes")
        self.types = {f"<{it}>": of["ProtocolType"] for it, of in plain().of_type("AWS::ApiGatewayV2::Api").items()}
        self.functions = {f"<{it}.Arn>": binary(plain(), it) for it in plain().of_type(FUNCTION)}
        self.stages = {it["ApiId"]: name for name, it in self.stack.of_type("AWS::ApiGatewayV2::Stage").items()}
        self.routes = [self.route(name) for name in self.stack.of_type("AWS::ApiGatewayV2::Route")]
        self.assertEqual(self.stages.keys(), self.types.keys(), "each API has one stage, in infra/routes.yaml")
        found(self.routes, "routes")

    def integration(self, route: str) -> dict[str, Any]:
        properties = self.stack.properties(route)
        integrations = self.stack.of_type("AWS::ApiGatewayV2::Integration")
        name = properties["Target"].removeprefix("integrations/<Routes/").removesuffix(">")
        self.assertIn(name, integrations, f"{route}: its Target is no integration")
        self.assertEqual(integrations[name]["ApiId"], properties["ApiId"], f"{route} and {name} are of different APIs")
        return integrations[name]

    def route(self, name: str) -> Route:
        properties = self.stack.properties(name)
        uri = self.integration(name)["IntegrationUri"]
        uri = re.sub(r"^arn:.*:path/2015-03-31/functions/(.*)/invocations$", r"\1", uri)
        self.assertIn(uri, self.functions, f"{name} leads to no function")
        stage = self.stack.properties(self.stages[properties["ApiId"]])["StageName"]
        authorization = properties.get("AuthorizationType", "NONE")
        return Route(properties["ApiId"], stage, properties["RouteKey"], self.functions[uri], authorization)

    def permissions(self) -> list[tuple[str, str]]:
        found_ones = []
        for name, it in self.stack.of_type("AWS::Lambda::Permission").items():
            fixed = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
            self.assertEqual({key: it.get(key) for key in fixed}, fixed, name)
            self.assertIn(it["FunctionName"], self.functions, f"{name} is for no function")
            found_ones.append((self.functions[it["FunctionName"]], it["SourceArn"]))
        return found_ones

    def test_api_gateway_may_invoke_what_its_routes_lead_to_and_nothing_else(self) -> None:
        permissions = self.permissions()
        covering = {
            route: {it for it in permissions if it[0] == route.function and fnmatchcase(route.source(), it[1])}
            for route in self.routes
        }
        wrong = [f"permit {it.source()} to invoke {it.function}" for it, those in covering.items() if not those]
        unused = set(permissions).difference(*covering.values())
        wrong += [f"remove the permission of {source} to invoke {function}: no route" for function, source in unused]
        self.none(wrong)

    def test_routes_are_those_of_the_cloud_on_a_laptop(self) -> None:
        laptop = (ROOT / "local/src/cloud/stack.rs").read_text()

        def table(name: str, row: str) -> list[tuple[str, ...]]:
            rows = found(re.search(rf"const {name}: [^=]*=\s*\[(.*?)];", laptop, re.S), name)[1]
            return found(re.findall(row, rows), name)

        (webhooks,) = found(re.findall(r"Route \{ method, path, function: \"(.*?)\" }", laptop), "webhooks' function")
        (default,) = found(re.findall(r"\bdefault: \"(.*?)\"", laptop), "default function")
        http = {f"{method} {path}": webhooks for method, path in table("WEBHOOKS", r"Method::(\w+), \"(.*?)\"")}
        expected = {
            ("HTTP", "$default"): http | {"$default": default},
            ("WEBSOCKET", "call"): dict(table("CALL_ROUTES", r"\(\"(.*?)\", \"(.*?)\"\)")),
            ("WEBSOCKET", "control"): dict(table("CONTROL_ROUTES", r"\(\"(.*?)\", \"(.*?)\"\)")),
            ("WEBSOCKET", "logs"): dict(table("LOGS_ROUTES", r"\(\"(.*?)\", \"(.*?)\"\)")),
        }
        here: dict[tuple[str, str], dict[str, str]] = {}
        for it in self.routes:
            here.setdefault((self.types[it.api], it.stage), {})[it.key] = it.function
        self.assertEqual(here, expected, "routes of infra/routes.yaml, and of local/src/cloud/stack.rs")

    def test_relays_log_in_and_twilio_cannot(self) -> None:
        wrong = []
        for it in self.routes:
            right = "AWS_IAM" if (it.api, it.key) == ("<ControlApi>", "$connect") else "NONE"
            if it.authorization != right:
                wrong.append(f"{it.api} {it.key}: AuthorizationType must be {right}, not {it.authorization}")
        self.none(wrong)

    def test_handlers_get_the_events_that_they_read(self) -> None:
        for name, it in self.stack.of_type("AWS::ApiGatewayV2::Route").items():
            shape = {"IntegrationType": "AWS_PROXY"}
            if self.types[it["ApiId"]] == "HTTP":
                shape["PayloadFormatVersion"] = "2.0"
            integration = self.integration(name)
            self.assertEqual({key: integration.get(key) for key in shape}, shape, f"the integration of {name}")

    def test_a_stage_comes_after_its_routes_and_deploys_them(self) -> None:
        wrong = []
        for api, stage in self.stages.items():
            routes = {it for it, of in self.stack.of_type("AWS::ApiGatewayV2::Route").items() if of["ApiId"] == api}
            missing = sorted(routes - self.stack.depends(stage))
            if missing:
                wrong.append(f"{stage} in infra/routes.yaml: DependsOn lacks {', '.join(missing)}")
            if self.stack.properties(stage).get("AutoDeploy") is not True:
                wrong.append(f"{stage} in infra/routes.yaml: AutoDeploy must be true: there is no other deployment")
        self.none(wrong)

    def test_who_uses_a_stage_comes_after_it(self) -> None:
        for name in ("Relay", "Domain"):
            self.assertIn("Routes", plain().depends(name), f"{name} in template.yaml needs `DependsOn: Routes`")

    def test_every_function_is_a_binary_and_the_reverse(self) -> None:
        binaries = {it.stem for it in (ROOT / "functions/src/bin").glob("*.rs")}
        self.assertEqual(set(self.functions.values()), binaries, "functions in template.yaml, and functions/src/bin")

    def test_every_route_has_an_event_of_its_function(self) -> None:
        events = set()
        for path in found(sorted((ROOT / "infra/events").glob("*/*.json")), "events"):
            event = json.loads(path.read_text())
            if "requestContext" in event:
                context = event["requestContext"]
                events.add((path.parent.name, context["stage"], event.get("routeKey", context["routeKey"])))
        routes = {(it.function, it.stage, it.key) for it in self.routes}
        wrong = [f"infra/events/{of}: add an event of route {key} in stage {at}" for of, at, key in routes - events]
        wrong += [f"infra/events/{of}: there is no route {key} in stage {at}" for of, at, key in events - routes]
        self.none(wrong)


class Nesting(Case):
    def test_every_way_of_deploying_works_out(self) -> None:
        """Parameters are given and declared, outputs exist, and nothing is used without its condition."""
        wrong = []
        for stack in stacks():
            try:
                stack.work_out()
            except Fault as fault:
                wrong.append(str(fault))
        self.none(wrong)

    def test_no_way_breaks_a_rule_and_each_rule_can_be_broken(self) -> None:
        for stack in stacks():
            self.none(stack.broken_rules())
        breaches: list[dict[str, Any]] = [
            {"MediaPath": "direct", "HostedZoneId": "Z0"},
            {"DomainName": "voice.example.com"},
            {"TwilioApiKey": "SK" + 32 * "0"},
            {"TwilioApiSecret": "s"},
            {"ConsoleDomainName": "console.example.com"},
            {"OidcIssuer": "https://login.example.com"},
            {"ConsoleCertificateArn": CONSOLE["ConsoleCertificateArn"]},
            {"RelayCpu": 256, "RelayMemory": 4096},
            {"RelayCpu": 512, "RelayMemory": 512},
            {"RelayCpu": 1024, "RelayMemory": 1024},
            {"RelayCpu": 2048, "RelayMemory": 2048},
            {"RelayCpu": 4096, "RelayMemory": 4096},
        ]
        for breach in breaches:
            self.assertTrue(Stack(TEMPLATE, GIVEN | breach).broken_rules(), f"no rule forbids {breach}")

    def test_these_ways_see_every_condition_met_and_not_met(self) -> None:
        seen: dict[tuple[str, str], set[bool]] = {}
        for stack in (nested for whole in stacks() for nested in whole.stacks()):
            for name in stack.template.get("Conditions", {}):
                seen.setdefault((stack.file.name, name), set()).add(stack.condition(name))
        once = {names: values for names, values in found(seen, "conditions").items() if len(values) == 1}
        self.none([f"{file}: {name} is always {values}: add a way to WAYS" for (file, name), values in once.items()])

    def test_every_template_is_nested(self) -> None:
        used = {stack.file for whole in stacks() for stack in whole.stacks()} - {TEMPLATE}
        self.assertEqual(used, set((ROOT / "infra").glob("*.yaml")), "templates in infra/ that no stack uses")


class Copies(Case):
    """What stands in two places is the same in both."""

    def each(self) -> Iterator[tuple[Stack, dict[str, str], dict[str, str]]]:
        for stack in stacks():
            programs = {it.binary: it for it in deployed(stack)}
            yield stack, programs["twiml"].keys, programs["relay"].keys

    def test_the_boot_script_is_in_the_task_word_for_word(self) -> None:
        command = container(plain().nested("Relay"))["Command"]
        self.assertEqual(command[:2], ["python3", "-c"])
        script = (ROOT / "infra/relay_boot.py").read_text()
        self.assertEqual(command[2], script, "copy infra/relay_boot.py into Command in infra/relay.yaml")

    def test_functions_and_relays_agree_where_things_are(self) -> None:
        for stack, functions, relay in self.each():
            for key in ("PUBLIC_WSS_URL", "STACK_NAME", "TABLE_NAME", "LOG_LEVEL", "ALLOWED_ADDRESSES"):
                self.assertEqual(functions[key], relay[key], f"{key} of Globals and of infra/relay.yaml")
            bucket = {it.keys.get("RECORDINGS_BUCKET") for it in deployed(stack)} - {None}
            self.assertEqual(len(bucket), 1, f"RECORDINGS_BUCKET is {bucket}")
            self.assertEqual(stack.nested("Relay").parameters["TableArn"], stack.nested("Data").output("TableArn"))

    def test_the_public_names_are_where_something_answers(self) -> None:
        routes = {it["RouteKey"] for it in plain().nested("Routes").of_type("AWS::ApiGatewayV2::Route").values()}
        for stack, functions, _ in self.each():
            web, streams = functions["PUBLIC_URL"], functions["PUBLIC_WSS_URL"]
            answering = {f"https://<HttpApi>.execute-api.{NAMES}"}
            taking = {f"wss://<CallApi>.execute-api.{NAMES}/call"}
            if stack.has("Domain"):
                domain = stack.nested("Domain")
                answering, taking = {domain.output("PublicUrl")}, {domain.output("PublicWssUrl")}
                for mapping in domain.of_type("AWS::ApiGatewayV2::ApiMapping").values():
                    name = domain.properties(re.sub(r"<Domain/(\w+)>", r"\1", mapping["DomainName"]))["DomainName"]
                    path = "".join(f"/{it}" for it in [mapping.get("ApiMappingKey")] if it)
                    scheme = "https" if mapping["ApiId"] == "<HttpApi>" else "wss"
                    showing = {domain.output("LogsUrl")}
                    url = f"{scheme}://{name}{path}"
                    self.assertIn(url, answering | taking | showing, f"{url} is mapped in infra/domain.yaml")
                    if mapping["ApiId"] == "<LogsApi>":
                        self.assertEqual(url, stack.output("Logs"), "Logs of template.yaml")
            if stack.has("Balancer"):
                balancer = stack.nested("Balancer")
                (name,) = balancer.of_type("AWS::Route53::RecordSet").values()
                (rule,) = balancer.of_type("AWS::ElasticLoadBalancingV2::ListenerRule").values()
                paths = rule["Conditions"][0]["PathPatternConfig"]["Values"]
                taking = {f"wss://{name['Name']}{path}" for path in paths}
            self.assertIn(web, answering, "PUBLIC_URL")
            self.assertIn(streams, taking, "PUBLIC_WSS_URL")
            for output, route in (("VoiceWebhook", "POST /twiml"), ("CallStatusCallback", "POST /call/status")):
                self.assertEqual(stack.output(output), web + route.removeprefix("POST "), f"{output} of template.yaml")
                self.assertIn(route, routes)

    def test_addresses_of_apis_name_their_own_stages(self) -> None:
        here = {api: self.stage(api) for api in ("<HttpApi>", "<CallApi>", "<ControlApi>", "<LogsApi>")}
        for stack, functions, relay in self.each():
            urls = [functions["CONTROL_CONNECTIONS_URL"], relay["CONTROL_WSS_URL"], relay["CALL_CONNECTIONS_URL"]]
            urls += [it.keys["LOGS_CONNECTIONS_URL"] for it in deployed(stack) if "LOGS_CONNECTIONS_URL" in it.keys]
            apis = ("<ControlApi>", "<ControlApi>", "<CallApi>", "<LogsApi>", "<LogsApi>")
            for url, api in zip(urls, apis, strict=True):
                emulator = stack.parameters["EmulatorUrl"].split("//")[-1]
                host = f"{emulator}/_aws/execute-api/{api}" if emulator else f"{api}.execute-api.{NAMES}"
                self.assertEqual(url.split("://")[1], f"{host}/{here[api]}", "an address of a stage")
            if stack.has("Domain"):
                for mapping in stack.nested("Domain").of_type("AWS::ApiGatewayV2::ApiMapping").values():
                    self.assertEqual(mapping["Stage"], here[mapping["ApiId"]], "a mapping in infra/domain.yaml")
        control = re.search(r"Some\(\"(\w+)\"\) \{ Stage::Control }", code(ROOT / "functions/src/handlers/ws_event.rs"))
        self.assertEqual(found(control, "name of the control stage")[1], here["<ControlApi>"])

    def stage(self, api: str) -> str:
        stages = plain().nested("Routes").of_type("AWS::ApiGatewayV2::Stage").values()
        (name,) = {it["StageName"] for it in stages if it["ApiId"] == api}
        return name

    def test_ports_are_the_relays_own(self) -> None:
        config = code(ROOT / "shared/src/config/relay.rs")
        ports = {key: int(port) for key, port in re.findall(r"listener\(&mut reader, \"(\w+)\", (\d+)\)", config)}
        private, public = ports["RELAY_LISTEN"], ports["RELAY_PUBLIC_LISTEN"]
        network = plain().nested("Network")
        groups = {f"<Network/{name}.GroupId>": it for name, it in network.of_type("AWS::EC2::SecurityGroup").items()}

        def let(rules: list[dict[str, Any]], other: str) -> dict[str, set[int]]:
            ports: dict[str, set[int]] = {}
            for rule in rules:
                self.assertEqual(rule["FromPort"], rule["ToPort"], "a rule in infra/network.yaml is for one port")
                ports.setdefault(rule[other], set()).add(rule["FromPort"])
            return ports

        frames, balancer = "<Network/FramesSecurityGroup.GroupId>", "<Network/BalancerSecurityGroup.GroupId>"
        peers = "<Network/PeerSecurityGroup.GroupId>"
        relays = let(groups["<Network/RelaySecurityGroup.GroupId>"]["SecurityGroupIngress"], "SourceSecurityGroupId")
        self.assertEqual(relays, {frames: {private}, peers: {private}, balancer: {public}}, "RelaySecurityGroup's ingress")
        for group, port in ((frames, private), (peers, private), (balancer, public)):
            inside = let(groups[group]["SecurityGroupEgress"], "CidrIp")[network.properties("Vpc")["CidrBlock"]]
            self.assertEqual(inside, {port}, f"the egress of {group} to relays")
        for stack in stacks():
            relay = stack.nested("Relay")
            task = container(relay)
            self.assertEqual({it["ContainerPort"] for it in task["PortMappings"]}, {private, public}, "PortMappings")
            if "HealthCheck" in task:
                self.assertIn(f'("127.0.0.1", {private})', task["HealthCheck"]["Command"][-1], "HealthCheck")
            if stack.has("Balancer"):
                (target,) = stack.nested("Balancer").of_type("AWS::ElasticLoadBalancingV2::TargetGroup").values()
                self.assertEqual(int(target["Port"]), public, "the target group in infra/balancer.yaml")
                (load_balancer,) = relay.properties("Service")["LoadBalancers"]
                self.assertEqual(load_balancer["ContainerPort"], public, "LoadBalancers in infra/relay.yaml")

    def test_a_relay_has_time_to_drain(self) -> None:
        config = code(ROOT / "shared/src/config/relay.rs")
        drain = re.search(r"const DRAIN: Duration = Duration::from_secs\((\d+)\)", config)
        stop = container(plain().nested("Relay"))["StopTimeout"]
        self.assertLess(int(found(drain, "RELAY_DRAIN")[1]), stop, "RELAY_DRAIN must fit into StopTimeout")

    def test_the_table_is_the_one_that_the_store_makes_on_a_laptop(self) -> None:
        schema = code(ROOT / "functions/src/adapters/dynamo/schema.rs")
        index, table = found(re.search(r"fn create_table(.*?)let mut request(.*?)\n}", schema, re.S), "table").groups()
        keys = r"key\(\"(\w+)\", KeyType::(\w+)\)"
        names = re.findall(r"\"(\w+)\"", found(re.search(r"for name in \[(.*?)]", table), "attributes")[1])
        here = plain().nested("Data").properties("Table")
        (gsi,) = here["GlobalSecondaryIndexes"]

        def schema_of(it: dict[str, Any]) -> list[tuple[str, str]]:
            return [(key["AttributeName"], key["KeyType"].capitalize()) for key in it["KeySchema"]]

        self.assertEqual(schema_of(here), found(re.findall(keys, table), "keys"), "keys of the table")
        self.assertEqual(schema_of(gsi), found(re.findall(keys, index), "keys"), "keys of the index")
        self.assertEqual(gsi["IndexName"], constant("INDEX"), "name of the index")
        projection = found(re.search(r"ProjectionType::(\w+)", index), "projection")[1]
        self.assertEqual(gsi["Projection"]["ProjectionType"], projection.upper(), "projection of the index")
        attributes = {it["AttributeName"]: it["AttributeType"] for it in here["AttributeDefinitions"]}
        self.assertEqual(attributes, dict.fromkeys(names, "S"), "attributes of the keys")
        expiry = {"AttributeName": constant("EXPIRES"), "Enabled": True}
        self.assertEqual(here["TimeToLiveSpecification"], expiry, "expiry")

    def test_each_retention_that_an_agent_may_name_has_its_rule(self) -> None:
        named = re.search(r"RETENTION_DAYS: \[u32; \d+] = \[([^\]]+)]", code(ROOT / "shared/src/agent/recording.rs"))
        tag = re.search(r'RETENTION_TAG: &str = "([^"]+)"', code(ROOT / "functions/src/adapters/s3.rs"))
        days = {int(it) for it in found(named, "RETENTION_DAYS")[1].split(",")}
        bucket = plain().nested("Data").properties("Recordings")
        rules = [it for it in bucket["LifecycleConfiguration"]["Rules"] if "TagFilters" in it]
        expected = [([{"Key": found(tag, "RETENTION_TAG")[1], "Value": str(it)}], it) for it in sorted(days)]
        said = [(it["TagFilters"], it["ExpirationInDays"]) for it in rules if it["Status"] == "Enabled"]
        self.assertEqual(said, expected, "the rules in infra/data.yaml")


def strings(it: Any) -> Iterator[str]:
    match it:
        case str():
            yield it
        case dict():
            yield from strings([*it.keys(), *it.values()])
        case list():
            for part in it:
                yield from strings(part)


class Secrets(Case):
    def test_what_the_code_keeps_secret_is_a_parameter_that_nobody_sees(self) -> None:
        names = {key.title().replace("_", "") for key in secrets()}
        wrong = []
        for stack in plain().stacks():
            for name, parameter in stack.template.get("Parameters", {}).items():
                if name in names and parameter.get("NoEcho") is not True:
                    wrong.append(f"{stack.file.name}: {name} is a secret: NoEcho must be true")
                if parameter.get("NoEcho") and parameter.get("Default", ""):
                    wrong.append(f"{stack.file.name}: {name} is a secret and has a value: take its Default away")
        self.none(wrong)

    def test_a_secret_goes_from_parameter_to_parameter_into_secrets_manager_and_nowhere_else(self) -> None:
        """Given words that can be told apart, these are found where secrets are kept, and nowhere else."""
        words = {name: f"word-of-{name}-{20 * 'f'}" for name in self.hidden()} | {"TwilioAuthToken": 32 * "f"}
        stack = Stack(TEMPLATE, GIVEN | {"TwilioApiKey": "SK" + 32 * "0"} | words)
        wrong, kept = [], set()
        for part in stack.stacks():
            for name, value in part.parameters.items():
                if not part.template["Parameters"][name].get("NoEcho"):
                    wrong += [f"{part.file.name}: {name} is given {it}: NoEcho" for it in self.told(value, words)]
            for name in part:
                passing = {"AWS::SecretsManager::Secret": "SecretString", NESTED: "Parameters"}.get(part.type(name))
                said = {key: value for key, value in part.properties(name).items() if key != passing}
                wrong += [f"{part.file.name}: {name} tells {it}" for it in self.told(said, words)]
                if passing == "SecretString":
                    kept |= self.told(part.properties(name).get(passing), words)
            for name in part.template.get("Outputs", {}):
                wrong += [f"{part.file.name}: output {name} tells {it}" for it in self.told(part.output(name), words)]
        wrong += [f"{name} is in no secret" for name in words.keys() - kept]
        self.none(wrong)

    def hidden(self) -> set[str]:
        return {name for name, it in load(TEMPLATE)["Parameters"].items() if it.get("NoEcho")}

    def told(self, it: Any, words: dict[str, str]) -> set[str]:
        return {name for name, word in words.items() for text in strings(it) if word in text}

    def test_a_secret_is_handed_over_by_arn(self) -> None:
        wrong = []
        for stack in stacks():
            kept = {f"<Secrets/{it}>" for it in stack.nested("Secrets").of_type("AWS::SecretsManager::Secret")}
            for program in deployed(stack):
                where = program.where
                wrong += [f"{where}: set {key}_SECRET_ARN, not {key}" for key in program.keys.keys() & secrets()]
                wrong += [f"{where}: {arn} is no secret" for arn in set(program.secrets().values()) - kept]
        self.none(wrong)

    def test_a_secret_has_the_name_of_its_key(self) -> None:
        """A token in the place of another opens nothing, and says so only when somebody calls."""
        wrong = []
        for stack in stacks():
            for program in deployed(stack):
                for key, arn in program.secrets().items():
                    if arn != f"<Secrets/{key.title().replace('_', '')}Secret>":
                        wrong.append(f"{program.where}: {key}_SECRET_ARN is {arn}")
        self.none(wrong)

    def test_nothing_in_a_template_looks_like_a_key(self) -> None:
        keys = re.compile(r"\bsk-\w{8,}|\b(AC|SK)[0-9a-f]{32}\b|\b[0-9a-f]{32,}\b|\bAKIA\w{12,}|PRIVATE KEY")
        files = [TEMPLATE, *(ROOT / "infra").glob("*.yaml"), ROOT / "samconfig.toml"]
        lines = [(file.name, *it) for file in files for it in enumerate(file.read_text().split("\n"), 1)]
        self.none([f"{name}:{number} looks like a key: remove it" for name, number, line in lines if keys.search(line)])


@cache
def metrics() -> dict[str, bool]:
    """What relays report, and whether it has kinds."""
    text = code(ROOT / "functions/src/relay/metrics.rs")
    types = dict(re.findall(r"^    (?:pub )?(\w+): ((?:Gauge|Counter|Counts|Histogram|Family)\b)", text, re.M))
    registered = found(re.findall(r"\bto\.register\(\s*\"(\w+)\",.*?self\.(\w+)\.clone\(\)", text, re.S), "metrics")
    report = code(ROOT / "functions/src/relay/report.rs")
    suffixes = found(re.findall(r"\(\"(p\d+)\", 0\.\d+\)", report), "percentiles")
    told = {"faults": True}
    for name, field in registered:
        if types[field] == "Histogram":
            told |= {f"{name}_{suffix}": False for suffix in suffixes}
        else:
            told[name] = types[field] in ("Counts", "Family")
    found('name: "faults"' in code(ROOT / "functions/src/app/telemetry.rs"), "faults")
    return told


@cache
def codes() -> set[str]:
    """Of warnings and errors. Where the code is a variable, any word of the file may be it that no mere news has."""
    words = set()
    for file in sources("functions/src"):
        text = code(file)
        news, faults, named = set(), set(), True
        for macro in re.finditer(r"\btracing::(\w+)!\(", bones := skeleton(text)):
            begin, end = block(bones, macro.start(), "()")
            literal = re.findall(r"\bcode = \"(\w+)\"", text[begin:end])
            if macro[1] not in ("warn", "error"):
                news.update(literal)
            elif literal or not re.search(r"(^|[\s,])code\s*(=|,|$)", text[begin:end]):
                faults.update(literal)
            else:
                named = False
        words |= faults if named else faults | set(re.findall(r"\"([a-z_]+)\"", text)) - news
    return found(words, "codes")


@dataclass(frozen=True)
class Used:
    """A metric of ours in an alarm, a graph or a scaling policy."""

    where: str
    name: str
    dimensions: tuple[str, ...]
    kind: str | None


class Watching(Case):
    def alarms(self, stack: Stack) -> dict[str, dict[str, Any]]:
        return stack.nested("Alarms").of_type("AWS::CloudWatch::Alarm")

    def used(self) -> set[Used]:
        used = set()
        for stack in stacks():
            for name, alarm in self.alarms(stack).items():
                metrics = [it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it]
                used |= {self.metric(f"alarms.yaml, {name}", it) for it in metrics or [alarm] if ours(it)}
            if stack.has("Scaling"):
                scaling = stack.nested("Scaling")
                for name, policy in scaling.of_type("AWS::ApplicationAutoScaling::ScalingPolicy").items():
                    it = policy["TargetTrackingScalingPolicyConfiguration"].get("CustomizedMetricSpecification", {})
                    used |= {self.metric(f"scaling.yaml, {name}", it)} if ours(it) else set()
        for widget in self.dashboard()["widgets"]:
            for metric in widget["properties"].get("metrics", []):
                used |= self.drawn(f"dashboard.yaml, {widget['properties']['title']}", metric)
        return found(used, "metrics in use")

    def metric(self, where: str, it: dict[str, Any]) -> Used:
        dimensions = {of["Name"]: of["Value"] for of in it.get("Dimensions", [])}
        self.assertEqual(dimensions.get("Stack"), "<AWS::StackName>", f"{where}: the dimension Stack")
        return Used(where, it["MetricName"], tuple(dimensions), dimensions.get("Kind"))

    def drawn(self, where: str, metric: list[Any]) -> set[Used]:
        expression = metric[0].get("expression", "") if isinstance(metric[0], dict) else ""
        search = re.search(r"SEARCH\('\{voicebridge,([\w,]+)} Stack=\"(.*?)\" MetricName=\"(\w+)\"'", expression)
        if "voicebridge" in expression and not search:
            self.fail(f"{where}: a search that test_template.py cannot read: {expression}")
        if search:
            self.assertEqual(search[2], "<AWS::StackName>", f"{where}: the dimension Stack")
            return {Used(where, search[3], tuple(search[1].split(",")), None)}
        if metric[0] != "voicebridge":
            return set()
        words = [it for it in metric[2:] if isinstance(it, str)]
        pairs = [{"Name": name, "Value": value} for name, value in zip(words[::2], words[1::2], strict=True)]
        return {self.metric(where, {"MetricName": metric[1], "Dimensions": pairs})}

    def dashboard(self) -> dict[str, Any]:
        return json.loads(plain().nested("Dashboard").properties("Dashboard")["DashboardBody"])

    def test_every_metric_is_reported_by_somebody(self) -> None:
        wrong = []
        for it in self.used():
            if it.name not in metrics():
                wrong.append(f"{it.where}: nobody reports {it.name}")
            elif set(it.dimensions) == {"Stack", "Kind"} and not metrics()[it.name]:
                wrong.append(f"{it.where}: {it.name} has no kinds: its only dimension is Stack")
            elif not set(it.dimensions) <= {"Stack", "Kind"}:
                wrong.append(f"{it.where}: {it.name} has the dimensions Stack and Kind, not {it.dimensions}")
        self.none(wrong)

    def test_every_kind_is_a_word_of_the_code(self) -> None:
        everything = "".join(map(code, [*sources("functions/src/relay"), *sources("shared/src")]))
        wrong = []
        for it in self.used():
            if it.name == "faults" and it.kind and it.kind not in codes():
                wrong.append(f"{it.where}: no warning or error in functions/src has the code {it.kind}")
            elif it.kind and it.name != "faults" and f'"{it.kind}"' not in everything:
                wrong.append(f"{it.where}: {it.name} has no kind {it.kind}")
        self.none(wrong)

    def test_every_alarm_has_an_entry_in_the_runbook_and_the_reverse(self) -> None:
        runbook = (ROOT / "docs/OPERATIONS.md").read_text()
        section = found(re.search(r"^## Alarms$(.*?)(?=^## |\Z)", runbook, re.M | re.S), "runbook")[1]
        entries = {it.lower().replace(" ", "-") for it in re.findall(r"^### (.+)$", section, re.M)}
        alarms = {name: it for stack in stacks() for name, it in self.alarms(stack).items()}
        wrong, told = [], set()
        for name, alarm in found(alarms, "alarms").items():
            anchor = re.search(r" docs/OPERATIONS\.md#([\w-]+)$", alarm["AlarmDescription"])
            if anchor is None:
                wrong.append(f"{name} in alarms.yaml: its AlarmDescription must end with docs/OPERATIONS.md#entry")
                continue
            told.add(anchor[1])
            if alarm["AlarmName"] != f"<AWS::StackName>-{anchor[1]}":
                wrong.append(f"{name} in alarms.yaml: its AlarmName must be ${{Stack}}-{anchor[1]}")
        wrong += [f"docs/OPERATIONS.md: an entry `### {it}` is missing below `## Alarms`" for it in told - entries]
        wrong += [f"docs/OPERATIONS.md: no alarm leads to `### {it}`" for it in entries - told]
        self.none(wrong)

    def test_the_dashboard_shows_the_alarms_that_are_there_on_both_paths(self) -> None:
        (widget,) = [it for it in self.dashboard()["widgets"] if it["type"] == "alarm"]
        shown = {arn.split(":alarm:")[1] for arn in widget["properties"]["alarms"]}
        whole = [self.alarms(stack) for stack in stacks() if stack.parameters["MetricMath"] == "true"]
        always = set.intersection(*({it["AlarmName"] for it in alarms.values()} for alarms in whole))
        wrong = [f"{it} is not on every path: take it off the dashboard" for it in shown - always]
        wrong += [f"{it} is always there: show it on the dashboard" for it in always - shown]
        self.none(wrong)

    def test_alarms_on_the_index_name_the_index(self) -> None:
        text = "".join((ROOT / "infra" / name).read_text() for name in ("alarms.yaml", "dashboard.yaml"))
        names = found(re.findall(r"GlobalSecondaryIndexName(?:\", \"|, Value: )([\w$]+)", text), "index in alarms")
        self.assertEqual(set(names), {constant("INDEX")}, "GlobalSecondaryIndexName in alarms.yaml and dashboard.yaml")


def ours(metric: dict[str, Any]) -> bool:
    return metric.get("Namespace") == "voicebridge"


class Settings(Case):
    """samconfig.toml"""

    def environments(self) -> dict[str, dict[str, str]]:
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())
        given = {}
        for name, of in config.items():
            if isinstance(of, dict):
                overrides = of.get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
                pairs = overrides.split() if isinstance(overrides, str) else overrides
                given[name] = dict(it.split("=", 1) for it in pairs)
        return found(given, "environments in samconfig.toml")

    def test_an_environment_gives_what_the_template_takes(self) -> None:
        parameters = load(TEMPLATE)["Parameters"]
        wrong = []
        for environment, given in self.environments().items():
            for name, value in given.items():
                where = f"samconfig.toml, {environment}: {name}"
                if name not in parameters:
                    wrong.append(f"{where} is no parameter of template.yaml")
                elif parameters[name].get("NoEcho"):
                    wrong.append(f"{where} is a secret, and this file is for everybody to read")
                elif why := refusal(parameters[name], value):
                    wrong.append(f"{where}={value} {why}")
        self.none(wrong)

    def test_an_environment_breaks_no_rule(self) -> None:
        for environment, given in self.environments().items():
            stack = Stack(TEMPLATE, GIVEN | given)
            self.none([f"samconfig.toml, {environment}: {it}" for it in stack.broken_rules()])
            few, many = int(stack.parameters["RelayCount"]), int(stack.parameters["RelayMaxCount"])
            self.assertLessEqual(few, many, f"samconfig.toml, {environment}: RelayCount is above RelayMaxCount")

    def test_an_environment_is_a_stack_of_its_own(self) -> None:
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())
        names = [config[it]["global"]["parameters"]["stack_name"] for it in self.environments()]
        self.assertEqual(len(names), len(set(names)), f"samconfig.toml: two environments are one stack: {names}")
        for environment in self.environments():
            granted = config[environment]["deploy"]["parameters"]["capabilities"].split()
            self.assertIn("CAPABILITY_AUTO_EXPAND", granted, f"samconfig.toml, {environment}: for the nested stacks")


if __name__ == "__main__":
    unittest.main()
