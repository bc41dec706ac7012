"""JAX with optax as a training loop; the schedule is evaluated inside the compiled update."""

import jax
import jax.numpy as jnp
import optax


def train(run):
    x = jnp.linspace(-1, 1, 64)[:, None]
    params = {"w": jax.random.normal(jax.random.key(run.seed), (1, 1)), "b": jnp.zeros(1)}
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=run.schedule)
    state = optimizer.init(params)

    def loss_of(params):
        return jnp.mean((x @ params["w"] + params["b"] - 2 * x - 1) ** 2)

    @jax.jit
    def update(params, state):
        loss, gradients = jax.value_and_grad(loss_of)(params)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(params, updates), state, loss

    for step in range(run.steps):
        params, state, loss = update(params, state)
        run.log(step + 1, lr=state.hyperparams["learning_rate"], train_loss=loss)
        if run.stop:
            return
