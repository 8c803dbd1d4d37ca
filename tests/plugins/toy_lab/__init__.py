"""A lab's own package, with a modality and a layout. It leaves a mark where it is imported."""

from pathlib import Path

Path(__file__).with_name("imported").touch()
