"""Carrying out a plan: `session` is the entrance; `inline` runs here, `on_ray` on a cluster."""
