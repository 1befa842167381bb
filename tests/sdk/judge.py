"""Judges the simulator with a client that this project did not write: the official Python SDKs for SWR, IAM and STS.

Usage: judge.py <url> <access key id> <secret> <account>/<user> <password>

The simulator must know the repository group/tools/busybox, the account demo and the project eu-west-101. Each check
prints one sentence; the last line counts them, and the exit status is 1 if any failed.
"""

import base64
import contextlib
import json
import logging
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkcore.auth.provider import OidcStsCredentialProvider
from huaweicloudsdkcore.exceptions.exceptions import (
    ClientRequestException,
    ConnectionException,
    ServerResponseException,
    ServiceResponseException,
)
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkiam.v3 import (
    AuthScope,
    AuthScopeProject,
    IamClient,
    KeystoneCreateUserTokenByPasswordRequest,
    KeystoneCreateUserTokenByPasswordRequestBody,
    KeystoneValidateTokenRequest,
    PwdAuth,
    PwdIdentity,
    PwdPassword,
    PwdPasswordUser,
    PwdPasswordUserDomain,
)
from huaweicloudsdksts.v1 import AssumeAgencyWithOIDCReqBody, AssumeAgencyWithOIDCRequest, StsClient
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

URL, ACCESS_KEY, SECRET, USER, PASSWORD = sys.argv[1:6]
# Users of the SDK replace the slashes themselves; it would send them as %2F.
REPOSITORY = {"namespace": "group", "repository": "tools$busybox"}
SHARE = {**REPOSITORY, "access_domain": "demo"}


# A project id and an endpoint instead of a region: otherwise the SDK asks IAM for the project.
PROJECT = "0504186e6a8010e01f3ec009a7279baa"


def client_of(kind, credentials):
    config = HttpConfig.get_default_config()
    config.timeout = 20
    return kind.new_builder().with_http_config(config).with_credentials(credentials).with_endpoint(URL).build()


def client_with(access_key, secret=SECRET, security_token=None):
    credentials = BasicCredentials(access_key, secret, PROJECT)
    if security_token is not None:
        credentials = credentials.with_security_token(security_token)
    return client_of(SwrClient, credentials)


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


def passes(client):
    return shares(client).status_code == 200


def is_refused(client):
    return client_error(lambda: shares(client), 401, "APIGW.0301")


def says(client, text):
    """Whether the refusal of this client's call has this in its text."""
    try:
        shares(client)
    except ServiceResponseException as error:
        return text in error.error_msg or error.error_msg
    return "no error"


# What the SDK and the simulator might encode differently before one signs and the other verifies.
STRANGE_NAMES = ["a b+c%d", "äß演示e\u0301😀", "~-_.!*'()", "&=?#:;,@[]{}|\\^`<>\"", "%2F%24%", "a/b$c", "Z=z&a=b"]


def strange_names_are_signed_alike():
    for name in STRANGE_NAMES:
        shown = swr.show_access_domain(ShowAccessDomainRequest(**{**SHARE, "access_domain": name}))
        listed = swr.list_shared_repos_details(
            ListSharedReposDetailsRequest(center="self", limit="10", offset="0", name=name, filter=f"name::{name}")
        )
        if (shown.exist, listed.status_code) != (False, 200):
            return f"{name}: {shown}, {listed}"
    return True


@contextlib.contextmanager
def later(by):
    """The simulator's clock goes ahead, and back afterwards; the SDK signs by the machine's."""
    side_door("POST", "clock", {"advance": by})
    try:
        yield
    finally:
        side_door("POST", "clock", {"set": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")})


def passes_later(by):
    with later(by):
        return passes(swr)


def is_refused_later(by):
    with later(by):
        return is_refused(swr)


def six_failures_lock_a_key():
    """For five minutes, even with the right secret."""
    side_door("PUT", "access-keys/second", {"secret": "right"})
    wrong, right = client_with("second", "wrong"), client_with("second", "right")
    for _ in range(6):
        if (verdict := says(wrong, "verify aksk signature fail")) is not True:
            return verdict
    if (verdict := says(right, "AK access failed to reach the limit,forbidden")) is not True:
        return verdict
    with later("4m"):
        if (verdict := is_refused(right)) is not True:
            return verdict
    with later("5m1s"):
        return passes(right)


def temporary_key():
    end = (datetime.now(timezone.utc) + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    side_door("PUT", "access-keys/temporary", {"secret": "s", "securityToken": "from+sts/==", "expiresAt": end})
    return client_with("temporary", "s", "from+sts/==")


def a_temporary_key_ends():
    client = temporary_key()
    with later("11m"):
        return is_refused(client)


def http_status(url_path, headers):
    """What the SDK for SWR cannot do: a call with a token."""
    request = urllib.request.Request(f"{URL}/{url_path}", headers=headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


# The SDK signs what needs no signature too; the simulator does not look.
iam = client_of(IamClient, GlobalCredentials(ACCESS_KEY, SECRET, "0" * 32))
sts = client_of(StsClient, BasicCredentials(ACCESS_KEY, SECRET, PROJECT))


def sign_in(password=PASSWORD, project="eu-west-101"):
    account, name = USER.split("/")
    user = PwdPasswordUser(domain=PwdPasswordUserDomain(name=account), name=name, password=password)
    identity = PwdIdentity(methods=["password"], password=PwdPassword(user=user))
    auth = PwdAuth(identity=identity, scope=AuthScope(project=AuthScopeProject(name=project)))
    body = KeystoneCreateUserTokenByPasswordRequestBody(auth=auth)
    return iam.keystone_create_user_token_by_password(
        KeystoneCreateUserTokenByPasswordRequest(nocatalog="true", body=body)
    )


def validated(token):
    return iam.keystone_validate_token(KeystoneValidateTokenRequest(x_subject_token=token))


def a_token_is_taken():
    token = sign_in().x_subject_token
    path = "v2/manage/shared-repositories?center=self"
    return [http_status(path, {"X-Auth-Token": value}) for value in (token, token + "x")] == [200, 401]


def a_token_tells_of_itself():
    answer = sign_in()
    told = validated(answer.x_subject_token).token
    return (told.expires_at, told.project.name, told.user.name) == (
        answer.token.expires_at,
        "eu-west-101",
        USER.split("/")[1],
    )


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, data=None):
    # The SDK's environment has no library that signs with RSA.
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


PROVIDER = "iam::acme:oidc-provider:judge"
AGENCY = "iam::acme:agency:sharing"


class Issuer:
    """An issuer of identity tokens that the simulator trusts from now on."""

    def __init__(self):
        self.key = tempfile.NamedTemporaryFile(suffix=".pem")
        self.key.write(openssl("genrsa", "2048"))
        self.key.flush()
        modulus = openssl("rsa", "-in", self.key.name, "-noout", "-modulus").decode().strip().split("=")[1]
        jwk = {"kty": "RSA", "kid": "1", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}
        provider = {"issuer": "https://judge", "audience": "swr", "jwks": {"keys": [jwk]}, "agencies": [AGENCY]}
        side_door("PUT", f"providers/{PROVIDER}", provider)

    def token(self, audience="swr"):
        now = int(time.time())
        claims = {"iss": "https://judge", "aud": [audience], "sub": "robot", "nbf": now, "exp": now + 600}
        parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims)]
        message = ".".join(parts)
        return f"{message}.{encoded(openssl('dgst', '-sha256', '-sign', self.key.name, data=message.encode()))}"


issuer = Issuer()


def assume(**changes):
    body = {"provider_urn": PROVIDER, "agency_urn": AGENCY, "agency_session_name": "judge", "duration_seconds": 900}
    body = {**body, "id_token": issuer.token(), **changes}
    return sts.assume_agency_with_oidc(AssumeAgencyWithOIDCRequest(body=AssumeAgencyWithOIDCReqBody(**body)))


def an_identity_token_becomes_a_key():
    key = assume().credentials
    return passes(client_with(key.access_key_id, key.secret_access_key, key.security_token))


def the_sdk_gets_its_key_itself():
    """With the identity token alone, as an operator in a cluster."""
    provider = OidcStsCredentialProvider(
        "basic", provider_urn=PROVIDER, agency_urn=AGENCY, id_token=issuer.token(), sts_endpoint=URL
    )
    return passes(client_of(SwrClient, provider.get_credentials().with_project_id(PROJECT)))


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
        "a wrong secret is a 401 that echoes what should have been signed",
        lambda: says(client_with(ACCESS_KEY, "wrong"), "canonicalRequest:GET|/v2/manage/namespaces/group/"),
    ),
    ("strange names in path and query are signed alike", strange_names_are_signed_alike),
    ("a signature is taken ten minutes later", lambda: passes_later("10m")),
    ("and is a 401 after a quarter of an hour", lambda: is_refused_later("16m")),
    ("six failures lock a key for five minutes, even with the right secret", six_failures_lock_a_key),
    ("a temporary key is taken with its security token", lambda: passes(temporary_key())),
    ("and not without", lambda: is_refused(client_with("temporary", "s"))),
    ("nor with another one", lambda: is_refused(client_with("temporary", "s", "another"))),
    ("nor after its end", a_temporary_key_ends),
    ("a password becomes a token that SWR takes", a_token_is_taken),
    ("a token tells of itself", a_token_tells_of_itself),
    ("a token that IAM does not know is a 404", lambda: client_error(lambda: validated("x"), 404, "IAM.0004")),
    ("a wrong password is a 401", lambda: client_error(lambda: sign_in("wrong"), 401, "IAM.0062")),
    ("an unknown project is a 404", lambda: client_error(lambda: sign_in(project="mars"), 404, "IAM.0004")),
    ("an identity token becomes a key that SWR takes", an_identity_token_becomes_a_key),
    ("the SDK gets such a key by itself", the_sdk_gets_its_key_itself),
    (
        "an identity token for somebody else is a 401",
        lambda: client_error(lambda: assume(id_token=issuer.token("other")), 401, "STS.0002"),
    ),
    (
        "an agency that the provider may not lend is a 403",
        lambda: client_error(lambda: assume(agency_urn=AGENCY + "2"), 403, "STS.0003"),
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
