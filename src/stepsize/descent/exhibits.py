"""The exhibits of the gallery: a title, some words, and what makes the content."""

from collections.abc import Callable
from dataclasses import dataclass

from stepsize.descent import showings, showings_of_rates
from stepsize.descent.showings import Content


@dataclass(frozen=True)
class Exhibit:
    """One picture of the gallery: the name of its file, its title, what is to be seen, and what makes it.

    `moving` ones are shown as animations too.
    """

    name: str
    title: str
    caption: str
    content: Callable[[], Content]
    moving: bool = False


EXHIBITS: tuple[Exhibit, ...] = (
    Exhibit(
        "minima",
        "Local and global minimum",
        "Two starts on the two sides of a hill end in different minima under the same rate.",
        showings.minima,
    ),
    Exhibit(
        "saddles",
        "Saddle points",
        "Where the gradient vanishes a descent slows down, minimum or not. On x^3 it stays; a saddle it leaves in "
        "the end, along the direction that goes down.",
        showings.saddles,
    ),
    Exhibit(
        "vanishing",
        "Vanishing gradients",
        "Far out, tanh is flat: the same rate that works near the middle gets nowhere from 4.",
        showings.vanishing,
    ),
    Exhibit(
        "convex-functions",
        "Convex functions",
        "A function is convex where no chord passes below it. Of 20,000 chords the one is drawn that passes "
        "furthest below.",
        showings.convex_functions,
    ),
    Exhibit(
        "convex-sets",
        "Convex sets",
        "A set is convex where no chord between two of its points leaves it. What convex sets share is convex; what "
        "they cover together need not be.",
        showings.convex_sets,
    ),
    Exhibit(
        "rates",
        "How large may a step be?",
        "Ten steps from 10 on x^2, and thirty from 1.6 on a wave, where a rate that is too large jumps over the "
        "global minimum and ends in the other.",
        showings.rates_in_one_dimension,
        moving=True,
    ),
    Exhibit(
        "gradient-descent",
        "Gradient descent",
        "On 0.1 x^2 + 2 y^2 the steep direction sets the limit: at 0.4 it converges there and crawls along the flat "
        "one, at 0.6 it diverges.",
        showings.gradient_descent,
    ),
    Exhibit(
        "stochastic",
        "Noise, and rates that fall",
        "Gradients of x^2 + 2 y^2 with noise of standard deviation 1, 200 steps. Under a constant rate the descent "
        "wanders around the minimum for ever; an exponential decay stops short of it; an inverse power reaches it.",
        showings_of_rates.stochastic,
        moving=True,
    ),
    Exhibit(
        "more-decays",
        "More rates that fall",
        "Nearer to the minimum, with twice the noise: a path wanders as far as its rate is large. A square root is "
        "small soon, a polynomial of power 0.5 late.",
        showings_of_rates.more_decays,
    ),
    Exhibit(
        "rises",
        "Rates that rise and fall",
        "From the same place, with the same noise. A warmup begins with small steps; restarts and cycles of full "
        "height make the path wander wide again, and cycles of half the height each do so less and less.",
        showings_of_rates.rises,
    ),
    Exhibit(
        "batches",
        "Batches, over wall time",
        "Least squares on scikit-learn's diabetes data. One sample at a time learns most from each sample, and large "
        "batches most from each second, until both meet at the lowest loss. Times are those of the machine that made "
        "this picture.",
        showings.batches,
    ),
    Exhibit(
        "momentum",
        "Momentum",
        "At 0.6 gradient descent diverges. A velocity averages the steps to and fro away and adds up those along.",
        showings.momentum,
        moving=True,
    ),
    Exhibit(
        "adagrad",
        "AdaGrad",
        "The rate falls with all the squares so far: at 0.4 it is used up too early, at 2 the descent arrives.",
        showings.adagrad,
    ),
    Exhibit(
        "rmsprop",
        "RMSProp",
        "A running mean forgets the large gradients of the beginning: at 0.4, where AdaGrad stalls, it arrives.",
        showings.rmsprop,
    ),
    Exhibit(
        "adadelta",
        "Adadelta",
        "Without a rate: steps grow from tiny ones to the scale of the problem.",
        showings.adadelta,
    ),
    Exhibit(
        "adam",
        "Adam",
        "Momentum and RMSProp together. With a shorter memory of squares it dares larger steps at the end.",
        showings.adam,
    ),
    Exhibit(
        "optimizers",
        "Every optimizer on one bowl",
        "40 steps on 0.1 x^2 + 2 y^2 from (-5, -2). Adadelta, which has no rate, has only begun.",
        showings.every_optimizer,
        moving=True,
    ),
    Exhibit(
        "test-surfaces",
        "Surfaces to fail on",
        "200 steps, each optimizer at the one of six rates, 0.0003 to 0.1, under which its last 50 steps lie lowest. "
        "A bent valley, a plateau, four minima, and a field of dents: most stay in theirs, and a rate that is large "
        "enough to leave it is too large to settle in the middle.",
        showings.hard_surfaces,
        moving=True,
    ),
    Exhibit(
        "many-starts",
        "Many starts at once",
        "144 starts on Himmelblau's function as one array, 100 steps: which of the four minima each one finds.",
        showings.many_starts,
    ),
)
