"""transformers' Trainer: the rate at every real update, the rate it logs, and a resume from its checkpoints."""

import json

import pytest
import torch
from watched import PLAN, WatchedSGD, line, planned, samples

from stepsize import Horizon
from stepsize.pytorch import Scheduler, layer_decay

transformers = pytest.importorskip("transformers", reason="needs stepsize[frameworks]")
pytest.importorskip("accelerate", reason="needs stepsize[frameworks]")

UPDATES = 16
ACCUMULATED = 4

MODES = pytest.mark.parametrize("auto", [False, True], ids=["stepped", "auto"])


class Line(torch.nn.Module):
    """A model in the Trainer's form."""

    def __init__(self):
        super().__init__()
        self.layer = line()

    def forward(self, x):
        return {"loss": self.layer(x).square().mean()}


class Training:
    """One run of the Trainer."""

    def __init__(self, folder, auto, resume=None, micro_batches=40, **more):
        self.model = Line()
        self.optimizer = WatchedSGD(self.model.parameters())
        self.scheduler = Scheduler(self.optimizer, PLAN, auto=auto)
        self.trainer = transformers.Trainer(
            self.model,
            transformers.TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=2,
                gradient_accumulation_steps=ACCUMULATED,
                logging_steps=1,
                save_steps=5,
                report_to=[],
                disable_tqdm=True,
                use_cpu=True,
                **(more or {"max_steps": UPDATES}),
            ),
            train_dataset=[{"x": x} for x in samples(2 * micro_batches)],
            optimizers=(self.optimizer, self.scheduler),
        )
        self.trainer.train(resume_from_checkpoint=resume)

    def logged(self):
        return [entry["learning_rate"] for entry in self.trainer.state.log_history if "learning_rate" in entry]


@pytest.fixture(scope="module", params=[False, True], ids=["stepped", "auto"])
def whole(request, tmp_path_factory):
    """A training from its beginning to its end, with its mode and the folder of its checkpoints."""
    folder = tmp_path_factory.mktemp("trainer")
    return Training(folder, request.param), request.param, folder


def test_pain_2_the_rate_at_every_update(whole):
    training, _, _ = whole
    assert training.optimizer.used == planned(0, UPDATES)
    assert training.scheduler.position == UPDATES


def test_the_rate_that_is_logged_is_the_one_used_or_the_next_one_under_auto(whole):
    """The Trainer reads it between the optimizer's step and the scheduler's; under auto the next rate is there."""
    training, auto, _ = whole
    assert training.logged() == (planned(1, UPDATES + 1) if auto else training.optimizer.used)


@MODES
def test_pain_2_what_is_left_over_at_the_end_of_an_epoch_makes_one_update(auto, tmp_path):
    training = Training(tmp_path, auto, micro_batches=10, num_train_epochs=2)
    horizon = Horizon(samples=20, batch=2, epochs=2, accumulation=ACCUMULATED)
    assert training.optimizer.used == planned(0, horizon.steps) == planned(0, 6)


@pytest.mark.parametrize("done", [5, 10, 15])
def test_pain_1_a_run_resumed_from_a_checkpoint_is_the_same_run(done, whole, tmp_path):
    training, auto, folder = whole
    again = Training(tmp_path, auto, resume=str(folder / f"checkpoint-{done}"))
    assert again.optimizer.used == planned(done, UPDATES)
    assert torch.equal(again.model.layer.weight, training.model.layer.weight)


def test_pain_2_with_two_processes_the_trainer_makes_one_step_for_an_update(trained_in_two_processes):
    """Unlike Accelerate, on which it is built."""
    for process in (0, 1):
        result = json.loads((trained_in_two_processes / f"trainer-{process}.json").read_text())
        assert result == [2, planned(0, UPDATES), UPDATES]


def one_of_two_processes(folder):
    torch.set_num_threads(1)
    training = Training(folder / "out", auto=False)
    result = [torch.distributed.get_world_size(), training.optimizer.used, training.scheduler.position]
    (folder / f"trainer-{torch.distributed.get_rank()}.json").write_text(json.dumps(result))


MODELS = {
    "ViT": {"embeddings": 0, "layers.0.": 1, "layers.1.": 2, "vit.layernorm": 2, "classifier": 3},
    "Bert": {"embeddings": 0, "encoder.layer.0.": 1, "encoder.layer.1.": 2, "pooler": 3, "classifier": 3},
    "GPT2": {"wte": 0, "wpe": 0, "h.0.": 1, "h.1.": 2, "ln_f": 2, "score": 3},
}


@pytest.mark.parametrize(("kind", "expected"), MODELS.items(), ids=MODELS)
def test_layer_decay_finds_the_depths(kind, expected):
    task = "Image" if kind == "ViT" else "Sequence"
    more = {"image_size": 8, "patch_size": 4} if kind == "ViT" else {"vocab_size": 11, "eos_token_id": 0}
    size = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = getattr(transformers, f"{kind}Config")(**size, **more, bos_token_id=0)
    model = getattr(transformers, f"{kind}For{task}Classification")(config)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {names[id(p)]: group["lr_scale"] for group in layer_decay(model, 0.5).groups for p in group["params"]}
    assert len(found) == len(names)
    for name, scale in found.items():
        assert [scale] == [0.5 ** (3 - depth) for part, depth in expected.items() if part in name], name
