"""The benchmark suite: Sensorium beside the limit of the language and beside its peers.

Read :mod:`sensorium_benchmarks.contract` first: it says what a benchmark is. Run by
``sensorium bench``; nothing here is part of the installed package.
"""
