"""The schedules that the page offers: one text for every recipe and shape, all 1,000 steps long or endless."""

RECIPES = {
    "warmup_cosine": "warmup_cosine(0.3, 100, 1000, final_lr=0.01)",
    "wsd": "wsd(0.3, 100, 700, 200)",
    "wsds": "wsds(0.3, 100, (250, 250), (200, 200))",
    "one_cycle": "one_cycle(0.3, 1000)",
    "sgdr": "sgdr(0.3, 142, 3, stretch=2)",
    "cyclic": "cyclic(0.05, 0.3, 100, 100)",
    "noam": "noam(512, 400)",
    "inverse_sqrt": "inverse_sqrt(0.3, 100)",
    "warmup": 'warmup(Polynomial(0.3, 0, 900, 2), 100, shape="cosine")',
    "infinite": "infinite(0.3, 0.15, 100, 300, 400, 200)",
    "rewarm": "rewarm(Cosine(0.3, 0.03, 500), 500, 0.3, 50, 450)",
    "one_cycle_momentum": "one_cycle_momentum(1000)",
    "cooldown": "warmup(Constant(0.3), 100).cooldown(800, 200)",
}
SHAPES = {
    "Constant": "Constant(0.3, 1000)",
    "Linear": "Linear(0.3, 0, 1000)",
    "Cosine": "Cosine(0.3, 0.01, 1000)",
    "Polynomial": "Polynomial(0.3, 0, 1000, 2)",
    "Geometric": "Geometric(0.3, 0.003, 1000)",
    "OneMinusSqrt": "OneMinusSqrt(0.3, 0, 1000)",
    "Rex": "Rex(0.3, 0, 1000)",
    "Logarithmic": "Logarithmic(0, 0.3, 1000)",
    "Exponential": "Exponential(0.3, 0.5, 200)",
    "Staircase": "Staircase(0.3, 0.5, 200)",
    "MultiStep": "MultiStep(0.3, 0.1, (500, 750))",
    "Piecewise": "Piecewise((0.3, 0.1, 0.03), (500, 750))",
    "InversePower": "InversePower(0.3, 0.01)",
    "Triangle": "Triangle(0.05, 0.3, 300, 700)",
    "Knots": "Knots(((0, 0), (100, 0.3), (600, 0.1), (1000, 0)))",
    "Table": "Table((0.3, 0.2, 0.1, 0.05)).every(250)",
}
EXAMPLES = {"Recipes": RECIPES, "Shapes": SHAPES}
"""Texts by name, in groups."""

FIRST = (RECIPES["warmup_cosine"], RECIPES["wsd"])
"""What the page opens with."""
OPTIMIZERS = (
    "GradientDescent()",
    "Momentum(0.9)",
    "Momentum(0.9, nesterov=True)",
    "AdaGrad()",
    "RMSProp(0.9)",
    "Adadelta(0.9)",
    "Adam(0.9, 0.999)",
    "AdamW(0.9, 0.999, weight_decay=0.01)",
)
