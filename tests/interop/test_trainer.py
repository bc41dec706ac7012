"""The schedule of TrainingArguments is what transformers' Trainer gives the optimizer, accumulation included."""

from pathlib import Path
from typing import Any

import pytest

from stepsize import Horizon
from stepsize.interop import from_transformers


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [("cosine", {}), ("warmup_stable_decay", {"num_decay_steps": 4}), ("cosine_with_restarts", {"num_cycles": 2})],
)
def test_the_trainer_applies_these_rates(name: str, kwargs: dict[str, Any], tmp_path: Path) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    applied = []

    class Model(torch.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            return {"loss": (self.layer(x) - labels).square().mean()}

    class Recording(torch.optim.SGD):  # type: ignore[name-defined, misc]
        def step(self, *args: Any, **kwargs: Any) -> Any:
            applied.append(self.param_groups[0]["lr"])
            return super().step(*args, **kwargs)

    arguments = transformers.TrainingArguments(
        output_dir=tmp_path,
        num_train_epochs=3,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        warmup_steps=0.3,
        lr_scheduler_type=name,
        lr_scheduler_kwargs=kwargs,
        learning_rate=0.3,
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
    )
    model = Model()
    samples = [{"x": torch.ones(1), "labels": torch.zeros(1)} for _ in range(37)]
    optimizer = Recording(model.parameters(), lr=0.3)
    transformers.Trainer(model, arguments, train_dataset=samples, optimizers=(optimizer, None)).train()

    schedule = from_transformers(arguments, horizon=Horizon(samples=37, batch=4, epochs=3, accumulation=2))
    assert len(applied) == 15
    assert applied == pytest.approx(list(schedule(list(range(15)))), rel=1e-12, abs=1e-15)
