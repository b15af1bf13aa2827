"""Back-test: what an automation would have done, replayed over the log before it is switched on.

It follows the same definition as the live engine, but all runs at once, a step at a time, each run
at its own moments: columns instead of one world for one instant. A property test holds the two
equal. Nothing is written.
"""
