"""A program that knows nothing of stepsize: its log has names of its own."""

import argparse
import csv
import sys
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--rates", "--schedule", "--name", "--seed", "--steps", "--out"):
        parser.add_argument(name)
    given = parser.parse_args()
    print(sys.argv[1:], flush=True)
    with open(given.rates, newline="") as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert len(rates) == int(given.steps)
    with open(Path(given.out, "log.csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "learning_rate", "loss", "val_acc", "phase"])
        for step in range(5, len(rates) + 1, 5):
            score = step / 100 + int(given.seed) / 1000 if step % 10 == 0 else ""
            writer.writerow([step, rates[step - 1], 1 / step, score, "warm"])
