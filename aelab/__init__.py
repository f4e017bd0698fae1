"""aelab: a course on autoencoders, as lessons on a small Keras 3 package.

data           images to learn from: MNIST, Fashion-MNIST, glyphs, or your own
models         autoencoders, variational autoencoders, U-Nets, and their halves
losses         likelihoods and KL divergences, in nats for each example
layers         drawing a code, keeping its k strongest units
penalties      penalties on a code: L1, KL to a target activity, the Jacobian
corruption     layers that corrupt images: noise, masks, affine augmentation
training       one call that trains, its schedule and settings, and the ramp
evaluation     numbers: errors, baselines, probes, neighbours, clusters, bits
plots          pictures: arrays in, Axes out: images, curves, maps, diagrams
lesson         what every lesson's cells call
records        what long comparisons gave, so that not every reader trains them
settings       the environment variables
checks         the checks of arguments, each in one wording
runner         notebooks run without a browser; `cli` and `doctor` are the commands

`python -m aelab run 01` runs a lesson, `python -m aelab doctor` checks the machine.
"""

__version__ = "0.2.0"
