"""The one file of measured numbers, and the tables that the README shows of it.

python benchmarks/results.py           render the tables into README.md
python benchmarks/results.py --check   tell whether README.md is stale
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
README = ROOT / "README.md"


def read():
    """All results, a dict by section; empty where nothing was measured yet."""
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}


def record(section, value):
    """Replace one section of the results."""
    results = {**read(), section: value}
    text = json.dumps(results, indent=1, sort_keys=True)
    RESULTS.write_text(text + "\n", encoding="utf-8", newline="\n")


def table(columns, rows):
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def lessons_table(results):
    """Title, what you will be able to do, and minutes, from the lessons' sources."""
    rows = []
    for source in sorted((ROOT / "notebooks" / "src").glob("*.py")):
        lines = re.sub(r"^# ?", "", source.read_text("utf-8"), flags=re.M)
        title = re.search(r"^# (\d\d) (.+)$", lines, re.M)
        will = re.search(r"\*\*You will\*\* (.+?)\n\n", lines, re.S)
        minutes = results["lessons"][source.stem]["minutes"]
        link = f"[{title[2]}](notebooks/{source.stem}.ipynb)"
        rows.append((title[1], link, " ".join(will[1].split()), f"{minutes:.1f}"))
    return table(("", "lesson", "you will", "minutes"), rows)


def quality_table(results):
    """Test errors of the lessons' models, mean and spread over seeds."""
    rows = [
        (
            row["model"],
            row["code"],
            f"{row['parameters']:,}" if row["parameters"] else "-",
            f"{row['seconds']:.0f}" if row["seconds"] else "-",
            spread(row["mse"], 5),
            spread(row["psnr"], 2),
        )
        for row in results["quality"]["rows"]
    ]
    columns = ("model", "code", "weights", "seconds", "test MSE", "PSNR (dB)")
    seeds = len(results["quality"]["seeds"])
    note = (
        f"\n\nMNIST test set, {seeds} seeds (mean ± standard deviation), two CPU cores."
    )
    return table(columns, rows) + note


def codes_table(results):
    """What the lessons' codes are worth, mean and spread over seeds."""
    codes = results["codes"]
    rows = [
        (
            row["code"],
            row["size"],
            "-" if row["mse"][0] is None else spread(row["mse"], 4),
            *(spread(row[key], 3) for key in ("probe", "precision", "clusters")),
        )
        for row in codes["rows"]
    ]
    columns = ("code", "numbers", "test MSE", "probe", "precision at 10", "k-means")
    note = (
        f"\n\nMNIST test set, {len(codes['seeds'])} seeds (mean ± standard deviation). "
        f"The average image has an MSE of {codes['floor']:.4f}. All networks train "
        "for five epochs, those of lesson 06 for eight. Accuracy of a linear probe "
        "trained on 5,000 codes; share of the ten nearest images that show the same "
        "digit; accuracy of ten clusters of the test codes, the best of ten starts by "
        "inertia, matched to the digits."
    )
    return table(columns, rows) + note


def speed_table(results):
    """Seconds of the lecture's dense model, beside a plain PyTorch loop."""
    speed = results["speed"]
    rows = [
        (
            row["name"],
            f"{row['epoch']:.2f}",
            f"{row['epoch_ratio']:.2f}",
            f"{row['to_target']:.1f}",
            f"{row['target_ratio']:.1f}",
            f"{row['compile']:.1f}",
            f"{row['whole_ratio']:.1f}",
        )
        for row in speed["rows"]
    ]
    columns = (
        "lecture's model on",
        "seconds an epoch",
        "loop's / this",
        f"seconds to test MSE {speed['target']}",
        "loop's / this",
        "seconds to compile",
        "loop's / this, compiling included",
    )
    limit = speed["limit"]
    note = (
        f"\n\n{speed['repeats']} runs of each, alternating: the quickest epoch after "
        "the first, which compiles, and medians of the rest. Epochs are those of the "
        "lecture's recipe. On the way to the error the loop keeps it; "
        "aelab trains for three epochs with a warm-up and a cosine. An epoch is "
        f"{limit['gflop']:.0f} GFLOP. At this machine's measured matrix-product rate, "
        f"{limit['gflops']:.0f} GFLOP/s, it could take {limit['seconds']:.2f} s: the "
        f"default backend runs at {limit['share']:.0%} of the limit."
    )
    return table(columns, rows) + note


def speed_quality_table(speed, model, quality, digits, note):
    """Seconds of a model, and what it reached, beside a plain PyTorch loop."""
    rows = [
        (
            row["name"],
            f"{row['epoch']:.2f}",
            f"{row['epoch_ratio']:.2f}",
            f"{row['quality']:.{digits}f}",
        )
        for row in speed["rows"]
    ]
    reached = f"{quality} after {speed['epochs']} epochs"
    columns = (f"{model} on", "seconds an epoch", "loop's / this", reached)
    note = (
        f"\n\n{speed['repeats']} runs of each, alternating, one seed: the quickest "
        f"epoch after the first, which compiles. {note}"
    )
    return table(columns, rows) + note


def speed_conv_table(results):
    """The lecture's convolutional model of lesson 02."""
    speed = results["speed_conv"]
    note = (
        "BCE is in nats a pixel; a perfect copy of the test images has "
        f"{speed['floor']:.4f}, and no model less."
    )
    model = "lecture's conv model"
    return speed_quality_table(speed, model, "test BCE", 4, note)


def speed_vae_table(results):
    """The lecture's convolutional VAE of lesson 05."""
    note = "The loss is in nats an image, on grey pixels, with codes drawn."
    model = "lecture's conv VAE"
    return speed_quality_table(results["speed_vae"], model, "test loss", 1, note)


TABLES = {
    "lessons": lessons_table,
    "quality": quality_table,
    "codes": codes_table,
    "speed": speed_table,
    "speed_conv": speed_conv_table,
    "speed_vae": speed_vae_table,
}


def spread(values, digits):
    """Mean ± sample standard deviation, as text."""
    mean = sum(values) / len(values)
    if len(values) == 1 or min(values) == max(values):
        return f"{mean:.{digits}f}"
    variance = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return f"{mean:.{digits}f} ± {variance**0.5:.{digits}f}"


def render(text, results):
    """The README's text with every table between its two markers made anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"README.md must hold {begin} and {end} once each")
        head, _, rest = text.partition(begin)
        tail = rest.partition(end)[2]
        text = f"{head}{begin}\n{make(results)}\n{end}{tail}"
    return text


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    text = README.read_text("utf-8")
    fresh = render(text, read())
    if options.check:
        if text != fresh:
            print("README.md is stale: python benchmarks/results.py")
        return int(text != fresh)
    README.write_text(fresh, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
