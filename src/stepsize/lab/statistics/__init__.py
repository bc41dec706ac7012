"""What the results of several schedules and seeds say."""
