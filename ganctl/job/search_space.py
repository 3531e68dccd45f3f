"""The space that a search looks through: what was typed as `interval`, `choice`, `range` or `a,b` as distributions.

optimizer.lr=tag(log,interval(1e-4,1e-2))   a number, on a logarithmic scale
generator.width=int(interval(16,64))        a whole number, both ends included
model=choice(dcgan,mlp)   model=dcgan,mlp   one of several
training.batch_size=range(16,65,16)         one of the numbers, the end excluded as everywhere in Hydra
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ganctl.configuration.names import value_text
from ganctl.forms import MOST_JOBS
from ganctl.job.expansion import key_of

MOST_VALUES = 1000  # of one key
_TAGS = {"log", "int"}
_JUDGING = ("feature", "metric", "evaluation", "dataset", "stop", "final_fid")

Value = str | int | float


@dataclass(frozen=True)
class Dimension:
    """One key that a search varies: what is typed for it, and its distribution.

    `head` is the key with its `+`; `text` the whole override, from which the dimension can be read again.
    """

    key: str
    head: str
    text: str
    distribution: BaseDistribution

    def override(self, value: Value) -> str:
        """The override that gives the key this value."""
        return f"{self.head}={value if isinstance(value, str) else value_text(value)}"

    def examples(self) -> list[Value]:
        """The values that show whether the rest will do: all of a choice, both ends of an interval."""
        if isinstance(self.distribution, CategoricalDistribution):
            return list(self.distribution.choices)  # type: ignore[arg-type]
        return [self.distribution.low, self.distribution.high]  # type: ignore[attr-defined]

    def points(self) -> list[Value]:
        """Every value, for a grid. Raises ValueError where there are more than can be listed."""
        values = self.distribution
        if isinstance(values, CategoricalDistribution):
            return list(values.choices)  # type: ignore[arg-type]
        assert isinstance(values, IntDistribution | FloatDistribution)
        step = values.step
        if step is None:
            raise ValueError(f"{self.text}: a grid has no end here; write choice(1,2) or range(0,3,0.5)")
        count = round((values.high - values.low) / step) + 1
        if count > MOST_VALUES:
            raise ValueError(f"{self.text}: has {count:,} values; a grid takes {MOST_VALUES} at most")
        return [values.low + step * place for place in range(count)]


def read_space(parsed: Sequence[Override]) -> list[Dimension]:
    """The dimensions among the overrides. Raises ValueError in one line for one that cannot be searched."""
    dimensions = [_dimension(override) for override in parsed if override.is_sweep_override()]
    if not dimensions:
        example = "optimizer.lr='tag(log,interval(1e-4,1e-2))'"
        raise ValueError(f"hydra/sweeper=optuna: nothing to search for; give a key several values, such as {example}")
    return dimensions


def _dimension(override: Override) -> Dimension:
    key, head = key_of(override), str(override.input_line).partition("=")[0]
    if key == "seed":
        raise ValueError(f"{override.input_line}: seeds are no setting to search for; write hydra.sweeper.seeds=[0,1]")
    if key.partition(".")[0] in _JUDGING:
        need = "trials are compared by a score, which is made alike only where data and judge are the same"
        raise ValueError(f"{override.input_line}: {need}; give it one value")
    if override.is_interval_sweep():
        source = override.value()
        assert isinstance(source, IntervalSweep)
        return Dimension(key, head, str(override.input_line), _interval(override, source))
    source = override.value()
    if isinstance(source, RangeSweep) and not source.shuffle:
        return Dimension(key, head, str(override.input_line), _range(override, source))
    texts = _texts(override)
    return Dimension(key, head, f"{head}=choice({','.join(texts)})", CategoricalDistribution(texts))


def _interval(override: Override, source: IntervalSweep) -> BaseDistribution:
    low, high, tags = source.start, source.end, source.tags
    line = override.input_line
    assert low is not None and high is not None
    if unknown := sorted(set(tags) - _TAGS):
        raise ValueError(f"{line}: the tag {unknown[0]} says nothing to a search; it knows log and int")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{line}: an interval has two ends that are numbers")
    if low >= high:
        raise ValueError(f"{line}: the lower end of an interval comes first, and the upper one is larger")
    if "log" in tags and low <= 0:
        raise ValueError(f"{line}: a logarithmic scale begins above 0; choose a lower end such as {high / 1000:g}")
    if "int" in tags or (isinstance(low, int) and isinstance(high, int)):
        if low != int(low) or high != int(high):
            raise ValueError(f"{line}: the ends of an interval of whole numbers are whole numbers")
        return IntDistribution(int(low), int(high), log="log" in tags)
    return FloatDistribution(float(low), float(high), log="log" in tags)


def _range(override: Override, source: RangeSweep) -> BaseDistribution:
    if source.tags:
        raise ValueError(
            f"{override.input_line}: a range takes no tags; write tag({sorted(source.tags)[0]},interval())"
        )
    try:
        values = list(islice(source.range(), MOST_JOBS + 1))
    except (ValueError, ArithmeticError, HydraException) as error:
        raise ValueError(f"{override.input_line}: its values cannot be told ({type(error).__name__})") from None
    if not values or len(values) > MOST_JOBS:
        need = "there is no such value" if not values else f"has more than {MOST_JOBS:,} values"
        raise ValueError(f"{override.input_line}: {need}; write interval(LOW,HIGH) or other ends")
    low, high = min(values), max(values)
    if all(isinstance(value, int) for value in values):
        return IntDistribution(int(low), int(high), step=abs(int(source.step)))
    return FloatDistribution(float(low), float(high), step=abs(float(source.step)))


def _texts(override: Override) -> list[str]:
    """The values of a choice as they are typed in an override, each once."""
    try:
        texts = list(dict.fromkeys(islice(override.sweep_string_iterator(), MOST_VALUES + 1)))
    except (ValueError, HydraException) as error:
        raise ValueError(f"{override.input_line}: its values cannot be told ({type(error).__name__})") from None
    if not texts or len(texts) > MOST_VALUES:
        need = "there is no such value; give some" if not texts else f"has more than {MOST_VALUES:,} values; give fewer"
        raise ValueError(f"{override.input_line}: {need}")
    return texts
