"""A small language model in Flax NNX, with gradients accumulated over four micro-batches."""

import jax
import optax
from flax import nnx

STEPS = 100
WORDS, WIDTH = 17, 16
tokens = jax.random.randint(jax.random.key(0), (STEPS, 4, 12), 0, WORDS)
tokens = tokens.at[:, :, 1::2].set((3 * tokens[:, :, ::2] + 1) % WORDS)  # every second word follows


class LanguageModel(nnx.Module):
    """One hidden layer from the last word to the next."""

    def __init__(self, rngs: nnx.Rngs):
        self.embedding = nnx.Embed(WORDS, WIDTH, rngs=rngs)
        self.hidden = nnx.Linear(WIDTH, 2 * WIDTH, rngs=rngs)
        self.norm = nnx.RMSNorm(2 * WIDTH, rngs=rngs)
        self.head = nnx.Linear(2 * WIDTH, WORDS, rngs=rngs)

    def __call__(self, words):
        return self.head(self.norm(nnx.gelu(self.hidden(self.embedding(words)))))


model = LanguageModel(nnx.Rngs(1))
tx = optax.MultiSteps(
    optax.chain(
        optax.scale_by_adam(b2=0.95),
        optax.add_decayed_weights(0.01),
        optax.scale_by_schedule(optax.cosine_decay_schedule(init_value=0.02, decay_steps=STEPS // 4)),
        optax.scale(-1.0),
    ),
    every_k_schedule=4,
)
optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)


@nnx.jit
def step(model, optimizer, batch):
    def loss_fn(model):
        logits = model(batch[:, :-1])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch[:, 1:]).mean()

    loss, gradients = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(model, gradients)
    return loss


losses = [float(step(model, optimizer, batch)) for batch in tokens]
params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
