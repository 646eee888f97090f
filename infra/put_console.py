#!/usr/bin/env python3
"""Brings the built console to where a stack serves it from.

    python infra/put_console.py --stack voicebridge-dev           make console STACK=…  (builds it first)

Files whose names change with their content go first, and may be kept for ever; then the page that names them; then
CloudFront is told to forget the page. What only older builds had goes last; the build before this one stays, because a tab
that is open may still ask for a part of it. `.gz` copies stay here: CloudFront compresses.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

DIST = Path(__file__).resolve().parents[1] / "web/dist"
PAGE = "index.html"

FOREVER = "public, max-age=31536000, immutable"
# Kept, and asked about each time.
ASKED = "no-cache"
# As local/src/cloud/console.rs serves them; what is of no kind of these is no file of the console's.
KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
}
# As browsers spell the page's address, and as the function Page rewrites it (infra/console.yaml).
FORGOTTEN = ["/", f"/{PAGE}", "/console", "/console/*"]
# No build takes longer to bring.
AT_ONCE = timedelta(minutes=10)


class Stop(Exception):
    """Nothing more is done, and why."""


@dataclass(frozen=True)
class File:
    key: str
    body: bytes
    kind: str
    caching: str


def built(folder: Path) -> Iterator[File]:
    """The console's files, its page last."""
    if not (folder / PAGE).is_file():
        raise Stop(f"{folder} has no {PAGE}: `make web` builds it")
    for path in [*sorted((folder / "assets").iterdir()), folder / PAGE]:
        kind = KINDS.get(path.suffix.removeprefix("."))
        if kind:
            key = path.relative_to(folder).as_posix()
            yield File(key, path.read_bytes(), kind, ASKED if key == PAGE else FOREVER)


def there(s3: Any, bucket: str) -> dict[str, datetime]:
    """What the bucket has, and since when."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {it["Key"]: it["LastModified"] for page in pages for it in page.get("Contents", [])}


def put(s3: Any, bucket: str, files: list[File]) -> tuple[int, int]:
    """How many were brought, and how many taken away."""
    before = there(s3, bucket)
    # All of them, also those that are there: so each has the date of the last build that it was in.
    for file in files:
        s3.put_object(Bucket=bucket, Key=file.key, Body=file.body, ContentType=file.kind, CacheControl=file.caching)
    named = {file.key for file in files}
    gone = [key for key, at in before.items() if key not in named and at < before.get(PAGE, at) - AT_ONCE]
    for key in gone:
        s3.delete_object(Bucket=bucket, Key=key)
    return len(files), len(gone)


def outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {it["OutputKey"]: it["OutputValue"] for it in found}


def bring(session: Any, stack: str, folder: Path) -> str:
    of = outputs(session.client("cloudformation"), stack)
    if "Console" not in of:
        return f"{stack} serves no console: it was deployed with Console=false"
    brought, gone = put(session.client("s3"), of["ConsoleFiles"], list(built(folder)))
    batch = {"Paths": {"Quantity": len(FORGOTTEN), "Items": FORGOTTEN}, "CallerReference": str(time.time_ns())}
    session.client("cloudfront").create_invalidation(DistributionId=of["ConsoleDistribution"], InvalidationBatch=batch)
    return f"{brought} files brought, {gone} old ones taken away. The console is at {of['Console']}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Brings the built console to where a stack serves it from.")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--region")
    parser.add_argument("--folder", type=Path, default=DIST)
    given = parser.parse_args(arguments)
    try:
        print(bring(boto3.Session(region_name=given.region), given.stack, given.folder))
    except (Stop, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
