"""Keras's `fit` as a training loop."""

import keras
import numpy as np

from stepsize.interop import to_keras


class Logs(keras.callbacks.Callback):
    def __init__(self, run):
        super().__init__()
        self.run, self.step = run, 0

    def on_train_batch_end(self, batch, logs=None):
        rate = float(self.model.optimizer.learning_rate)  # of the next update
        self.step += 1
        self.run.log(self.step, lr=rate, train_loss=logs["loss"])
        self.model.stop_training = self.run.stop


def train(run):
    keras.utils.set_random_seed(run.seed)
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(to_keras(run.schedule)), "mse")
    epochs = run.steps // 4
    model.fit(x, 2 * x + 1, batch_size=16, epochs=epochs, verbose=0, callbacks=[Logs(run)])
