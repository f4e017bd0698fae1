"""The rules of the house, read from the source: import order, plain calls, docs."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "aelab"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [
    path
    for folder in ("aelab", "benchmarks", "notebooks/src", "tests", "tools")
    for path in sorted((ROOT / folder).rglob("*.py"))
]

# What each part may import of the others: a module, or a folder with all it holds.
# "root" is the package itself, aelab/__init__.py.
BOTTOM = {"settings", "checks", "losses"}
ALLOWED = {
    "root": set(),
    "settings": set(),
    "checks": set(),
    "losses": set(),
    "data": BOTTOM,
    "corruption": BOTTOM,
    "layers": BOTTOM,
    "penalties": BOTTOM,
    "records": BOTTOM | {"training"},
    "evaluation": BOTTOM,
    "exercises": BOTTOM | {"evaluation", "models"},
    "plots": BOTTOM,
    "training": BOTTOM | {"layers"},
    "models": BOTTOM | {"corruption", "layers", "penalties", "training"},
    "lesson": BOTTOM | {"data", "training"},
    "runner": BOTTOM | {"data", "lesson"},
    "doctor": BOTTOM | {"data", "lesson", "runner"},
    "cli": BOTTOM | {"data", "doctor", "lesson", "root", "runner"},
    "__main__": {"cli"},
}
# They work on arrays alone, so that they can be used with any model.
WITHOUT_KERAS = {"settings", "checks", "data", "evaluation", "plots"}


@functools.cache
def tree_of(path):
    return ast.parse(path.read_text("utf-8"))


def part(path):
    """The name that stands for a file in the order: its own, or its folder's."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "root" if parts == ("__init__",) else parts[0]


def imports(path):
    """Names of the modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def siblings(path):
    """Other parts of the package that a module imports, its root included."""
    parts = {part(module) for module in MODULES}
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "aelab":
            names = {alias.name for alias in node.names}
            found |= {name if name in parts else "root" for name in names}
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("aelab."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                first, *rest = alias.name.split(".")
                if first == "aelab":
                    found.add(rest[0] if rest else "root")
    return found - {part(path)}


def test_a_module_imports_only_what_stands_below_it():
    for path in MODULES:
        assert siblings(path) <= ALLOWED[part(path)], path
    assert {part(path) for path in MODULES} == set(ALLOWED)


def test_there_is_no_cycle_between_the_files_of_a_folder():
    for folder in (path.parent for path in MODULES if path.name == "__init__.py"):
        if folder == PACKAGE:
            continue
        name = f"aelab.{folder.name}"
        below = {
            path.stem: {
                other.removeprefix(f"{name}.").split(".")[0]
                for other in imports(path)
                if other.startswith(f"{name}.")
            }
            for path in folder.glob("*.py")
            if path.stem != "__init__"
        }
        while below:
            free = {stem for stem, needs in below.items() if not needs & set(below)}
            assert free, f"a cycle between {sorted(below)} in {folder.name}"
            below = {stem: needs for stem, needs in below.items() if stem not in free}


def test_no_module_is_tied_to_one_backend():
    for path in MODULES:
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & {"tensorflow", "jax", "torch", "tf_keras"}, path
        if part(path) in WITHOUT_KERAS:
            assert "keras" not in roots, path
        nodes = list(ast.walk(tree_of(path)))
        used = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
        assert not used & {"keras.layers.Lambda", "layers.Lambda"}, path
        defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        assert not defined & {"train_step", "test_step"}, path


def test_nothing_reaches_for_modules_by_the_path():
    for path in SOURCES:
        text = path.read_text("utf-8")
        assert not re.search(r"sys\.path(\[|\.(insert|append|extend))", text), path


def packed(tree):
    """Calls that unpack what is written on the spot: they hide what is handed over."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for argument in node.args:
                is_starred = isinstance(argument, ast.Starred)
                if is_starred and isinstance(argument.value, (ast.Tuple, ast.List)):
                    yield node.lineno
            for keyword in node.keywords:
                is_dict = keyword.arg is None and isinstance(keyword.value, ast.Dict)
                # f(**{**good, argument: value}) is how tests vary one argument.
                if is_dict and all(key is not None for key in keyword.value.keys):
                    yield node.lineno


def wide(tree):
    """Assignments of more than three names at once; a shape may be taken apart."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and "shape" not in ast.unparse(node.value):
            for target in node.targets:
                if isinstance(target, ast.Tuple) and len(target.elts) > 3:
                    yield node.lineno


def numbered(tree):
    """Results picked out of a row by number, such as table["plain"][5]."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript):
            outer, inner = node.slice, node.value.slice
            is_number = isinstance(outer, ast.Constant) and isinstance(outer.value, int)
            is_name = isinstance(inner, (ast.Name, ast.JoinedStr)) or (
                isinstance(inner, ast.Constant) and isinstance(inner.value, str)
            )
            if is_number and is_name and outer.value > 0:
                yield node.lineno


@pytest.mark.parametrize("rule", [packed, wide, numbered])
def test_calls_assignments_and_results_are_plain(rule):
    found = []
    for path in SOURCES:
        if rule is numbered and path.is_relative_to(ROOT / "tests"):
            continue
        found += [f"{path.relative_to(ROOT)}:{line}" for line in rule(tree_of(path))]
    assert not found, "\n".join(found)


def test_the_rules_see_what_they_forbid():
    bad = "f(*[a, b], c)\na, b, c, d = x\ntable['plain'][5]\nf(**{'a': 1})"
    tree = ast.parse(bad)
    assert [list(rule(tree)) for rule in (packed, wide, numbered)] == [[1, 4], [2], [3]]
    good = ast.parse("f(*rows, c)\na, b, c = x\nx[0]\nx.shape[1]\nf(**options)")
    assert not any(list(rule(good)) for rule in (packed, wide, numbered))


def undocumented(path):
    tree = tree_of(path)
    if not ast.get_docstring(tree) and path.name != "__main__.py":
        yield "the module"
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield node.name
        for method in node.body if isinstance(node, ast.ClassDef) else ():
            is_public = isinstance(method, ast.FunctionDef)
            is_public = is_public and not method.name.startswith("_")
            # What takes its text from Keras by functools.wraps has a decorator.
            if is_public and not (ast.get_docstring(method) or method.decorator_list):
                yield f"{node.name}.{method.name}"


def test_public_names_and_methods_are_documented():
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        for name in undocumented(path)
    ]
    assert not missing


def test_docstrings_have_one_form():
    sections = ("Args:", "Returns:", "Raises:", "Formula:", "Reference:", "Example:")
    folded = []
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                for line in (ast.get_docstring(node) or "").splitlines():
                    # Args, Returns and Raises stand on lines of their own.
                    starts = line.strip().startswith(sections[:3])
                    if starts and line.strip() not in sections[:3]:
                        folded.append(f"{path.name}: {line}")
    assert not folded


def test_every_module_has_its_tests():
    missing = []
    for path in MODULES:
        if path.name in ("__init__.py", "__main__.py", "style.py"):
            continue
        mirror = ROOT / "tests" / path.relative_to(PACKAGE)
        if not mirror.with_name(f"test_{path.name}").exists():
            missing.append(str(path.relative_to(ROOT)))
    assert not missing
