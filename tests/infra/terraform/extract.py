"""Rebuild the provider's schema from the npm package that was generated from it.

`@cdktf/provider-azurerm` 14.23.1 (Mozilla Public License 2.0) was generated from azurerm 4.55.0; its sources
say of each attribute its name, its type, whether it is a block, and whether it is required. Which optional
attributes Azure fills in by itself they do not say: each counts as one that may be. The excerpt for what our
configurations use lies beside this file. Rebuild it, after `npm pack` and unpacking, by:
`python -m tests.infra.terraform.extract package/lib`
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.terraform.world import Json

SCHEMA = Path(__file__).with_name("azurerm-4.55.0.schema.json")
RESOURCES = (
    "availability-set",
    "lb",
    "lb-backend-address-pool",
    "lb-probe",
    "lb-rule",
    "linux-virtual-machine",
    "nat-gateway",
    "nat-gateway-public-ip-association",
    "network-interface",
    "network-interface-backend-address-pool-association",
    "network-security-group",
    "orchestrated-virtual-machine-scale-set",
    "public-ip",
    "resource-group",
    "role-assignment",
    "role-definition",
    "storage-account",
    "storage-blob",
    "storage-container",
    "subnet",
    "subnet-nat-gateway-association",
    "subnet-network-security-group-association",
    "user-assigned-identity",
    "virtual-machine-run-command",
    "virtual-network",
)
DATA_SOURCES = ("data-azurerm-client-config",)

_SIMPLE = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
_ATTRIBUTE = re.compile(
    r"(\w+): \{\s+value: .*?,\n\s+isBlock: (true|false),\s+"
    r'type: "(\w+)",\s+storageClassType: "(\w+)",\s+\}',
    re.S,
)
_INTERFACE = re.compile(r"^export interface (\w+)[^{]*\{(.*?)^\}", re.S | re.M)
_PROPERTY = re.compile(r"readonly (\w+)(\??): (.*)$", re.M)
_STRUCT = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.S | re.M)
_CLASS = re.compile(r"^class (\w+) extends cdktf\.(\w+) \{(.*?)^\}", re.S | re.M)
_COMPUTED = re.compile(
    r"// (\w+) - computed: true, optional: false, required: false\s+"
    r"(?:get \w+\(\) \{\s+return (.*?);|this\._\w+ = new \w+\()",
    re.S,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One module of the package: properties by interface, attributes by struct, classes' bodies."""

    properties: Mapping[str, Mapping[str, tuple[bool, str]]]
    attributes: Mapping[str, Sequence[tuple[str, ...]]]
    classes: Mapping[str, tuple[str, str]]


def _source(module: Path) -> tuple[Source, str]:
    scripts = [
        module / "index.js",
        *sorted(module.glob("*structs*.js")),
        *sorted(module.glob("*structs*/*.js")),
    ]
    script = "".join(path.read_text() for path in scripts if path.exists())
    types = "".join(path.with_suffix(".d.ts").read_text() for path in scripts if path.exists())
    properties = {
        found[1]: {name.lower(): (not optional, kind) for name, optional, kind in _PROPERTY.findall(found[2])}
        for found in _INTERFACE.finditer(types)
    }
    attributes = {
        found[1][0].upper() + found[1][1:]: _ATTRIBUTE.findall(found[2]) for found in _STRUCT.finditer(script)
    }
    classes = {found[1]: (found[2], found[3]) for found in _CLASS.finditer(script)}
    return Source(properties=properties, attributes=attributes, classes=classes), script


def module(path: Path) -> tuple[str, str, Json]:
    """What a module describes: its kind, the type's name, the schema of its outermost block."""
    source, script = _source(path)
    kinds = ("TerraformResource", "TerraformDataSource", "TerraformProvider")
    name, (kind, body) = next(item for item in source.classes.items() if item[1][0] in kinds)
    outermost = _ATTRIBUTE.findall(body[body.index("synthesizeHclAttributes") :])
    described = re.search(r'tfResourceType = "(\w+)"', script)
    if described is None:
        raise ValueError(f"{path}: names no type")
    schema = _block(source, attributes=outermost, properties=source.properties[f"{name}Config"], body=body)
    return kind, described[1].removeprefix("data_"), schema


def _block(
    source: Source,
    *,
    attributes: Sequence[tuple[str, ...]],
    properties: Mapping[str, tuple[bool, str]],
    body: str,
) -> Json:
    block: Json = {"attributes": {}, "block_types": {}}
    for name, is_block, kind, storage in attributes:
        required, written = properties.get(name.replace("_", ""), (False, ""))
        if is_block == "true":
            many = "[]" in written
            block["block_types"][name] = _nested(
                source, kind=kind, storage=storage, required=required, many=many
            )
        else:
            block["attributes"][name] = {
                "type": _type(kind, storage),
                **({"required": True} if required else {"optional": True, "computed": True}),
            }
    for name, getter in _COMPUTED.findall(body):
        if name not in block["attributes"] and name not in block["block_types"]:
            block["attributes"][name] = {"type": _computed_type(getter), "computed": True}
    return block


def _nested(source: Source, *, kind: str, storage: str, required: bool, many: bool) -> Json:
    name = storage if kind == "struct" else storage.removesuffix("List")
    inner = _block(
        source,
        attributes=source.attributes[name],
        properties=source.properties[name],
        body=source.classes.get(f"{name}OutputReference", ("", ""))[1],
    )
    if kind == "struct":
        return {"nesting_mode": "single", "block": inner}
    sizes = {**({"min_items": 1} if required else {}), **({} if many else {"max_items": 1})}
    return {"nesting_mode": kind, "block": inner, **sizes}


def _type(kind: str, storage: str) -> Any:
    if storage in _SIMPLE:
        return _SIMPLE[storage]
    found = re.fullmatch(r"(string|number|boolean|any)(List|Map|ListList|MapList)", storage)
    if found is None:
        raise ValueError(f"no type is known for {storage!r}")
    base = _SIMPLE[found[1]]
    match found[2]:
        case "ListList":
            return ["list", ["list", base]]
        case "MapList":
            return ["list", ["map", base]]
        case _:
            return [kind, base]


def _computed_type(getter: str) -> Any:
    if "Number" in getter:
        return "number"
    if "Boolean" in getter:
        return "bool"
    if "getListAttribute" in getter:
        return ["list", "string"]
    if "Map" in getter:
        return ["map", "string"]
    return "string" if getter else "dynamic"


def schema(library: Path) -> Json:
    """The excerpt for the resources that we use."""
    built: Json = {"provider": {}, "resources": {}, "data_sources": {}}
    for name in (*RESOURCES, *DATA_SOURCES, "provider"):
        kind, type_name, block = module(library / name)
        match kind:
            case "TerraformProvider":
                built["provider"] = block
            case "TerraformDataSource":
                built["data_sources"][type_name] = block
            case _:
                built["resources"][type_name] = block
    return built


def written(built: Json) -> str:
    """The schema as it lies here: a line for each type, so that a change is read as one."""
    parts = []
    for part, content in sorted(built.items()):
        lines = {"": content} if part == "provider" else content
        rows = [f"{json.dumps(name)}: {_line(block)}" for name, block in sorted(lines.items())]
        parts.append(
            f"{json.dumps(part)}: "
            + (_line(content) if part == "provider" else "{\n" + ",\n".join(rows) + "\n}")
        )
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _line(block: Json) -> str:
    return json.dumps(block, sort_keys=True, separators=(",", ":"))


def main(argv: Sequence[str]) -> int:
    """Write the excerpt and one closing line."""
    if len(argv) != 1:
        print("usage: python -m tests.infra.terraform.extract PACKAGE/lib", file=sys.stderr)
        return 2
    built = schema(Path(argv[0]))
    SCHEMA.write_text(written(built))
    counts = f"{len(built['resources'])} resources, {len(built['data_sources'])} data sources"
    print(f"{SCHEMA.name}: {counts}, {SCHEMA.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
