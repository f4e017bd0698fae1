"""What long trainings gave once, so that not every reader has to wait for them.

A comparison over seeds or settings takes many trainings. `result_of` reads what each of
them gave from `records.json`, if the same code was run there with the same settings on
the same data, and trains otherwise: at another budget, on other images, or where the
code was changed. After `begin` it trains always.
"""

import base64
import datetime
import dis
import hashlib
import inspect
import io
import json
import re
import time
import types
import zlib
from pathlib import Path

import keras
import numpy as np
from IPython import display, get_ipython
from sklearn.base import BaseEstimator

from aelab import training

__all__ = ["begin", "pack", "result_of", "save", "unpack"]

FILE = Path(__file__).with_name("records.json")

_new = None  # what was run since `begin`, a list; None while records may be read
_read_here = {}  # by cell and function: what it has read


def result_of(run, **settings):
    """What a function returned when it was recorded, or what it returns now.

    A function is known by its code, by that of the functions beside it that it calls,
    and by the numbers, texts, arrays, layers and settings of estimators that these use.
    What is not looked at: the code of libraries, the backend, models, and comments.

    Args:
        run: Function of a module or a notebook. JSON must be able to hold its result:
            numbers, lists of numbers, or a dict of these; arrays become lists.
        **settings: Its arguments. Their `repr` must tell all that they hold: numbers,
            texts, None, and tuples or dicts of these.

    Returns:
        The result.

    Raises:
        TypeError: If JSON cannot hold the result.

    Example:
        >>> def double(x):
        ...     return {"twice": 2 * x}
        >>> result_of(double, x=4)
        double(x=4):
        {'twice': 8}
    """
    arguments = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    call = f"{run.__name__}({arguments})"
    key = _fingerprint(call, run)
    if _new is None:
        for record in _read_all():
            if record["key"] == key:
                shell = get_ipython()
                place = shell and shell.execution_count, run.__name__
                if place not in _read_here:
                    _read_here[place] = _Reading(run.__name__)
                _read_here[place].add(record)
                return record["result"]
    print(f"{call}:")
    start = time.perf_counter()
    result = json.loads(json.dumps(run(**settings), default=_as_list))
    if _new is not None:
        _new.append(
            {
                "call": call,
                "key": key,
                "date": datetime.date.today().isoformat(),
                "device": "a GPU" if training.on_gpu() else "a CPU",
                "seconds": round(time.perf_counter() - start, 1),
                "result": result,
            }
        )
    return result


class _Reading:
    """One line on what a cell has read of a function, renewed in place."""

    def __init__(self, name):
        self.name = name
        self.records = []
        self.handle = display.DisplayHandle()

    def add(self, record):
        """Count one more, and show the line."""
        self.records.append(record)
        n = len(self.records)
        show = self.handle.display if n == 1 else self.handle.update
        minutes = sum(record["seconds"] for record in self.records) / 60
        dates = " and ".join(sorted({record["date"] for record in self.records}))
        devices = " and ".join(sorted({record["device"] for record in self.records}))
        show(
            training.Line(
                f"{self.name}: {n} result{'s' if n > 1 else ''} read, recorded "
                f"{dates} on {devices} in {minutes:.1f} minutes"
            )
        )


def begin():
    """From now on, run everything anew, and keep what comes out for `save`."""
    global _new
    _new = []


def save(name):
    """Write what was run since `begin`, in place of all earlier records of this name.

    Args:
        name: Name of the lesson.

    Raises:
        ValueError: If `begin` was not called.
    """
    if _new is None:
        raise ValueError("Nothing was recorded: call begin() before the runs.")
    records = {**_read(), name: _new}
    text = json.dumps(records, indent=1, sort_keys=True, allow_nan=False)
    # The numbers of a list on one line: a curve is a line, not a page.
    numbers = r"\[[-\d.,\se\[\]]+\]"  # lists of numbers, and lists of these
    text = re.sub(numbers, lambda found: "".join(found[0].split()), text)
    part = FILE.with_suffix(".part")
    part.write_text(text + "\n", encoding="utf-8", newline="\n")
    part.replace(FILE)


def pack(x):
    """Images as a text, so that a result can hold some of them.

    Args:
        x: Array in [0, 1], any shape. It is rounded to 256 levels.

    Returns:
        String of letters and digits: the array, compressed.

    Raises:
        ValueError: If a value lies outside [0, 1].
    """
    x = np.asarray(x)
    if not (np.all(x >= 0) and np.all(x <= 1)):
        raise ValueError(
            "x must lie in [0, 1]: clip it. "
            f"Received values from {x.min():.3g} to {x.max():.3g}"
        )
    file = io.BytesIO()
    np.savez_compressed(file, np.rint(255 * x).astype("uint8"))
    return base64.b64encode(file.getvalue()).decode()


def unpack(text):
    """The images of a text that `pack` made.

    Args:
        text: What `pack` returned.

    Returns:
        float32 NumPy array in [0, 1], of the shape that `pack` was given.

    Example:
        >>> unpack(pack(np.eye(2)))
        array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    with np.load(io.BytesIO(base64.b64decode(text))) as arrays:
        return arrays["arr_0"].astype("float32") / 255


def _read():
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def _read_all():
    """The records of all lessons, one after the other."""
    return [record for records in _read().values() for record in records]


def _as_list(value):
    """Arrays and their numbers, as JSON can hold them."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(
        "A recorded result holds numbers, lists, arrays and dicts of these. "
        f"Received: {type(value).__name__}"
    )


def _fingerprint(call, run):
    """Text that differs where the call, its code or its data differ."""
    known = {}
    _describe(run, known)
    return hashlib.sha256(repr([call, known]).encode()).hexdigest()[:16]


def _describe(function, known):
    """Add the code of a function, and all that it uses, to the dict `known`."""
    known[function.__name__] = re.sub(r"#.*|\s", "", inspect.getsource(function))
    variables, attributes = _names(function.__code__)
    used = {
        name: function.__globals__[name]
        for name in sorted(variables & function.__globals__.keys())
    }
    defaults = dict(enumerate(function.__defaults__ or ()))
    for name, default in {**defaults, **(function.__kwdefaults__ or {})}.items():
        used[f"default {name} of {function.__name__}"] = default
    for name, value in used.items():
        if name in known:
            continue
        value = inspect.unwrap(value) if callable(value) else value  # as of `cache`
        if isinstance(value, types.FunctionType):
            if value.__module__ == function.__module__:
                _describe(value, known)
        elif isinstance(value, types.SimpleNamespace):  # the budget
            for field in sorted(attributes & vars(value).keys()):
                known[f"{name}.{field}"] = getattr(value, field)
        elif (content := _content(value)) is not None:
            known[name] = content


def _content(value):
    """What a value holds, as text can tell it; None for what text cannot tell."""
    if isinstance(value, np.ndarray):
        digest = zlib.crc32(np.ascontiguousarray(value))
        return value.shape, str(value.dtype), digest
    if isinstance(value, int | float | str | tuple):
        return value
    if isinstance(value, list):
        return [_content(item) for item in value]
    if isinstance(value, dict):
        return [(str(key), _content(item)) for key, item in value.items()]
    if isinstance(value, keras.layers.Layer) and not isinstance(value, keras.Model):
        config = value.get_config()
        own = sorted(config.keys() - {"name", "dtype", "trainable"})
        return type(value).__name__, [(key, config[key]) for key in own]
    if isinstance(value, BaseEstimator):  # what it was told and what it counted
        told = {
            key: setting
            for key, setting in vars(value).items()
            if isinstance(setting, int | str)
        }
        return type(value).__name__, sorted(told.items())
    return None


def _names(code):
    """The global variables and the attributes that a code uses, two sets of names."""
    variables = set()
    attributes = set(code.co_names)
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            variables.add(instruction.argval)
    for constant in code.co_consts:
        if inspect.iscode(constant):  # of an inner function
            of_variables, of_attributes = _names(constant)
            variables |= of_variables
            attributes |= of_attributes
    return variables, attributes
