"""Many jobs: slots held for a job's life, outcomes as they finish, results brought onto the disk."""
