"""What a sweep meets before anything runs: data set, models, features, counts, records. Runs nothing."""
