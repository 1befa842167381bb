#!/usr/bin/env python3
"""Prints an SBOM of the binary (CycloneDX 1.5, JSON): every crate that is linked into it or builds it, by
cargo's own account, with its checksum from Cargo.lock and its licence. Nothing but Python itself is needed,
and the same commit gives the same bytes."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

TARGETS = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]
ROOT = "imageshare-operator"


def cargo_metadata():
    filters = [part for target in TARGETS for part in ("--filter-platform", target)]
    command = ["cargo", "metadata", "--locked", "--format-version", "1", *filters]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def licences(package):
    text = package["license"]
    # Some write A/B where A OR B is meant.
    return [{"expression": re.sub(r"\s*/\s*", " OR ", text)}] if text else []


def needed(nodes, root):
    """The crates that are reached without dev-dependencies, with those that each needs itself."""
    reached, waiting = {}, [root]
    while waiting:
        one = waiting.pop()
        if one in reached:
            continue
        kinds = lambda dep: {kind["kind"] for kind in dep["dep_kinds"]}
        reached[one] = sorted(dep["pkg"] for dep in nodes[one]["deps"] if kinds(dep) & {None, "build"})
        waiting.extend(reached[one])
    return reached


def main():
    metadata = cargo_metadata()
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next(key for key, package in packages.items() if package["name"] == ROOT)
    lock = tomllib.loads(Path("Cargo.lock").read_text())
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}

    def component(package, kind):
        part = {
            "type": kind,
            "bom-ref": purl(package),
            "name": package["name"],
            "version": package["version"],
            "purl": purl(package),
            "licenses": licences(package),
        }
        checksum = checksums.get((package["name"], package["version"]))
        if checksum:
            part["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        return part

    edges = needed(nodes, root)
    parts = sorted((packages[key] for key in edges if key != root), key=purl)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], "application")},
        "components": [component(package, "library") for package in parts],
        "dependencies": sorted(
            (
                {"ref": purl(packages[key]), "dependsOn": sorted({purl(packages[to]) for to in needs})}
                for key, needs in edges.items()
            ),
            key=lambda edge: edge["ref"],
        ),
    }
    json.dump(bom, sys.stdout, indent=1)
    print()


main()
