"""The code base keeps its own style."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.loaders import Loader

from freehold.app import SERVICES, services

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "freehold"
MODULES = sorted(SOURCE.rglob("*.py"))
# Names that say nothing about what is in the module.
EMPTY_NAMES = {"helpers", "helper", "utils", "util", "common", "manager", "managers", "misc"}
CONTAINERS = {
    "dict",
    "list",
    "set",
    "defaultdict",
    "deque",
    "OrderedDict",
    "Counter",
    "WeakValueDictionary",
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_hold_no_state(path: Path) -> None:
    """All state is in the store: a container in a module is a constant, or it is state."""
    found = [f"line {line}: {name}" for line, name in _containers(ast.parse(path.read_text()))]
    assert not found


def test_modules_are_named_after_what_is_in_them() -> None:
    """A module of helpers is where everything ends up."""
    assert [path for path in MODULES if path.stem in EMPTY_NAMES] == []


def test_every_package_in_services_is_wired() -> None:
    """Else it is dead code."""
    packages = {path.parent.name for path in (SOURCE / "services").glob("*/__init__.py")}
    assert packages == {module.rpartition(".")[2] for module in SERVICES.values()}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_says_what_works(name: str) -> None:
    """Its docstring is the first part of its page in the reference."""
    path = SOURCE / "services" / _package(name) / "__init__.py"
    assert len(ast.get_docstring(ast.parse(path.read_text())) or "") > 80


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_parity_covers_the_model_exactly(name: str) -> None:
    """Every operation is done, done in part or refused; nothing is left out, nothing is invented."""
    parity = services()[name]().parity
    listed = [*parity.implemented, *parity.partial, *parity.refused]
    model = Loader().load_service_model(name, "service-2")
    assert sorted(listed) == sorted(model["operations"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_parity_says_is_done_there_is_a_function_for(name: str) -> None:
    """The list is held against the code, in both directions."""
    service = services()[name]()
    assert set(service.operations) == service.parity.implemented | set(service.parity.partial)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_tests(name: str) -> None:
    """Of its rules, and through boto3."""
    for kind in ("services", "conformance"):
        assert list((ROOT / "tests" / kind / _package(name)).glob("test_*.py")), kind


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_a_page(name: str) -> None:
    """script/reference writes it."""
    assert (ROOT / "docs" / "reference" / "services" / f"{name}.md").is_file()


def _package(name: str) -> str:
    return SERVICES[name].rpartition(".")[2]


def _containers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Containers assigned in a module that are not constants: by name, or because they start empty."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            if "Mapping" in ast.unparse(statement.annotation):
                continue  # mypy lets nobody change it
            targets, value = [statement.target], statement.value
        else:
            continue
        for target in targets:
            if not isinstance(target, ast.Name) or target.id == "__all__":
                continue
            if not _is_container(value):
                continue
            if not target.id.isupper() or _is_empty(value):
                yield statement.lineno, target.id


def _is_container(value: ast.expr) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in CONTAINERS
    return isinstance(
        value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    )


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return not value.args and not value.keywords
    if isinstance(value, ast.List | ast.Set):
        return not value.elts
    return isinstance(value, ast.Dict) and not value.keys
