"""What a job does: where the estimator and the cache meet. Runs in the worker process."""
