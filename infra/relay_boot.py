"""Fetches the relay from RELAY_PACKAGE, a version of a Lambda function; checks it; becomes it."""
import os
import signal

# As PID 1 a process has no default action for SIGTERM, so this comes before the slow imports.
signal.signal(signal.SIGTERM, lambda *_: os._exit(143))

import base64, hashlib, hmac, http.client, io, json, random, re, sys, tempfile, time, zipfile
from concurrent.futures import ThreadPoolExecutor
from urllib import error, parse, request

TRIES, SECONDS, MOST_BYTES = 8, 300, 250 << 20


class Refused(Exception):
    """Another try would end the same."""


class Again(Exception):
    """Another try may do."""


env = os.environ.get
web = request.build_opener(request.ProxyHandler({}))
request.HTTPRedirectHandler.redirect_request = lambda *_: None  # it would carry the signature elsewhere


def log(level: str, message: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"timestamp": now, "level": level, "message": message, "target": "relay_boot"}
    print(json.dumps(line), file=sys.stderr, flush=True)


def get(what: str, url: str, headers: dict[str, str], most: int = 1 << 20) -> bytes:
    """Faults never quote the URL or the answer: either may hold a key."""
    try:
        with web.open(request.Request(url, headers=headers), timeout=15) as answer:
            size = answer.length
            body = answer.read(most + 1)
    except error.HTTPError as e:
        kind = re.match("[A-Za-z]*", e.headers.get("x-amzn-errortype", ""))[0]
        again = e.code == 429 or e.code >= 500 or "Throttl" in kind
        raise (Again if again else Refused)(f"{what}: answered {e.code} {kind}".strip())
    except (OSError, http.client.HTTPException) as e:
        e = getattr(e, "reason", e)
        raise Again(f"{what}: {getattr(e, 'strerror', None) or type(e).__name__}")
    if len(body) > most:
        raise Refused(f"{what}: more than {most} bytes")
    if size not in (None, len(body)):
        raise Again(f"{what}: cut short")
    return body


def credentials() -> tuple[str, str, str | None]:
    if (key := env("AWS_ACCESS_KEY_ID")) and (secret := env("AWS_SECRET_ACCESS_KEY")):
        return key, secret, env("AWS_SESSION_TOKEN")
    path = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = "http://169.254.170.2" + path if path else env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url:
        raise Refused("no credentials: has the task a role?")
    token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    if file := env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        token = open(file).read().strip()
    found = json.loads(get("credentials", url, {"authorization": token} if token else {}))
    return found["AccessKeyId"], found["SecretAccessKey"], found.get("Token")


def signed(url: str, region: str) -> dict[str, str]:
    """Signature Version 4 of a GET whose path and query need no encoding."""
    key, secret, token = credentials()
    to, now = parse.urlsplit(url), time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {"host": to.netloc, "x-amz-date": now} | ({"x-amz-security-token": token} if token else {})
    lines, names = [":".join(header) for header in headers.items()], ";".join(headers)
    what = "\n".join(["GET", to.path, to.query, *lines, "", names, hashlib.sha256().hexdigest()])
    scope = f"{now[:8]}/{region}/lambda/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(what.encode()).hexdigest()}"
    mac = ("AWS4" + secret).encode()
    for part in (*scope.split("/"), text):
        mac = hmac.digest(mac, part.encode(), "sha256")
    by = f"Credential={key}/{scope}, SignedHeaders={names}, Signature={mac.hex()}"
    return headers | {"authorization": "AWS4-HMAC-SHA256 " + by}


def fetch(arn: str) -> bytes:
    named = re.fullmatch(r"arn:[^:]+:lambda:([\w-]+):\d+:function:([\w-]+):(\d+)", arn, re.ASCII)
    if not named:
        raise Refused("RELAY_PACKAGE is not the ARN of a function's version")
    region = env("AWS_REGION") or named[1]
    api = env("AWS_ENDPOINT_URL_LAMBDA") or env("AWS_ENDPOINT_URL") or f"https://lambda.{region}.amazonaws.com"
    url = f"{api.rstrip('/')}/2015-03-31/functions/{named[2]}?Qualifier={named[3]}"
    found = json.loads(get("GetFunction " + arn, url, signed(url, region)))
    package = get("download", found["Code"]["Location"], {}, MOST_BYTES)
    if base64.b64encode(hashlib.sha256(package).digest()).decode() != found["Configuration"]["CodeSha256"]:
        raise Refused("the package has another SHA-256 than " + arn)
    return package


def persist(arn: str) -> bytes:
    for tried in range(TRIES):
        time.sleep(random.uniform(0, min(20, 2**tried / 2)) if tried else 0)  # a deploy starts many at once
        try:
            return fetch(arn)
        except Again as fault:
            log("WARN", f"{fault} (try {tried + 1} of {TRIES})")
    raise Refused("gave up")


def become(package: bytes) -> None:
    try:
        program = zipfile.ZipFile(io.BytesIO(package)).read("bootstrap")
    except (KeyError, zipfile.BadZipFile) as fault:
        raise Refused(f"the package: {fault.args[0]}")
    path = os.path.join(tempfile.mkdtemp(prefix="relay-"), "relay")
    with open(path, "xb") as file:
        file.write(program)
    os.chmod(path, 0o500)
    os.execve(path, ["relay"], os.environ)


try:  # In a thread: looking up a name would keep this one from hearing of a signal.
    become(ThreadPoolExecutor(1).submit(persist, env("RELAY_PACKAGE", "")).result(SECONDS))
except Refused as fault:
    why = str(fault)
except Exception as fault:
    why = getattr(fault, "strerror", None) or type(fault).__name__
log("ERROR", f"the relay does not start: {why}")
os._exit(1)
