"""Made-up bytes for everything that reads what others wrote: `python -m fuzz [--seconds N] [TARGET ...]`.

engine.py makes inputs out of inputs, targets.py says what each may lead to: it is accepted, or refused with one of the
documented errors, within the memory limit and the same at any cut. Whatever else happens is a bug, and its input is
kept below fuzz/failures with the command that runs it again.
"""
