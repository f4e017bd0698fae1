"""The import order of the house, read from the source."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "aelab"
ALLOWED = {
    "__init__": set(),
    "glyphs": set(),
    "sources": set(),
    "losses": set(),
    "corruption": set(),
    "evaluation": set(),
    "compression": set(),
    "plots": set(),
    "data": {"glyphs", "sources"},
    "layers": {"losses"},
    "penalties": {"losses"},
    "stacks": set(),
    "autoencoder": set(),
    "vae": {"autoencoder", "layers", "losses"},
    "models": {"autoencoder", "stacks", "vae"},
    "training": set(),
    "explorer": {"plots"},
    "lesson": {"data"},
    "__main__": {"lesson", "data", "sources"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def part(path):
    """The name that stands for a file in the order: its own, or its folder's."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def siblings(path):
    """Other parts of the package that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            assert node.level == 0, f"{path.name}: relative import"
            if module == "aelab":
                names |= {alias.name for alias in node.names}
            elif module.startswith("aelab."):
                names.add(module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if "aelab." in a.name}
    return names & set(map(part, MODULES)) - {part(path)}


@pytest.mark.parametrize("path", MODULES, ids=part)
def test_a_module_imports_only_what_stands_below_it(path):
    assert siblings(path) <= ALLOWED[part(path)]


@pytest.mark.parametrize("path", MODULES, ids=part)
def test_no_module_is_tied_to_one_backend(path):
    tree = ast.parse(path.read_text("utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    assert not imported & {"tensorflow", "jax", "torch", "tf_keras"}
    called = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assert "Lambda" not in called
    assert not defined & {"train_step", "test_step"}


@pytest.mark.parametrize("path", MODULES, ids=part)
def test_modules_stay_short_and_public_names_documented(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 300
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    if path.stem == "__main__":
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert node.name.startswith("_") or ast.get_docstring(node), node.name
