"""A minimal operator as one writes it with kopf. See benches/src/subjects.rs for its environment."""

import datetime
import os

import aiohttp
import kopf

CLOUD = os.environ["BENCH_CLOUD"]
# kopf has no client for Secrets of its own, so the token comes with the process.
HEADERS = {"X-Auth-Token": os.environ["BENCH_TOKEN"]}


@kopf.on.startup()
async def configure(settings: kopf.OperatorSettings, memo: kopf.Memo, **_):
    settings.persistence.finalizer = "imageshare.dev/share"
    memo.http = aiohttp.ClientSession(headers=HEADERS)


@kopf.on.cleanup()
async def close(memo: kopf.Memo, **_):
    await memo.http.close()


def url(spec):
    organization, repository = spec["organization"], spec["repository"]
    return f"{CLOUD}/v2/manage/namespaces/{organization}/repositories/{repository}/access-domains"


@kopf.on.create("imageshare.dev", "v1alpha1", "imageshares")
@kopf.on.update("imageshare.dev", "v1alpha1", "imageshares", field="spec")
async def share(spec, meta, patch, memo: kopf.Memo, **_):
    terms = {"access_domain": spec["account"], "permit": "read", "deadline": spec["deadline"]}
    async with memo.http.post(url(spec), json=terms) as answer:
        if answer.status != 409:
            answer.raise_for_status()
    since = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    generation = meta["generation"]
    patch.status["observedGeneration"] = generation
    patch.status["conditions"] = [
        {
            "type": kind,
            "status": status,
            "reason": "Shared",
            "message": "SWR holds the share as the spec declares it",
            "observedGeneration": generation,
            "lastTransitionTime": since,
        }
        for kind, status in (("Ready", "True"), ("Error", "False"))
    ]
    fields = ("region", "organization", "repository", "account", "permission", "deadline")
    patch.status["share"] = {field: spec[field] for field in fields} | {"valid": True}


@kopf.on.delete("imageshare.dev", "v1alpha1", "imageshares")
async def revoke(spec, memo: kopf.Memo, **_):
    async with memo.http.delete(f"{url(spec)}/{spec['account']}") as answer:
        if answer.status != 400:
            answer.raise_for_status()
