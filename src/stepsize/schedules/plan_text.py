"""Reading a plan from text: a call of `Plan` whose arguments are schedules, numbers, tuples, lists and mappings."""

from dataclasses import replace
from typing import Any

from stepsize.errors import ArgumentError, quoted, raise_together
from stepsize.horizon import Horizon
from stepsize.schedules.assignment import ConstantProduct
from stepsize.schedules.base import Schedule
from stepsize.schedules.grammar import Call, Items, Literal, Named, Node
from stepsize.schedules.plan import Plan
from stepsize.schedules.text import Evaluation


def parse_plan(text: str, horizon: Horizon | None, functions: bool, clock: str) -> Plan:
    """The plan that a text describes."""
    return _PlanText.of(text, horizon, functions, clock).plan()


def parse_either(
    text: str, horizon: Horizon | None = None, functions: bool = False, clock: str = "steps"
) -> Schedule | Plan:
    """The schedule or the plan that a text describes."""
    given = _PlanText.of(text, horizon, functions, clock)
    return given.plan() if given.is_plan else given.schedule_or_constant()


def parse_rate(text: str) -> Schedule:
    """The schedule of the rate in the text of a schedule or of a plan."""
    given = parse_either(text)
    return given if isinstance(given, Schedule) else rate_of_plan("parse_rate", "text", given)


def rate_of_plan(owner: str, argument: str, plan: Plan) -> Schedule:
    """The schedule of the rate in a plan that `owner` was given."""
    rate = plan.get("lr")
    if isinstance(rate, Schedule):
        return rate
    raise ArgumentError(owner, argument, "a Plan with one schedule of lr", plan)


class _PlanText(Evaluation):
    @property
    def is_plan(self) -> bool:
        return isinstance(self.tree, Call) and self.tree.name == "Plan" and self.tree.target is None

    def plan(self) -> Plan:
        call = self.tree
        if not isinstance(call, Call) or not self.is_plan:
            raise self.error("this is not a Plan", call.position, "write Plan(lr=..., weight_decay=...)")
        if call.arguments:
            raise self.error("a Plan has names for its entries", call.arguments[0].position, "write Plan(lr=...)")
        places = {name: node.position for name, node in reversed(call.keywords)}
        for name, node in call.keywords:
            if node.position != places[name]:
                raise self.error(f'Plan is given "{name}" twice', node.position)
        nodes = dict(call.keywords)
        relative = self._flag(nodes.pop("relative")) if "relative" in nodes else None
        given = {name: self._entry(node) for name, node in nodes.items()}
        try:
            return Plan.of("Plan", given, relative)
        except ArgumentError as error:
            each_problem = error.separated()
            raise_together([self.error(str(e), places.get(e.argument, call.position)) for e in each_problem])
            raise

    def _entry(self, node: Node) -> Any:
        match node:
            case Named():
                courses: dict[str, Any] = {}
                for name, item in node.items:
                    if name in courses:
                        raise self.error(f"the group {quoted(name)} is given twice", item.position)
                    courses[name] = self._course(item)
                return courses
            case Items(bracket="["):
                return [self._course(item) for item in node.items]
        return self._course(node)

    def _course(self, node: Node) -> Any:
        match node:
            case Items(bracket="("):
                return tuple(self._alone(item) for item in node.items)
            case Call(name="ConstantProduct", target=None):
                return self._constant_product(node)
        return self._alone(node)

    def _constant_product(self, call: Call) -> ConstantProduct:
        match call.arguments, call.keywords:
            case ((product,), ()) | ((), (("product", product),)):
                try:
                    return ConstantProduct(self._alone(product))  # type: ignore[arg-type]
                except ArgumentError as error:
                    raise self.error(str(error), product.position) from None
        raise self.error("ConstantProduct has one argument", call.position, "write ConstantProduct(product)")

    def _alone(self, node: Node) -> Schedule | float:
        return replace(self, tree=node).schedule_or_number()  # with a "rest" of its own

    def _flag(self, node: Node) -> bool:
        if isinstance(node, Literal) and node.kind == "name" and node.value in ("True", "False"):
            return node.value == "True"
        raise self.error("relative must be True or False", node.position)
