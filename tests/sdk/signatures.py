"""Signs random requests with the signer of the official Python SDK, for the operator's signer to be compared with.

Usage: signatures.py <seed> <count> <file>

The file gets a JSON array, one object for each request: what goes in, and the header `Authorization` that comes out.
"""

import json
import random
import sys
from urllib.parse import quote

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

SEED, COUNT, FILE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
dice = random.Random(SEED)

ASCII = "abcXYZ019-_.~"
ODD = "$ +%&=;:@!*'(),/?#[]|^`\"<>\\{}"
UNICODE = "äß演示é😀Ω"
HOSTS = ["swr-api.eu-west-101.myhuaweicloud.eu", "127.0.0.1", "localhost", "swr.example", "[::1]"]
PORTS = [None, None, 443, 80, 8443, 18443]


def text(alphabet, least, most):
    return "".join(dice.choice(alphabet) for _ in range(dice.randint(least, most)))


def segment():
    # A slash inside a segment is never sent: the official signer cannot tell it from one between two.
    return text(ASCII * 4 + ODD.replace("/", "") + UNICODE, 1, 20).strip(".") or "x"


def request():
    scheme = dice.choice(["https", "http"])
    host, port = dice.choice(HOSTS), dice.choice(PORTS)
    is_usual = port is None or (scheme, port) in [("https", 443), ("http", 80)]
    path = "/" + "/".join(quote(segment(), safe=dice.choice(["$", "", "$!*'()"])) for _ in range(dice.randint(1, 9)))
    if dice.random() < 0.1:
        path += "/"
    names = [text(ASCII, 1, 8) for _ in range(dice.choice([0, 0, 0, 1, 2, 5]))]
    query = [(name, text(ASCII + ODD + UNICODE, 0, 12)) for name in names]
    body = "" if dice.random() < 0.4 else text(ASCII + ODD + UNICODE + "\n\t ", 1, 300)
    token = "" if dice.random() < 0.6 else text(ASCII + "+/=", 20, 2000)
    key = (text(ASCII[:8], 1, 24), text(ASCII + ODD.strip(), 1, 60).replace(" ", "x"))
    date = dice.choice(["20260101T000000Z", "20251231T235959Z", "20280229T120000Z"])
    return {
        "method": dice.choice(["GET", "POST", "PATCH", "PUT", "DELETE"]),
        "scheme": scheme,
        # As it stands in the header: with its port, but for the scheme's own.
        "host": host if is_usual else f"{host}:{port}",
        "port": port,
        "path": path,
        "query": query,
        "body": body,
        "token": token,
        "ak": key[0],
        "sk": key[1],
        "date": date,
    }


def url(made):
    port = "" if made["port"] is None or ":" in made["host"].rpartition("]")[2] else f":{made['port']}"
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in made["query"])
    return f"{made['scheme']}://{made['host']}{port}{made['path']}" + (f"?{query}" if query else "")


def signed(made):
    headers = {"X-Sdk-Date": made["date"], "Host": made["host"]}
    if made["token"]:
        headers["X-Security-Token"] = made["token"]
    sdk_request = SdkRequest(
        method=made["method"],
        schema=made["scheme"],
        host=made["host"],
        resource_path=made["path"],
        query_params=made["query"],
        header_params=headers,
        body=made["body"],
    )
    Signer(BasicCredentials(made["ak"], made["sk"])).sign(sdk_request)
    given = {name: made[name] for name in ["method", "body", "token", "ak", "sk", "date"]}
    return {**given, "url": url(made), "authorization": headers["Authorization"]}


with open(FILE, "w", encoding="utf-8") as file:
    json.dump([signed(request()) for _ in range(COUNT)], file)
