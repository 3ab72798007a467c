"""What every program's test is made of: processes, observation, load and reports."""
