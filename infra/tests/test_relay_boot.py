"""The relay's start command, run as the task definition runs it, against a Lambda API and a store on loopback.

Run: python -m unittest discover -s infra/tests -p 'test_relay_boot.py' -v
It wants botocore, which judges the signatures, and openssl, which makes a certificate.
RELAY_BOOT_PYTHON names the interpreter that the command gets; absent, it is the one that runs this.
"""

import base64
import hashlib
import io
import json
import os
import select
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

BOOT = (Path(__file__).parents[1] / "relay_boot.py").read_text()
PYTHON = os.environ.get("RELAY_BOOT_PYTHON", sys.executable)
PATIENCE = 20  # seconds
AT_ONCE = "import time; time.sleep = lambda _: None\n"  # before the text: tries follow each other without a wait

REGION = "eu-west-1"
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:voicebridge-RelayPackage-1A2b_3C:7"
TARGET = "/2015-03-31/functions/voicebridge-RelayPackage-1A2b_3C?Qualifier=7"
KEY, SECRET, SESSION = "AKIDEXAMPLE", "the-secret-key/+x", "the-session-token=="
TOKEN = "the-container-token"
PRESIGNED = "X-Amz-Signature=0123456789abcdef"
STORED = f"/store/relay-{SESSION}.zip?{PRESIGNED}"
NEVER_SAID = (SECRET, SESSION, TOKEN, "X-Amz-Signature", "0123456789abcdef", "Signature=", "/store/")

# Stands in for the relay: says what it is, waits for SIGTERM, says so, ends with a status of its own.
RELAY = f"""#!{sys.executable}
import json, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print(json.dumps({{"pid": os.getpid(), "marker": os.environ.get("MARKER"), "path": os.path.abspath(__file__),
                  "environment": dict(os.environ)}}), flush=True)
signal.sigwait([signal.SIGTERM])
print("asked to go", flush=True)
sys.exit(42)
"""


def package(**files: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return written.getvalue()


def is_signed(method: str, target: str, headers: dict[str, str], session: str | None) -> bool:
    """Whether botocore, given what arrived, comes to the same Authorization."""
    said = headers.get("authorization", "")
    names = said.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    if not {"host", "x-amz-date"} <= set(names) or not set(names) <= set(headers):
        return False
    if headers.get("x-amz-security-token") != session or (session and "x-amz-security-token" not in names):
        return False
    stamp = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    if abs(datetime.now(timezone.utc) - stamp) > timedelta(minutes=5):
        return False
    request = AWSRequest(method, f"http://{headers['host']}{target}", headers={name: headers[name] for name in names})
    request.context["timestamp"] = headers["x-amz-date"]
    judge = SigV4Auth(Credentials(KEY, SECRET, session), "lambda", REGION)
    text = judge.string_to_sign(request, judge.canonical_request(request))
    expected = f"Credential={judge.scope(request)}, SignedHeaders={';'.join(names)}"
    return said == f"AWS4-HMAC-SHA256 {expected}, Signature={judge.signature(text, request)}"


class Cloud:
    """A Lambda API, a store, a source of credentials. `trouble` answers in their place, one request each, in order."""

    def __init__(self, content: bytes, certificate: Path | None = None) -> None:
        self.content = content
        self.hash = base64.b64encode(hashlib.sha256(content).digest()).decode()
        self.session: str | None = SESSION
        self.trouble: dict[str, list[Callable[[BaseHTTPRequestHandler], None]]] = {"api": [], "store": [], "role": []}
        self.targets: list[str] = []
        self.faults: list[str] = []
        self.stalled, self.over = threading.Event(), threading.Event()
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                cloud.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def counted(self, start: str) -> int:
        return sum(target.startswith(start) for target in self.targets)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.targets.append(request.path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        door, answer = self.route(request.path, headers)
        trouble = self.trouble[door]
        (trouble.pop(0) if trouble else answer)(request)

    def route(self, target: str, headers: dict[str, str]) -> tuple[str, Callable[[BaseHTTPRequestHandler], None]]:
        if target.startswith("/store/"):
            if any(name == "authorization" or name.startswith("x-amz") for name in headers):
                self.faults.append("a presigned URL was asked with headers of ours")
            return "store", reply(200, self.content)
        if target == "/role":
            known = headers.get("authorization") == TOKEN
            keys = {"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": SESSION}
            return "role", reply(200, keys) if known else reply(401, {})
        if not is_signed("GET", target, headers, self.session):
            self.faults.append(f"not signed: {target}")
            return "api", refusal(403, "InvalidSignatureException")
        code = {"RepositoryType": "S3", "Location": self.url + STORED}
        found = {"Configuration": {"CodeSha256": self.hash}, "Code": code}
        return "api", reply(200, found)

    def stall(self, request: BaseHTTPRequestHandler) -> None:
        """Half of the package, and then nothing."""
        self.cut(request)
        self.stalled.set()
        self.over.wait(PATIENCE)

    def cut(self, request: BaseHTTPRequestHandler) -> None:
        """Half of the package; the connection ends behind it."""
        request.send_response(200)
        request.send_header("Content-Length", str(len(self.content)))
        request.end_headers()
        request.wfile.write(self.content[: len(self.content) // 2])
        request.wfile.flush()
        request.close_connection = True


def reply(status: int, content: object, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def refusal(status: int, kind: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """As the service does it: for a bad signature it quotes the signed headers, the session token among them."""
    message = f"The canonical string should have been 'x-amz-security-token:{SESSION}' {SECRET} {PRESIGNED}"
    return reply(status, {"Message": message}, x_amzn_ErrorType=f"{kind}:http://internal.example/{SESSION}")


def hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


class Boot(unittest.TestCase):
    boot = BOOT

    def setUp(self) -> None:
        self.cloud = Cloud(package(bootstrap=RELAY, **{"other": "not wanted", "../../escaped": "not wanted"}))
        self.addCleanup(self.cloud.close)
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.folder),
            "MARKER": "passed on",
            "RELAY_PACKAGE": ARN,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_LAMBDA": self.cloud.url,
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": SESSION,
            # Presigned URLs and a role's credentials are no business of a proxy's.
            "http_proxy": "http://127.0.0.1:9",
        }

    def command(self, before: str = "") -> list[str]:
        return [PYTHON, "-c", before + self.boot]

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
        )
        try:
            yield process
        finally:
            # A boot that is wrong may have left a relay behind, which would keep the pipes open.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def ended(self, process: subprocess.Popen[bytes], status: int) -> list[dict[str, str]]:
        """What it wrote to stderr, once it has ended with this status."""
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, status, errors.decode())
        for secret in NEVER_SAID:
            self.assertNotIn(secret, errors.decode())
        lines = [json.loads(line) for line in errors.splitlines()]
        for line in lines:
            self.assertEqual(set(line), {"timestamp", "level", "message", "target"})
            self.assertRegex(line["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(self.cloud.faults, [])
        return lines

    def line(self, process: subprocess.Popen[bytes]) -> bytes:
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        self.assertTrue(ready, "said nothing")
        return process.stdout.readline()

    def runs(self, before: str = "") -> tuple[dict, list[dict[str, str]]]:
        """The boot succeeds, and its relay ends as asked: what the relay said of itself, and what the boot logged."""
        with self.started(*self.command(before)) as process:
            said = self.line(process)
            if not said:
                self.fail(process.stderr.read().decode())
            process.send_signal(signal.SIGTERM)
            self.assertEqual(self.line(process), b"asked to go\n")
            logged = self.ended(process, 42)
        found = json.loads(said)
        self.assertEqual(found["pid"], process.pid)
        return found, logged

    def refuses(self, before: str = "") -> str:
        """The boot gives up without a relay having run: its last message."""
        with self.started(*self.command(before)) as process:
            lines = self.ended(process, 1)
        self.assertEqual(lines[-1]["level"], "ERROR")
        self.logged = lines[:-1]
        return lines[-1]["message"]


class Fetched(Boot):
    def test_the_relay_takes_the_process_its_environment_and_its_signals(self) -> None:
        relay, logged = self.runs()
        self.assertEqual(logged, [])
        self.assertEqual(self.environment.items() - relay["environment"].items(), set())
        self.assertEqual(self.cloud.targets, [TARGET, STORED])

    def test_only_bootstrap_is_unpacked_into_a_directory_of_its_own(self) -> None:
        relay, _ = self.runs()
        program = Path(relay["path"])
        self.assertEqual([path for path in self.folder.rglob("*") if path.is_file()], [program])
        self.assertEqual(program.parent.parent, self.folder)
        self.assertEqual((program.stat().st_mode & 0o777, program.parent.stat().st_mode & 0o777), (0o500, 0o700))
        self.assertEqual(program.read_text(), RELAY)

    def test_asks_what_botocore_asks(self) -> None:
        client = botocore.session.Session().create_client(
            "lambda",
            region_name=REGION,
            endpoint_url=self.cloud.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            aws_session_token=SESSION,
            config=Config(retries={"total_max_attempts": 1}),
        )
        *_, name, version = ARN.split(":")
        found = client.get_function(FunctionName=name, Qualifier=version)
        client.close()
        self.assertEqual(found["Configuration"]["CodeSha256"], self.cloud.hash)
        self.runs()
        self.assertEqual(self.cloud.targets, [TARGET, TARGET, STORED])

    def test_the_judge_of_signatures_is_no_pushover(self) -> None:
        self.environment["AWS_SECRET_ACCESS_KEY"] = "another"
        with self.started(*self.command()) as process:
            _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, self.cloud.faults), (1, [f"not signed: {TARGET}"]))
        self.assertIn(b"answered 403 InvalidSignatureException", errors)
        self.assertNotIn(SESSION.encode(), errors)

    def test_long_lived_keys_have_no_session_token(self) -> None:
        del self.environment["AWS_SESSION_TOKEN"]
        self.cloud.session = None
        self.runs()

    def test_the_common_endpoint_serves_when_lambda_has_none_of_its_own(self) -> None:
        del self.environment["AWS_ENDPOINT_URL_LAMBDA"]
        self.environment["AWS_ENDPOINT_URL"] = self.cloud.url + "/"
        self.runs()

    def test_the_region_is_the_arns_where_none_is_set(self) -> None:
        del self.environment["AWS_REGION"]
        self.runs()


class Roles(Boot):
    def setUp(self) -> None:
        super().setUp()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            del self.environment[name]
        self.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = self.cloud.url + "/role"

    def test_the_container_endpoint_is_asked_with_the_token(self) -> None:
        self.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = TOKEN
        self.runs()
        self.assertEqual(self.cloud.targets[0], "/role")

    def test_the_token_may_be_in_a_file(self) -> None:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(TOKEN + "\n")
            file.flush()
            self.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = file.name
            self.runs()

    def test_the_relative_address_is_that_of_ecs(self) -> None:
        del self.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        self.environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/role"
        self.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = TOKEN
        # Nobody has 169.254.170.2 here: connections to it, and only those, are led to the fake.
        port = self.cloud.server.server_port
        self.runs(f"""
import socket
connect = socket.create_connection
socket.create_connection = lambda to, *more, **most: connect(
    ("127.0.0.1", {port}) if to == ("169.254.170.2", 80) else to, *more, **most)
""")
        self.assertEqual(self.cloud.targets[0], "/role")

    def test_a_busy_endpoint_is_asked_again(self) -> None:
        self.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = TOKEN
        self.cloud.trouble["role"] = [reply(500, {}), hang_up]
        _, logged = self.runs(AT_ONCE)
        self.assertEqual(len(logged), 2)
        self.assertEqual(logged[0]["message"], "credentials: answered 500 (try 1 of 8)")

    def test_a_wrong_token_is_refused_at_once(self) -> None:
        self.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = TOKEN + "x"
        self.assertIn("credentials: answered 401", self.refuses())
        self.assertEqual(self.cloud.targets, ["/role"])

    def test_a_broken_token_is_not_quoted(self) -> None:
        self.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = TOKEN + "\nx"
        self.assertIn("ValueError", self.refuses())

    def test_an_answer_without_end_is_not_read(self) -> None:
        self.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = TOKEN
        self.cloud.trouble["role"] = [reply(200, b" " * (2 << 20))]
        self.assertIn("credentials: more than", self.refuses())

    def test_nothing_to_sign_with(self) -> None:
        del self.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        self.assertIn("no credentials", self.refuses())


class Troubled(Boot):
    def test_a_busy_service_is_asked_again(self) -> None:
        self.cloud.trouble["api"] = [refusal(503, "ServiceUnavailableException")]
        _, logged = self.runs()
        message = f"GetFunction {ARN}: answered 503 ServiceUnavailableException (try 1 of 8)"
        self.assertEqual([(line["level"], line["message"]) for line in logged], [("WARN", message)])
        self.assertEqual(self.cloud.targets, [TARGET, TARGET, STORED])

    def test_throttling_has_two_faces(self) -> None:
        throttled = refusal(429, "TooManyRequestsException"), refusal(400, "ThrottlingException")
        self.cloud.trouble["api"] = [*throttled, hang_up]
        _, logged = self.runs(AT_ONCE)
        self.assertEqual([line["level"] for line in logged], ["WARN"] * 3)
        self.assertEqual(self.cloud.counted("/2015"), 4)

    def test_a_download_that_breaks_is_begun_anew(self) -> None:
        self.cloud.trouble["store"] = [self.cloud.cut, reply(503, b"SlowDown")]
        _, logged = self.runs(AT_ONCE)
        messages = ["download: cut short (try 1 of 8)", "download: answered 503 (try 2 of 8)"]
        self.assertEqual([line["message"] for line in logged], messages)
        self.assertEqual((self.cloud.counted("/2015"), self.cloud.counted("/store")), (3, 3))

    def test_what_does_not_pass_ends(self) -> None:
        self.cloud.trouble["api"] = [refusal(503, "ServiceException")] * 20
        self.assertIn("gave up", self.refuses(AT_ONCE))
        self.assertEqual((len(self.logged), len(self.cloud.targets)), (8, 8))

    def test_nobody_listens(self) -> None:
        self.environment["AWS_ENDPOINT_URL_LAMBDA"] = "http://127.0.0.1:9"
        self.assertIn("gave up", self.refuses(AT_ONCE))
        self.assertIn("Connection refused", self.logged[0]["message"])

    def test_one_refusal_is_enough(self) -> None:
        for status, kind in ((403, "AccessDeniedException"), (404, "ResourceNotFoundException")):
            self.cloud.targets.clear()
            self.cloud.trouble["api"] = [refusal(status, kind)]
            self.assertEqual(
                self.refuses(), f"the relay does not start: GetFunction {ARN}: answered {status} {kind}"
            )
            self.assertEqual(self.cloud.targets, [TARGET])

    def test_what_takes_too_long_ends(self) -> None:
        limit = "SECONDS, MOST_BYTES = 8, 300,"
        self.assertIn(limit, BOOT)
        self.boot = BOOT.replace(limit, limit.replace("300", "1"))
        self.cloud.trouble["store"] = [self.cloud.stall]
        self.assertIn("TimeoutError", self.refuses())

    def test_a_store_that_refuses(self) -> None:
        self.cloud.trouble["store"] = [reply(403, PRESIGNED.encode())]
        self.assertIn("download: answered 403", self.refuses())

    def test_a_redirect_is_not_followed(self) -> None:
        self.cloud.trouble["api"] = [reply(307, b"", Location=self.cloud.url + "/elsewhere")]
        self.assertIn("answered 307", self.refuses())
        self.assertEqual(self.cloud.targets, [TARGET])

    def test_a_location_that_is_no_url_is_not_quoted(self) -> None:
        for location in (f"no-scheme?{PRESIGNED}", f"http://127.0.0.1:9/a b?{PRESIGNED}"):
            found = {"Configuration": {"CodeSha256": self.cloud.hash}, "Code": {"Location": location}}
            self.cloud.trouble["api"] = [reply(200, found)] * 8
            self.refuses(AT_ONCE)

    def test_an_answer_that_is_none(self) -> None:
        for body in (b"<html>", b"{}", b"[]"):
            self.cloud.trouble["api"] = [reply(200, body)]
            self.assertRegex(self.refuses(), "JSONDecodeError|KeyError|TypeError")

    def test_what_is_not_a_version(self) -> None:
        for name in ("", "relay", ARN.rpartition(":")[0], ARN.rpartition(":")[0] + ":live", ARN + "/../x"):
            self.environment["RELAY_PACKAGE"] = name
            self.assertIn("not the ARN of a function's version", self.refuses())
        self.assertEqual(self.cloud.targets, [])


class Encrypted(Boot):
    """The package is as good as the hash, and the hash as good as the certificate of who told it."""

    def setUp(self) -> None:
        super().setUp()
        certificate = self.folder / "certificate.pem"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        make += ["-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
        make += ["-keyout", str(certificate), "-out", str(self.folder / "public.pem")]
        subprocess.run(make, check=True, capture_output=True)
        with certificate.open("a") as file:
            file.write((self.folder / "public.pem").read_text())
        self.cloud = Cloud(self.cloud.content, certificate)
        self.addCleanup(self.cloud.close)
        self.environment["AWS_ENDPOINT_URL_LAMBDA"] = self.cloud.url

    def test_a_certificate_that_is_trusted(self) -> None:
        self.environment["SSL_CERT_FILE"] = str(self.folder / "public.pem")
        self.runs()

    def test_a_certificate_that_is_not(self) -> None:
        self.assertIn("gave up", self.refuses(AT_ONCE))
        self.assertIn("certificate verify failed", self.logged[0]["message"])
        self.assertEqual(self.cloud.targets, [])


class Untrusted(Boot):
    def unpacked(self) -> list[Path]:
        return list(self.folder.iterdir())

    def serve(self, content: bytes) -> None:
        self.cloud.content = content
        self.cloud.hash = base64.b64encode(hashlib.sha256(content).digest()).decode()

    def test_another_package_than_the_versions(self) -> None:
        self.cloud.content = package(bootstrap=RELAY + "# and something else")
        self.assertIn("another SHA-256", self.refuses())
        self.assertEqual((self.unpacked(), self.cloud.counted("/store")), ([], 1))

    def test_a_package_without_bootstrap(self) -> None:
        self.serve(package(**{"sub/bootstrap": RELAY}))
        self.assertIn("no item named 'bootstrap'", self.refuses())
        self.assertEqual(self.unpacked(), [])

    def test_no_zip_at_all(self) -> None:
        self.serve(b"something else")
        self.assertIn("not a zip", self.refuses())

    def test_a_package_without_end(self) -> None:
        boundless = reply(200, b"", Transfer_Encoding="chunked")
        self.cloud.trouble["store"] = [lambda request: (boundless(request), self.pour(request))]
        self.assertIn("download: more than", self.refuses())

    def pour(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        with suppress(OSError):
            for _ in range(300):
                request.wfile.write(chunk)

    def test_a_program_that_this_machine_cannot_run(self) -> None:
        self.serve(package(bootstrap="\x7fELF and nothing"))
        self.assertIn("Exec format error", self.refuses())

    def test_nowhere_to_unpack(self) -> None:
        before = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/nowhere']\n"
        self.assertIn("No usable temporary directory", self.refuses(before))


class Stopped(Boot):
    def test_during_a_download(self) -> None:
        self.cloud.trouble["store"] = [self.cloud.stall]
        with self.started(*self.command()) as process:
            self.assertTrue(self.cloud.stalled.wait(PATIENCE))
            self.stopped_at_once(process, process.pid)

    def test_while_a_name_is_looked_up(self) -> None:
        # A lookup is C code that no signal interrupts; here a lock taken twice.
        before = """
import ctypes, socket
def lookup(*_, **__):
    libc, lock = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(lock)
    print("looking", flush=True)
    libc.pthread_mutex_lock(lock)
socket.getaddrinfo = lookup
"""
        with self.started(*self.command(before)) as process:
            self.assertEqual(self.line(process), b"looking\n")
            self.stopped_at_once(process, process.pid)

    def test_as_process_one(self) -> None:
        """There a SIGTERM that nobody handles does nothing."""
        alone = ["unshare", "--pid", "--fork", "--kill-child", "--"]
        if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
            self.skipTest("no PID namespace to be had")
        self.cloud.trouble["store"] = [self.cloud.stall]
        with self.started(*alone, *self.command()) as process:
            self.assertTrue(self.cloud.stalled.wait(PATIENCE))
            first = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
            self.stopped_at_once(process, first)

    def stopped_at_once(self, process: subprocess.Popen[bytes], pid: int) -> None:
        asked = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(self.ended(process, 143), [])
        self.assertLess(time.monotonic() - asked, 5)
        self.assertEqual(list(self.folder.iterdir()), [])


class Embedded(unittest.TestCase):
    """The text travels in a template and in a task definition."""

    def test_nothing_in_it_is_read_as_something_else(self) -> None:
        self.assertTrue(BOOT.isascii())
        for special in ("${", "{{", "\t", "\r", "$("):
            self.assertNotIn(special, BOOT)
        self.assertFalse([line for line in BOOT.splitlines() if line != line.rstrip()])

    def test_it_is_small(self) -> None:
        self.assertLess(len(BOOT), 6 << 10)


if __name__ == "__main__":
    unittest.main()
