"""What cannot be imported."""

raise RuntimeError("no licence\nfor this machine")
