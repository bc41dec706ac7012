"""Training under schedules: data, networks, the loop."""
