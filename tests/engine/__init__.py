"""One room of tests: what they share of a cluster ends with them."""
