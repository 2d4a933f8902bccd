"""Local paths in a template become objects in a bucket, as `aws cloudformation package` has it.

The template is changed as the YAML it is (its nodes, not values), so that what is not a path
stays as it was written: short tags, dates, numbers with leading zeros. Archives are the same
bytes for the same files, and objects are named by their digest: what has not changed is neither
uploaded nor deployed again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from freehold.cli.problems import Problem

# Never part of a function: what tools leave behind.
LEFT_OUT = frozenset({"__pycache__", ".git", ".aws-sam", ".freehold", ".DS_Store", ".venv"})
# Zip archives know no time before this one.
_EPOCH = (1980, 1, 1, 0, 0, 0)
NESTED_DEPTH_MAX = 10


class Upload(msgspec.Struct, frozen=True):
    """An object to be stored: its key in the bucket, and its bytes."""

    key: str
    body: bytes


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A property that may hold a local path.

    `archive`: a directory or file goes into a zip archive; otherwise the file is stored as it is.
    `members`: the names of bucket and key where the property becomes a mapping, else it becomes an
    s3:// address. `default`: what is packaged where the property is missing.
    """

    path: tuple[str, ...]
    archive: bool = False
    members: tuple[str, str] | None = None
    default: str | None = None
    unless: tuple[str, ...] = ()


_CODE = ("S3Bucket", "S3Key")
_PLACE = ("Bucket", "Key")
ARTIFACTS: dict[str, tuple[Artifact, ...]] = {
    "AWS::Serverless::Function": (
        Artifact(path=("CodeUri",), archive=True, default=".", unless=("InlineCode", "ImageUri")),
    ),
    "AWS::Serverless::LayerVersion": (Artifact(path=("ContentUri",), archive=True),),
    "AWS::Serverless::Api": (Artifact(path=("DefinitionUri",)),),
    "AWS::Serverless::HttpApi": (Artifact(path=("DefinitionUri",)),),
    "AWS::Serverless::StateMachine": (Artifact(path=("DefinitionUri",)),),
    "AWS::Serverless::GraphQLApi": (Artifact(path=("SchemaUri",)),),
    "AWS::Lambda::Function": (Artifact(path=("Code",), archive=True, members=_CODE),),
    "AWS::Lambda::LayerVersion": (Artifact(path=("Content",), archive=True, members=_CODE),),
    "AWS::ApiGateway::RestApi": (Artifact(path=("BodyS3Location",), members=_PLACE),),
    "AWS::ApiGatewayV2::Api": (Artifact(path=("BodyS3Location",), members=_PLACE),),
    "AWS::StepFunctions::StateMachine": (Artifact(path=("DefinitionS3Location",), members=_PLACE),),
    "AWS::AppSync::GraphQLSchema": (Artifact(path=("DefinitionS3Location",)),),
    "AWS::AppSync::Resolver": (
        Artifact(path=("RequestMappingTemplateS3Location",)),
        Artifact(path=("ResponseMappingTemplateS3Location",)),
        Artifact(path=("CodeS3Location",)),
    ),
    "AWS::AppSync::FunctionConfiguration": (
        Artifact(path=("RequestMappingTemplateS3Location",)),
        Artifact(path=("ResponseMappingTemplateS3Location",)),
        Artifact(path=("CodeS3Location",)),
    ),
    "AWS::Glue::Job": (Artifact(path=("Command", "ScriptLocation")),),
}
# Whose value is a template itself, to be packaged like this one.
NESTED = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}


class Package:
    """A packaged template: its text, what must be in the bucket first, what to warn of."""

    def __init__(self) -> None:
        self.text = ""
        self.uploads: dict[str, Upload] = {}
        self.warnings: list[str] = []
        self.parameters: dict[str, bool] = {}


def package(template: Path, bucket: str, region: str) -> Package:
    """Package a template for a bucket; nothing is uploaded yet."""
    result = Package()
    root = _read(template)
    result.parameters = _parameters(root)
    _package_template(root, template, bucket, region, result, depth=0)
    result.text = _text(root)
    return result


def zipped(path: Path) -> bytes:
    """A directory's files, or one file, as an archive that is the same for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, file in _files(path):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            executable = file.stat().st_mode & 0o111
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def _package_template(
    root: MappingNode, template: Path, bucket: str, region: str, result: Package, *, depth: int
) -> None:
    if depth > NESTED_DEPTH_MAX:
        raise Problem(f"{template}: templates are nested more than {NESTED_DEPTH_MAX} deep.")
    directory = template.parent

    def store(artifact: Artifact, value: str) -> str:
        return _store(directory, template, artifact, value, result)

    _package_globals(root, bucket, store)
    for name, kind, properties in _resources(root):
        for artifact in ARTIFACTS.get(kind, ()):
            _package_property(root, name, kind, properties, artifact, bucket, store)
        nested = NESTED.get(kind)
        value = _child(properties, nested) if nested else None
        if nested and isinstance(value, ScalarNode) and _is_local(value.value):
            path = _existing(directory, template, value.value)
            inner = _read(path)
            _package_template(inner, path, bucket, region, result, depth=depth + 1)
            key = _keep(result, _text(inner).encode(), ".template")
            _set(properties, nested, _scalar(f"https://s3.{region}.amazonaws.com/{bucket}/{key}"))
    for include in _includes(root):
        value = _child(include, "Location")
        if isinstance(value, ScalarNode) and _is_local(value.value):
            key = store(Artifact(path=("Location",)), value.value)
            _set(include, "Location", _scalar(f"s3://{bucket}/{key}"))


def _package_globals(root: MappingNode, bucket: str, store: Callable[[Artifact, str], str]) -> None:
    shared = _child(_child(root, "Globals"), "Function")
    value = _child(shared, "CodeUri")
    if isinstance(shared, MappingNode) and isinstance(value, ScalarNode) and _is_local(value.value):
        key = store(Artifact(path=("CodeUri",), archive=True), value.value)
        _set(shared, "CodeUri", _scalar(f"s3://{bucket}/{key}"))


def _package_property(
    root: MappingNode,
    name: str,
    kind: str,
    properties: MappingNode,
    artifact: Artifact,
    bucket: str,
    store: Callable[[Artifact, str], str],
) -> None:
    holder: Node | None = properties
    for step in artifact.path[:-1]:
        holder = _child(holder, step)
    if not isinstance(holder, MappingNode):
        return
    value = _child(holder, artifact.path[-1])
    if value is None and artifact.default is not None:
        shared = _child(_child(root, "Globals"), kind.rpartition("::")[2])
        others = (*artifact.unless, artifact.path[-1])
        if any(
            _child(place, other) is not None for other in others for place in (properties, shared)
        ):
            return
        local = artifact.default
    elif isinstance(value, ScalarNode) and value.tag == "tag:yaml.org,2002:str":
        local = value.value
    else:
        return
    if not _is_local(local):
        return
    if kind == "AWS::Serverless::Function" and _is_image(root, properties):
        raise Problem(
            f"{name}: functions from container images cannot be packaged.",
            "Use PackageType: Zip",
        )
    key = store(artifact, local)
    if artifact.members is None:
        _set(holder, artifact.path[-1], _scalar(f"s3://{bucket}/{key}"))
    else:
        place = zip(artifact.members, (bucket, key), strict=True)
        pairs: list[tuple[Node, Node]] = [(_scalar(k), _scalar(v)) for k, v in place]
        _set(holder, artifact.path[-1], MappingNode("tag:yaml.org,2002:map", pairs))


def _is_image(root: MappingNode, properties: MappingNode) -> bool:
    for place in (properties, _child(_child(root, "Globals"), "Function")):
        value = _child(place, "PackageType")
        if isinstance(value, ScalarNode):
            return bool(value.value == "Image")
    return False


def _store(directory: Path, template: Path, artifact: Artifact, value: str, result: Package) -> str:
    path = _existing(directory, template, value)
    if not artifact.archive:
        if path.is_dir():
            raise Problem(f"{template}: {artifact.path[-1]} {value} is a directory, not a file.")
        return _keep(result, path.read_bytes(), path.suffix)
    if path.is_file() and path.suffix in (".zip", ".jar"):
        return _keep(result, path.read_bytes(), path.suffix)
    _warn_of_unbuilt(path, value, result)
    return _keep(result, zipped(path), ".zip")


def _warn_of_unbuilt(path: Path, value: str, result: Package) -> None:
    needs = path / "requirements.txt"
    if needs.is_file():
        lines = (line.partition("#")[0].strip() for line in needs.read_text().splitlines())
        wanted = [line for line in lines if line and not line.startswith(("-", "boto3"))]
        if wanted and not any(path.glob("*.dist-info")):
            result.warnings.append(
                f"{value} names packages in requirements.txt that are not in it: build first, with "
                f"`sam build` or `pip install -r {needs} -t {path}`"
            )
    manifest = path / "package.json"
    if manifest.is_file() and not (path / "node_modules").is_dir():
        try:
            needs_packages = bool(json.loads(manifest.read_text()).get("dependencies"))
        except ValueError:
            needs_packages = False
        if needs_packages:
            result.warnings.append(
                f"{value} has dependencies in package.json and no node_modules: build first, with "
                f"`sam build` or `npm install --omit=dev` in {path}"
            )


def _keep(result: Package, body: bytes, suffix: str) -> str:
    key = hashlib.sha256(body).hexdigest()[:32] + suffix
    result.uploads[key] = Upload(key, body)
    return key


def _existing(directory: Path, template: Path, value: str) -> Path:
    path = (directory / value.removeprefix("file://")).resolve()
    if not path.exists():
        raise Problem(
            f"{template} names {value}, which is not there.", f"It is looked for at {path}"
        )
    return path


def _is_local(value: str) -> bool:
    return not value.startswith(("s3://", "http://", "https://", "arn:"))


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Names in the archive and files, in the order of their names."""
    if path.is_file():
        yield path.name, path
        return
    found = []
    for directory, directories, names in os.walk(path, followlinks=True):
        directories[:] = [each for each in directories if each not in LEFT_OUT]
        for name in names:
            file = Path(directory, name)
            if name not in LEFT_OUT and file.is_file():
                found.append((file.relative_to(path).as_posix(), file))
    if not found:
        raise Problem(f"{path} holds no files to package.")
    yield from sorted(found)


# -- templates as YAML nodes --


def _read(path: Path) -> MappingNode:
    try:
        text = path.read_text()
    except OSError as error:
        raise Problem(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Problem(f"{path} is not text.", "Give the template, in YAML or JSON.") from None
    if text.lstrip().startswith("{"):
        # JSON may have tabs between its tokens, which YAML refuses.
        try:
            text = json.dumps(json.loads(text))
        except ValueError as error:
            raise Problem(f"{path} is not JSON: {error}") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Problem(f"{path} is not YAML: {error}") from None
    if not isinstance(root, MappingNode) or not isinstance(_child(root, "Resources"), MappingNode):
        raise Problem(f"{path} is no template: it has no Resources.")
    return root


def _text(root: MappingNode) -> str:
    text: str = yaml.serialize(root, Dumper=yaml.SafeDumper, width=1 << 20, allow_unicode=True)
    return text


def _parameters(root: MappingNode) -> dict[str, bool]:
    """The template's parameters, and whether each has a default."""
    section = _child(root, "Parameters")
    if not isinstance(section, MappingNode):
        return {}
    return {key.value: _child(value, "Default") is not None for key, value in section.value}


def _resources(root: MappingNode) -> Iterator[tuple[str, str, MappingNode]]:
    section = _child(root, "Resources")
    assert isinstance(section, MappingNode)
    for key, resource in section.value:
        kind = _child(resource, "Type")
        if not isinstance(kind, ScalarNode):
            continue
        properties = _child(resource, "Properties")
        if properties is None and isinstance(resource, MappingNode):
            properties = MappingNode("tag:yaml.org,2002:map", [])
            if kind.value == "AWS::Serverless::Function":
                _set(resource, "Properties", properties)
        if isinstance(properties, MappingNode):
            yield key.value, kind.value, properties


def _includes(node: Node) -> Iterator[MappingNode]:
    """The parameters of every AWS::Include in a template."""
    if isinstance(node, SequenceNode):
        for element in node.value:
            yield from _includes(element)
    elif isinstance(node, MappingNode):
        name = _child(node, "Name")
        parameters = _child(node, "Parameters")
        included = isinstance(name, ScalarNode) and name.value == "AWS::Include"
        if included and isinstance(parameters, MappingNode):
            yield parameters
        for _, value in node.value:
            yield from _includes(value)


def _child(node: Node | None, name: str | None) -> Node | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == name:
                found: Node = value
                return found
    return None


def _set(node: MappingNode, name: str, value: Node) -> None:
    node.value = [pair for pair in node.value if pair[0].value != name]
    node.value.append((_scalar(name), value))


def _scalar(text: str) -> ScalarNode:
    return ScalarNode("tag:yaml.org,2002:str", text)
