"""Checks manifests on stdin against the Kubernetes API as its Python client knows it, made from the
API's own OpenAPI: unknown keys, missing ones and wrong types are faults. Prints them; 1 if any.

Kinds of other makers (monitoring.coreos.com) are named and passed over.
"""

import re
import sys
from typing import Any

import yaml
from kubernetes import client

SCALARS = {"str": (str,), "int": (int,), "bool": (bool,), "float": (int, float)}
API = {"v1": "V1", "apps/v1": "V1", "networking.k8s.io/v1": "V1", "policy/v1": "V1"}
API["autoscaling/v2"] = "V2"


def faults(value: Any, kind: str, where: str) -> list[str]:
    """What is wrong with `value`, which must be a `kind`."""
    if kind == "object" or value is None:
        return []
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            return [f"{where}: wanted a list, got {value!r}"]
        return [f for i, one in enumerate(value) for f in faults(one, match[1], f"{where}[{i}]")]
    if match := re.fullmatch(r"dict[(\[]str, (.*)[)\]]", kind):
        if not isinstance(value, dict):
            return [f"{where}: wanted a map, got {value!r}"]
        return [f for key, one in value.items() for f in faults(one, match[1], f"{where}.{key}")]
    if kind in SCALARS:
        right = isinstance(value, SCALARS[kind]) and (kind == "bool" or not isinstance(value, bool))
        return [] if right else [f"{where}: wanted {kind}, got {value!r}"]
    if kind == "datetime":
        return []
    model = getattr(client, kind)
    if not isinstance(value, dict):
        return [f"{where}: wanted {kind}, got {value!r}"]
    names = {outer: inner for inner, outer in model.attribute_map.items()}
    found = [f"{where}.{key}: {kind} has no such field" for key in value if key not in names]
    for key in value.keys() & names.keys():
        found += faults(value[key], model.openapi_types[names[key]], f"{where}.{key}")
    try:
        model(**{names[key]: one for key, one in value.items() if key in names})
    except ValueError as error:
        found.append(f"{where}: {error}")
    return found


def main() -> int:
    """Check every document of stdin."""
    found: list[str] = []
    for document in filter(None, yaml.safe_load_all(sys.stdin)):
        name = f"{document['kind']} {document['metadata']['name']}"
        if document["apiVersion"] not in API:
            print(f"passed over: {name} ({document['apiVersion']})")
            continue
        found += faults(document, API[document["apiVersion"]] + document["kind"], name)
        print(f"checked: {name}")
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
