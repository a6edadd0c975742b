"""Execution of jobs with the estimator and the cache, in the worker process."""
