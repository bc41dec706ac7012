"""MaxText, which cannot be installed here: rates that were measured elsewhere, with four digits."""

from measuring import Case

PACKAGE = "maxtext"

CASES = [
    Case({"learning_rate": 1.0, "warmup_steps_fraction": 0.2, "learning_rate_schedule_steps": 10, "steps": 12}, 12),
    Case(
        {
            "learning_rate": 1.0,
            "lr_schedule_type": "wsd",
            "warmup_steps_fraction": 0.2,
            "wsd_decay_steps_fraction": 0.4,
            "learning_rate_schedule_steps": 10,
            "steps": 12,
        },
        12,
    ),
]
