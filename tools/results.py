"""The one file of measured numbers, and the tables that the README shows of it.

python -m tools.results           render the tables into README.md
python -m tools.results --check   tell whether README.md is stale

`benchmarks/results.json` is read and written here alone: the benchmarks and
`tools.build` call `record`, and put `describe_run()` beside what they measured.
"""

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

from aelab import settings

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
README = ROOT / "README.md"
PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "scikit-learn",
    "matplotlib",
)


def read():
    """All results, a dict by section; empty where nothing was measured yet."""
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}


def record(section, value):
    """Replace one section of the results.

    Args:
        section: Name of the section.
        value: Dict that JSON can hold.

    Raises:
        ValueError: If a number is NaN or infinite.
    """
    results = {**read(), section: value}
    text = json.dumps(results, indent=1, sort_keys=True, allow_nan=False)
    part = RESULTS.with_suffix(".part")
    part.write_text(text + "\n", encoding="utf-8", newline="\n")
    part.replace(RESULTS)


def describe_run(backend=None):
    """What a measurement is made with: put it beside the numbers, as `"run"`.

    Args:
        backend: Keras backend that the numbers are of. Default: that of
            `KERAS_BACKEND`, or TensorFlow.

    Returns:
        Dict: `date`, `cpu`, `cores`, `threads` (what `OMP_NUM_THREADS` says, or
        None), `system`, `python`, `backend`, and `versions`, a dict of the installed
        ones among `PACKAGES`.
    """
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "system": platform.system(),
        "python": platform.python_version(),
        "backend": backend or settings.backend(),
        "versions": versions,
    }


def cpu_model():
    """The name of this machine's processor."""
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        name = re.search(r"^model name\s*: (.+)$", cpus.read_text(), re.MULTILINE)
        if name:
            return name[1]
    if sys.platform == "darwin":
        query = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(query, capture_output=True, text=True).stdout.strip()
    return platform.processor() or platform.machine()


# The tables of the README: each takes the section of its name.


def minutes_of(measured):
    """What the last full run of a lesson took, as text.

    Args:
        measured: Dict with `minutes`, and `busy`: whether the machine had other work
            to do. Empty where nothing was measured.

    Returns:
        String.
    """
    if measured.get("minutes") is None:
        return "several"
    if measured.get("busy"):
        return f"at most {measured['minutes']:.0f}"
    return f"{measured['minutes']:.1f}"


def lessons_table(lessons):
    """Title, what you will be able to do, and minutes, from the lessons' sources."""
    rows = []
    for source in sorted((ROOT / "notebooks" / "src").glob("*.py")):
        text = re.sub(r"^# ?", "", source.read_text("utf-8"), flags=re.MULTILINE)
        title = re.search(r"^# (?P<number>\d\d) (?P<words>.+)$", text, re.MULTILINE)
        aim = re.search(r"\*\*You will\*\* (?P<words>.+?)\n\n", text, re.DOTALL)
        if not (title and aim):
            raise ValueError(
                f"{source.name} must have a heading '# NN Title' and a paragraph that "
                "starts with '**You will** '."
            )
        rows.append(
            {
                "": title["number"],
                "lesson": f"[{title['words']}](notebooks/{source.stem}.ipynb)",
                "you will": " ".join(aim["words"].split()),
                "minutes": minutes_of(lessons.get(source.stem, {})),
            }
        )
    return table(rows)


def quality_table(quality):
    """Test errors of the lessons' models, mean and spread over seeds."""
    rows = []
    for row in quality["rows"]:
        rows.append(
            {
                "model": row["model"],
                "code": row["code"],
                "weights": f"{row['parameters']:,}" if row["parameters"] else "-",
                "seconds": f"{row['seconds']:.0f}" if row["seconds"] else "-",
                "test MSE": spread(row["mse"], 5),
                "PSNR (dB)": spread(row["psnr"], 2),
            }
        )
    note = f"MNIST test set, {seeds(quality)}. {run_line(quality)}"
    return table(rows) + f"\n\n{note.strip()}"


def codes_table(codes):
    """What the lessons' codes are worth, mean and spread over seeds."""
    rows = []
    for row in codes["rows"]:
        rows.append(
            {
                "code": row["code"],
                "values": row["size"],
                "epochs": row.get("epochs") or "-",
                "test MSE": "-" if row["mse"][0] is None else spread(row["mse"], 4),
                "probe": spread(row["probe"], 3),
                "precision at 10": spread(row["precision"], 3),
                "k-means": spread(row["clusters"], 3),
            }
        )
    note = (
        f"MNIST test set, {seeds(codes)}. The average image has an MSE of "
        f"{codes['floor']:.4f}. Probe: accuracy of a linear probe trained on "
        f"{codes['probe_codes']:,} codes. Precision: fraction of the ten nearest "
        "images that show the same digit. k-means: accuracy of ten clusters of the "
        f"test codes, the best of {codes['starts']} starts by inertia, matched to the "
        "digits. "
        f"{run_line(codes)}"
    )
    return table(rows) + f"\n\n{note.strip()}"


def speed_table(speed):
    """Seconds of the lecture's dense model, beside a plain PyTorch loop."""
    target = f"validation MSE {speed['target']}"
    rows = []
    for row in speed["rows"]:
        rows.append(
            {
                "lecture's model on": row["name"],
                "seconds an epoch": f"{row['epoch']:.2f}",
                "loop's / this": f"{row['epoch_ratio']:.2f}",
                f"epochs to {target}": f"{row['epochs_to_target']:.0f}",
                f"seconds to {target}": f"{row['to_target']:.1f}",
                "of these to compile": f"{row['compile']:.1f}",
                "same-schedule loop's / this": f"{row['target_ratio']:.1f}",
            }
        )
    limit = speed["limit"]
    quickest = min(row["epoch"] for row in speed["rows"])
    test_errors = [row["quality"] for row in speed["rows"]]
    note = (
        f"{medians(speed)} The first loop keeps the lecture's constant rate until it "
        "has that error; all other rows follow the schedule of lesson 01, over the "
        "fewest epochs at whose end they have it. On the test images it is then "
        f"{min(test_errors):.4f} to {max(test_errors):.4f}. An epoch is "
        f"{limit['gflop']:.0f} GFLOP. At this machine's measured matrix-product rate, "
        f"{limit['gflops']:.0f} GFLOP/s, it could take {limit['seconds']:.2f} s: the "
        f"quickest row runs at {limit['seconds'] / quickest:.0%} of the limit. "
        f"{run_line(speed, settings.BACKENDS)}"
    )
    return table(rows) + f"\n\n{note.strip()}"


def speed_conv_table(speed):
    """The lecture's convolutional model of lesson 03."""
    note = (
        "BCE is in nats a pixel; a perfect copy of the test images has "
        f"{speed['floor']:.4f}, and no model less."
    )
    return _speed_and_quality(speed, "lecture's conv model", "test BCE", 4, note)


def speed_vae_table(speed):
    """The lecture's convolutional VAE of lesson 06."""
    note = "The loss is in nats an image, on grey pixels, with codes drawn."
    return _speed_and_quality(speed, "lecture's conv VAE", "test loss", 1, note)


def _speed_and_quality(speed, model, quality, digits, note):
    """Seconds of a model, and what it reached, beside a plain PyTorch loop."""
    rows = []
    for row in speed["rows"]:
        rows.append(
            {
                f"{model} on": row["name"],
                "seconds an epoch": f"{row['epoch']:.2f}",
                "loop's / this": f"{row['epoch_ratio']:.2f}",
                f"{quality} after {speed['epochs']} epochs": (
                    f"{row['quality']:.{digits}f}"
                ),
            }
        )
    note = f"{medians(speed)} {note} {run_line(speed, settings.BACKENDS)}"
    return table(rows) + f"\n\n{note.strip()}"


TABLES = {
    "lessons": lessons_table,
    "quality": quality_table,
    "codes": codes_table,
    "speed": speed_table,
    "speed_conv": speed_conv_table,
    "speed_vae": speed_vae_table,
}


def table(rows):
    """A Markdown table of dicts that have the same keys."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns)]
    lines += [[str(row[column]) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values, digits):
    """Mean ± sample standard deviation, as text."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    if len(values) == 1 or math.isclose(min(values), max(values)):
        return mean
    return f"{mean} ± {statistics.stdev(values):.{digits}f}"


def seeds(section):
    """How many seeds the numbers of a section come from."""
    n = len(section["seeds"])
    return "one seed" if n == 1 else f"{n} seeds (mean ± standard deviation)"


def medians(speed):
    """How the numbers of a speed table were measured."""
    return (
        f"{speed['repeats']} runs of each, alternating, each with another seed: "
        f"medians, of epochs 2 to {speed['epochs']} (the first one compiles) and of "
        "all else."
    )


def run_line(section, backends=()):
    """When, and with what, a section was measured; empty where nobody kept it.

    Args:
        section: Dict of a section.
        backends: Names of the backends that its rows compare. Default: the one that
            it was measured on.
    """
    run = section.get("run")
    if run is None:
        return ""
    versions = ", ".join(
        f"{backend} {run['versions'][backend]}"
        for backend in backends or (run["backend"],)
        if backend in run["versions"]
    )
    return (
        f"Measured {run['date']} on {run['cpu']}, {run['cores']} cores, with Keras "
        f"{run['versions']['keras']} and {versions}."
    )


def render(text, results):
    """The README with fresh tables between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: If the marks of a table are missing.
    """
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            raise ValueError(f"README.md must hold {begin} and {end}.")
        # What nobody has measured since it was last changed is not shown.
        shown = make(results[name]) if name in results else "Not measured yet."
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{shown}\n{end}{after}"
    return text


def main(arguments=None):
    """Render the README, or check it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    text = README.read_text("utf-8")
    fresh = render(text, read())
    if not options.check:
        README.write_text(fresh, encoding="utf-8", newline="\n")
    elif text != fresh:
        print("README.md is stale: python -m tools.results")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
