"""Models of any modality: what a name stands for, weights, sizes, and what a forward pass leaves."""
