"""Many repositories: plan, run each in a child process, ingest, ask, serve."""
