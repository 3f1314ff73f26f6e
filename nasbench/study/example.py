"""What ``nasbench study new`` writes."""

EXAMPLE = """\
# A study: several runs on one task, one table in the end.
#   nasbench study FILE              runs what is missing; say it again after a stop
#   nasbench study FILE --dry-run    tells what there is to do, and what it costs
#   nasbench study FILE --scale 0.1  a tenth of the epochs, the images and the trials

about: >
  Does searching an architecture beat tuning a small network, for the same number of trials?

task: digits
seeds: 3              # 0, 1 and 2; or a list such as [4, 7]
budget: 8             # of every search and every tuning: 8 trials, '40 epochs' or 15min

# Options of all entries whose command has them, spelled as on the command line.
defaults:
  preset: quick

entries:
  # Each entry is a search, an hpo, a retrain or a train; further lines are that command's options,
  # and those that the command line gives with -o stand under `options:`.
  tuned:
    hpo: small-cnn
    tuner: tpe
    search_space:     # as in NNI's search_space.json; a path is taken, too
      lr: {_type: loguniform, _value: [0.001, 1.0]}
      batch_size: {_type: choice, _value: [32, 64, 128]}
  tuned at random:
    hpo: small-cnn
    tuner: random
  evolution:
    search: evolution
    space: mobilenet-skip
  random search:
    search: random
    space: mobilenet-skip

  # These use what others found, seed by seed, and test it once.
  tuned, tested:
    retrain: tuned
  tuned at random, tested:
    retrain: tuned at random
  evolution, tested:
    retrain: evolution
  random search, tested:
    retrain: random search

  # Nothing is searched here; `reported` is a figure from elsewhere, shown beside ours.
  by hand:
    train: small-cnn
    epochs: 20
    options: {width: 32}
    note: a small network as a textbook has it
"""
