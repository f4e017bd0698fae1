"""Seconds that the lecture's models take, beside a plain PyTorch loop.

python -m benchmarks.speed [--sections speed speed_conv speed_vae] [--record]

Each row of a table is run in a process of its own, `--repeats` times with different
seeds, the rows taking turns. They train on the 55,000 training images of MNIST. Each
run times `--epochs` epochs after a first one, which compiles: the same number for every
row, and the table tells their median. What the first epoch takes longer than the others
counts as compiling.

speed        The dense model of lesson 01, and its seconds to a validation error of
             `--target`. The loop runs twice: at the lecture's constant rate, until it
             is there; and with the schedule that the rows of aelab have, that of lesson
             01. A schedule's length is set beforehand, so such a row trains anew for 1,
             2, 3, ... epochs, and the first training that ends at the target counts.
             Measuring is not timed. Test images choose nothing.
speed_conv   The convolutional model of lesson 03, by the lecture's recipe (Adam at
             1e-3, batches of 128), with larger batches and in half precision. Each row
             tells its test cross-entropy: speed that costs quality should not pass for
             a gift.
speed_vae    The convolutional VAE of lesson 06, by the same recipe, in nats an image.

`--record` keeps the numbers in results.json, from which `python -m tools.results`
renders the README's tables. Needs PyTorch. `--images` is for a quick trial: such
numbers are worth nothing.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from aelab import evaluation, models
from aelab.settings import BACKENDS
from benchmarks.recipes import (
    LECTURE,
    LECTURE_SCHEDULED,
    Recipe,
    count_weights,
    load,
    train,
)
from tools import results

LONGEST = 50  # epochs; a target that takes more counts as out of reach
LOOP = "plain PyTorch loop, constant rate"
LOOP_SCHEDULED = "plain PyTorch loop, same schedule"
CONV = LECTURE._replace(build=models.conv_autoencoder, loss="binary_crossentropy")
VAE = LECTURE._replace(
    build=lambda shape: models.conv_vae(shape, sample_at_inference=True)
)
# The recipe of the rows of aelab, by section of results.json.
AELAB = {"speed": LECTURE_SCHEDULED, "speed_conv": CONV, "speed_vae": VAE}


class Training(NamedTuple):
    """A training that has begun."""

    seconds: Iterable
    """Seconds of each epoch; those of a loop are trained as they are asked for."""
    loss: Callable
    """Function from an array of images to the model's mean loss."""
    weights: int
    """Number of weights that are trained."""


def start_loop(section, recipe, x, seed):
    """Begin to train the model of a section in a plain PyTorch loop."""
    from benchmarks import loops

    model, loss = loops.make(section, seed)
    return Training(
        loops.train(model, loss, loops.as_tensor(x), recipe),
        lambda x: loops.mean_loss(model, loss, x),
        loops.count_weights(model),
    )


def start_aelab(section, recipe, x, seed):
    """Train the model of a section by aelab."""
    model, seconds = train(recipe, x, seed)
    return Training(
        seconds,
        lambda x: model.evaluate(x, verbose=0, return_dict=True)["loss"],
        count_weights(model),
    )


class Job(NamedTuple):
    """A row of a table: what trains, where, and by which recipe."""

    start: Callable
    backend: str
    recipe: Recipe


def jobs(section):
    """The rows of a table: a dict of `Job`s by name."""
    recipe = AELAB[section]
    rows = {LOOP: Job(start_loop, "torch", recipe)}
    if section == "speed":
        rows[LOOP] = Job(start_loop, "torch", LECTURE)
        rows[LOOP_SCHEDULED] = Job(start_loop, "torch", LECTURE_SCHEDULED)
    for backend in BACKENDS:
        rows[f"aelab, {backend}"] = Job(start_aelab, backend, recipe)
    if section == "speed_conv":  # quicker ways on some machines
        larger = CONV._replace(batch_size=256, rate=2e-3)
        rows["aelab, tensorflow, batch 256, rate 2e-3"] = Job(
            start_aelab, "tensorflow", larger
        )
        rows["aelab, tensorflow, mixed_bfloat16"] = Job(
            start_aelab, "tensorflow", CONV._replace(policy="mixed_bfloat16")
        )
    return rows


def run(section, name, options):
    """Run one row in this process: its report, a dict of numbers."""
    images = load(options.images)
    job = jobs(section)[name]

    def start(epochs):
        recipe = job.recipe._replace(epochs=epochs)
        return job.start(section, recipe, images.x_train, options.seed)

    training = start(1 + options.epochs)
    first, *others = training.seconds
    epoch = float(np.median(others))
    report = {"epoch": epoch, "compile": max(0.0, first - epoch)}
    if section == "speed":
        passed, training = train_to_target(start, job.recipe, images.x_val, options)
        # In a process that has compiled before, compiling is quicker.
        again = max(0.0, passed[0] - epoch)
        report["to_target"] = sum(passed) - again + report["compile"]
        report["epochs_to_target"] = len(passed)
    report["quality"] = training.loss(images.x_test)
    return {**report, "weights": training.weights}


def train_to_target(start, recipe, x_val, options):
    """Seconds of the epochs of the shortest training to the target, and the training.

    At a constant rate that is one training, stopped when it is there. The length of a
    schedule is set beforehand: so trainings of 1, 2, 3, ... epochs, and of these the
    first that ends there.
    """
    for epochs in range(1, LONGEST + 1) if recipe.schedule else (LONGEST,):
        training = start(epochs)
        passed = []
        for seconds in training.seconds:
            passed.append(seconds)
            ends = len(passed) == epochs or not recipe.schedule
            if ends and training.loss(x_val) <= options.target:
                return passed, training
    raise SystemExit(f"{LONGEST} epochs do not reach an MSE of {options.target}.")


def run_in_process(section, name, backend, seed, options):
    """Run one row in a fresh process: its report."""
    command = [sys.executable, "-m", "benchmarks.speed", "--sections", section]
    command += ["--job", name, "--seed", str(seed), "--epochs", str(options.epochs)]
    command += ["--images", str(options.images), "--target", str(options.target)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend}
    done = subprocess.run(
        command,
        cwd=results.ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measure(section, options):
    """The numbers of a table: medians of the reports of its rows, which take turns."""
    reports = {
        name: []
        for name, job in jobs(section).items()
        if job.start is start_loop or job.backend in options.backends
    }
    for seed in range(options.repeats):
        for name, of_seeds in reports.items():
            backend = jobs(section)[name].backend
            of_seeds.append(run_in_process(section, name, backend, seed, options))
            print(name, of_seeds[-1], flush=True)
    rows = {}
    for name, of_seeds in reports.items():
        keys = of_seeds[0]
        rows[name] = {
            key: float(np.median([report[key] for report in of_seeds])) for key in keys
        }
    weights = {row.pop("weights") for row in rows.values()}
    if len(weights) > 1:
        raise SystemExit(f"The rows of {section} must be one model: {weights} weights.")
    for row in rows.values():
        row["epoch_ratio"] = rows[LOOP]["epoch"] / row["epoch"]
        if section == "speed":
            row["target_ratio"] = rows[LOOP_SCHEDULED]["to_target"] / row["to_target"]
    return {
        "run": results.describe_run(),
        "repeats": options.repeats,
        "epochs": 1 + options.epochs,
        "rows": [{"name": name, **row} for name, row in rows.items()],
    }


def main():
    """Measure the sections that are asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sections", nargs="+", choices=AELAB, default=[*AELAB])
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=installed)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--target", type=float, default=0.0100)
    parser.add_argument("--images", type=int, default=55_000, help="of each part")
    parser.add_argument("--record", action="store_true")
    # One row, which is run in this process.
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for section in options.sections:
        if options.job:
            print(json.dumps(run(section, options.job, options)))
            continue
        numbers = measure(section, options)
        if section == "speed":
            from benchmarks import loops

            numbers["target"] = options.target
            numbers["limit"] = loops.least_seconds(options.images)
        if section == "speed_conv":
            x_test = load(options.images).x_test
            numbers["floor"] = evaluation.cross_entropy(x_test, x_test)
        print(json.dumps(numbers, indent=1))
        if options.record:
            results.record(section, numbers)


if __name__ == "__main__":
    main()
