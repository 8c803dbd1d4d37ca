"""`python -m d2b_ray.cli` is `d2b-ray`."""

from d2b_ray.cli import main

if __name__ == "__main__":
    main()
