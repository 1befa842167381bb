"""Judges the simulator with a client that this project did not write: the official Python SDK for SWR.

Usage: judge.py <url> <access key id> <secret>

The simulator must know the repository group/tools/busybox and the account demo. Each check prints one sentence; the
last line counts them, and the exit status is 1 if any failed.
"""

import json
import logging
import sys
import urllib.request

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import (
    ClientRequestException,
    ConnectionException,
    ServerResponseException,
    ServiceResponseException,
)
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkswr.v2 import (
    CreateRepoDomainsRequest,
    CreateRepoDomainsRequestBody,
    DeleteRepoDomainsRequest,
    ListRepoDomainsRequest,
    ListSharedRepoDetailsRequest,
    ListSharedReposDetailsRequest,
    ShowAccessDomainRequest,
    SwrClient,
    UpdateRepoDomainsRequest,
    UpdateRepoDomainsRequestBody,
)

# The SDK logs what it raises; the verdict says it once.
logging.disable(logging.CRITICAL)

URL, ACCESS_KEY, SECRET = sys.argv[1:4]
# Users of the SDK replace the slashes themselves; it would send them as %2F.
REPOSITORY = {"namespace": "group", "repository": "tools$busybox"}
SHARE = {**REPOSITORY, "access_domain": "demo"}


def client_with(access_key):
    # A project id and an endpoint instead of a region: otherwise the SDK asks IAM for the project.
    credentials = BasicCredentials(access_key, SECRET, "0504186e6a8010e01f3ec009a7279baa")
    config = HttpConfig.get_default_config()
    config.timeout = 20
    return (
        SwrClient.new_builder().with_http_config(config).with_credentials(credentials).with_endpoint(URL).build()
    )


swr = client_with(ACCESS_KEY)


def create(account="demo", **changes):
    body = {"access_domain": account, "permit": "read", "deadline": "2099-12-31T16:00:00.000Z", "description": "made"}
    return swr.create_repo_domains(
        CreateRepoDomainsRequest(**REPOSITORY, body=CreateRepoDomainsRequestBody(**{**body, **changes}))
    )


def update(**terms):
    return swr.update_repo_domains(UpdateRepoDomainsRequest(**SHARE, body=UpdateRepoDomainsRequestBody(**terms)))


def delete():
    return swr.delete_repo_domains(DeleteRepoDomainsRequest(**SHARE))


def show():
    return swr.show_access_domain(ShowAccessDomainRequest(**SHARE))


def shares(client=swr, **place):
    return client.list_repo_domains(ListRepoDomainsRequest(**{**REPOSITORY, **place}))


def side_door(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_sim/{path}", data, method=method)
    # No proxy stands between a test and its simulator.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return answer.read()


def fails_with(call, exception, status, code):
    """Whether the SDK raises this exception with this status and this error code."""
    try:
        answer = call()
    except ServiceResponseException as error:
        got = (type(error), error.status_code, error.error_code)
        return got == (exception, status, code) or f"got {got}"
    return f"no error, but {answer}"


def client_error(call, status, code):
    return fails_with(call, ClientRequestException, status, code)


def with_fault(action, call):
    """The result of `call`, which meets this fault."""
    side_door("POST", "faults", {"do": action})
    try:
        return call()
    finally:
        side_door("DELETE", "faults")


def with_limit(limit, call):
    side_door("POST", "throttle", limit)
    try:
        return call()
    finally:
        side_door("DELETE", "throttle")


def drops_the_connection():
    try:
        return f"no error, but {shares()}"
    except ConnectionException:
        return True


def fields(answer, *names):
    return tuple(getattr(answer, name) for name in names)


def shared_repositories_v2():
    answer = swr.list_shared_repos_details(ListSharedReposDetailsRequest(center="self", limit="10", offset="0"))
    return [(item.namespace, item.name) for item in answer.body], answer.content_range


def shared_repositories_v3():
    answer = swr.list_shared_repo_details(ListSharedRepoDetailsRequest(shared_by="self"))
    return [(item.namespace_name, item.name) for item in answer.repos], answer.next_marker


# In order: each check finds what the one before it left. A check holds when it returns True.
CHECKS = [
    # The SDK leaves the body out when the array is empty.
    ("a repository without shares lists none", lambda: (shares().status_code, shares().body) == (200, None)),
    ("an account that it is not shared with does not exist, with 200", lambda: show().exist is False),
    ("creating a share of a repository with a slash answers 201", lambda: create().status_code == 201),
    (
        "the share shows all it was made with, and the slash",
        lambda: fields(show(), "exist", "repository", "access_domain", "permit", "deadline", "description", "status")
        == (True, "tools/busybox", "demo", "read", "2099-12-31T16:00:00Z", "made", True),
    ),
    (
        "the list holds it",
        lambda: [fields(item, "namespace", "repository", "access_domain", "status") for item in shares().body]
        == [("group", "tools/busybox", "demo", True)],
    ),
    (
        "the v2 list of shared repositories has it, with its Content-Range",
        lambda: shared_repositories_v2() == ([("group", "tools/busybox")], "0-1/1"),
    ),
    (
        "the v3 list of shared repositories has it, without a next marker",
        lambda: shared_repositories_v3() == ([("group", "tools/busybox")], None),
    ),
    ("creating it again is a 409", lambda: client_error(create, 409, "SVCSTG.SWR.4090089")),
    (
        "updating it answers 201",
        lambda: update(permit="read", deadline="forever", description="changed").status_code == 201,
    ),
    ("the update shows", lambda: fields(show(), "deadline", "description") == ("forever", "changed")),
    ("an update without description answers 201", lambda: update(permit="read", deadline="forever").status_code == 201),
    ("and clears it", lambda: show().description == ""),
    (
        "a permit other than read is a 400",
        lambda: client_error(lambda: update(permit="write", deadline="forever"), 400, "SVCSTG.SWR.4001091"),
    ),
    ("deleting it answers 204", lambda: delete().status_code == 204),
    ("and it is gone", lambda: show().exist is False),
    ("deleting it again is a 400", lambda: client_error(delete, 400, "SVCSTG.SWR.4001090")),
    ("an unknown account is a 400", lambda: client_error(lambda: create("stranger"), 400, "SVCSTG.SWR.4001041")),
    (
        "a deadline that is no time is a 400",
        lambda: client_error(lambda: create(deadline="tomorrow"), 400, "SVCSTG.SWR.4000014"),
    ),
    (
        "a description that is too long is a 413",
        lambda: client_error(lambda: create(description="x" * 1001), 413, "SVCSTG.SWR.4131012"),
    ),
    (
        "an unknown organization is a 404",
        lambda: client_error(lambda: shares(namespace="nobody"), 404, "SVCSTG.SWR.4040058"),
    ),
    (
        "an unknown repository is a 404",
        lambda: client_error(lambda: shares(repository="nothing"), 404, "SVCSTG.SWR.4040010"),
    ),
    (
        "a slash instead of $ is the gateway's 404",
        lambda: client_error(lambda: shares(repository="tools/busybox"), 404, "APIGW.0101"),
    ),
    (
        "an unknown access key is a 401",
        lambda: client_error(lambda: shares(client_with("unknown")), 401, "APIGW.0301"),
    ),
    (
        # The SDK repeats such a call by itself, and when it gives up it keeps nothing but the status.
        "the gateway's rate limit is a 429",
        lambda: with_limit({"limit": 0, "window": "1m"}, lambda: client_error(shares, 429, "429")),
    ),
    (
        "SWR's rate limit is a 403",
        lambda: with_limit(
            {"limit": 0, "window": "1m", "status": 403}, lambda: client_error(shares, 403, "SVCSTG.SWR.4031032")
        ),
    ),
    (
        "a 500 is the server's fault",
        lambda: with_fault(
            {"answer": {"status": 500}},
            lambda: fails_with(shares, ServerResponseException, 500, "SVCSTG.SWR.5000000"),
        ),
    ),
    (
        # The SDK knows no array of errors and falls back to the status.
        "an error in the older regions' array is a 409 without its code",
        lambda: with_fault(
            {"answer": {"status": 409, "shape": "array", "code": "SVCSTG.SWR.4090023"}},
            lambda: client_error(create, 409, "409"),
        ),
    ),
    ("a dropped connection is a connection error", lambda: with_fault({"drop": {}}, drops_the_connection)),
]


def main():
    failed = 0
    for sentence, check in CHECKS:
        try:
            verdict = check()
        except Exception as error:  # A judge reports whatever goes wrong and goes on.
            verdict = repr(error)
        failed += verdict is not True
        print(f"ok      {sentence}" if verdict is True else f"FAILED  {sentence}: {verdict}", flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
