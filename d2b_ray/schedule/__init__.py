"""What runs next, and what a failure means: pure decisions. No clock, no disk, no arrays, no ray.

`control` is the state machine of a sweep; the engines speak `events` to it and carry out its actions.
"""
