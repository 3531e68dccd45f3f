"""What is said of a run before it trains: the head on the screen, and environment.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ganctl import build
from ganctl.processes import launch_name
from ganctl.record.environment import environment
from ganctl.record.wording import counted

if TYPE_CHECKING:
    from ganctl.job.journal import Journal


def head(journal: Journal) -> dict[str, str]:
    """Data, networks, loss, device, budget and folder, a line each."""
    session, config = journal.session, journal.config
    channels, height, width = session.spec.image_shape
    images = counted(len(session.store.images), "image")
    networks = {
        name: build.described(config[group], session.state.networks[name])
        for name, group in session.game.networks.items()
    }
    return {
        "data": f"{session.spec.name}: {images} of {width}x{height}x{channels}",
        **journal.about.header,
        **networks,
        "loss": ", ".join([build.name_of(config.loss), *config.regularizer, *config.augment, *config.term]),
        "device": f"{session.device}, {counted(torch.get_num_threads(), 'thread')}"
        + (f" (steps are not recorded: {why})" if (why := session.unrecorded) else "")
        + (f", {size} processes of as many" if (size := session.world.size) > 1 else ""),
        "budget": f"{counted(session.total_steps, 'step')} of {config.training.batch_size} images"
        + (f", going on after step {session.first_step:,}" if session.first_step else "")
        + (f", attempt {attempt + 1}" if (attempt := session.state.attempt) else "")
        + (f", {counted(limit, 'minute')} at most" if (limit := config.stop.max_minutes) is not None else ""),
        "folder": str(journal.folder),
        **journal.trackers.commands(journal.folder, "curves"),
    }


def facts(journal: Journal) -> dict[str, Any]:
    """Versions and machine, and what the run is made of, as plain data."""
    session = journal.session
    return environment() | {
        "seed": journal.config.seed,
        "choices": journal.about.choices,
        "device": str(session.device),
        "processes": session.world.size,
        "launch": launch_name(),
        "data_hash": session.store.content_hash,
        "options": journal.options,
    }
