"""The sample grids of a run: the same samples as ever, beside real images in the same layout."""

from pathlib import Path

from torch import Tensor

from ganctl.contract import Sourced
from ganctl.job.real_grid import real_grid
from ganctl.job.session import Session
from ganctl.job.trackers import Trackers
from ganctl.record.image_grid import make_grid, save_grid
from ganctl.training.drawer import Drawer


class Grids:
    """Draws the grids of `session` into `folder`, and shows them to the `trackers`."""

    def __init__(self, session: Session, folder: Path, trackers: Trackers) -> None:
        self._session, self._folder, self._trackers = session, folder, trackers
        self._seed, self._grid = session.config.seed, session.config.output.grid

    def save(self) -> None:
        """Those of now, by the averaged generator."""
        step = self._session.state.step
        images, columns = self._drawn(self._session.drawer())
        save_grid(images, self._folder / f"step-{step:08d}.png", columns=columns)
        self._trackers.grid(step, "samples/generated", make_grid(images, columns))

    def save_best(self, drawer: Drawer) -> None:
        """The same samples, drawn by the best generator."""
        images, columns = self._drawn(drawer)
        save_grid(images, self._folder / "best.png", columns=columns)

    def save_first(self) -> None:
        """Real images in the layout of the samples, to look at beside them; and what the untrained generator draws."""
        path = self._folder / "real.png"
        if not path.exists():
            given, columns = self._session.task.grid(self._seed, self._grid)
            count, labels = len(next(iter(given.values()))), given.get("labels")
            asked = None if columns is None or labels is None else labels.numpy()
            images = real_grid(self._session.store, count, asked, self._seed)
            save_grid(images, path, columns=columns)
            self._trackers.grid(0, "samples/real", make_grid(images, columns))
        if self._session.state.step == 0 and self._session.config.output.sample_early:
            self.save()

    def _drawn(self, drawer: Drawer) -> tuple[Tensor, int | None]:
        """Samples as people look at them: those of a translation beside their sources."""
        task = self._session.task
        given, columns = task.grid(self._seed, self._grid)
        images = drawer.draw(given)
        return task.pictures(given, images) if isinstance(task, Sourced) else (images, columns)
