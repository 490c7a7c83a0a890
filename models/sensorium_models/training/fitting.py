"""The trainer: a task, a plan and a folder in; a trained network out, however often it was killed.

In the folder: ``checkpoint.safetensors`` (all there is to go on from), ``weights.safetensors`` (the
weights that training gives), ``history.jsonl`` and ``curves.png``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sensorium.errors import BadInput, TrainingDiverged
from sensorium_models.training.curriculum import Curriculum, Stage
from sensorium_models.training.curves import draw_curves
from sensorium_models.training.history import History, Progress
from sensorium_models.training.plan import Plan
from sensorium_models.training.sampling import Sampler
from sensorium_models.training.state import State, to_device
from sensorium_models.training.stopping import TrainingStopped, Wish, interruptible
from sensorium_models.training.task import Draw, Shares, Task, name_of
from sensorium_models.training.tree import save_weights
from sensorium_models.training.weighting import Weighting

WEIGHTS = "weights.safetensors"
CURVES = "curves.png"
CHECKPOINT_S = 60.0
"""CPU seconds between two checkpoints, where the plan says no steps."""
REPORTS = 100
"""About as many a run, and one every as many steps at the least."""

MakeWeighting = Callable[[Sequence[str]], Weighting]


@dataclass(frozen=True)
class Fitted:
    """A trained network in eval mode, on the CPU, and how it went."""

    network: nn.Module
    score: float
    """Of these weights, and"""
    figures: dict[str, float]
    """all else that was measured of them, and"""
    at_step: int
    """when that was."""
    steps: int
    ended: str
    """steps, minutes (the plan's were spent) or patience."""
    spent_s: float
    """CPU seconds, over all runs of the folder."""
    history: list[dict[str, Any]]
    plan: Plan
    folder: Path
    """It holds the weights, the history and the curves."""

    @property
    def weights(self) -> Path:
        """The file of the weights."""
        return self.folder / WEIGHTS


def fit(
    task: Task[Any],
    plan: Plan,
    folder: Path | str,
    *,
    sampler: Sampler | None = None,
    weighting: MakeWeighting | None = None,
    curriculum: Curriculum | None = None,
    device: str = "cpu",
    resume: bool = True,
    curves: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Train ``task`` as ``plan`` says, and keep everything in ``folder``.

    A run that ended in whatever way goes on from its last checkpoint and ends with the weights that
    it would have had, to the last bit, on the same machine with the same number of threads. A run
    that is done is read, not done again; ``resume=False`` begins anew.

    ``weighting`` makes the weighting from the names of the losses (``Uncertainty``, or
    ``lambda names: Ratio(names, {"words": 2})``); without one losses are added up. ``curves`` says
    whether to draw them, which takes half a second.

    Raises TrainingDiverged for a loss or gradient that is no finite number, BadInput for a folder
    whose run was begun with other numbers, TrainingStopped after Ctrl-C (everything is saved).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cuda = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda), interruptible() as wish:
        run = _Run(task, plan, folder, sampler, curriculum, device, on_progress)
        run.begin(weighting, resume)
        try:
            run.go(wish)
        finally:
            if curves:
                draw_curves(run.history.records, folder / CURVES, name_of(task))
    return run.result()


class _Run:
    def __init__(
        self,
        task: Task[Any],
        plan: Plan,
        folder: Path,
        sampler: Sampler | None,
        curriculum: Curriculum | None,
        device: str,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        if curriculum is not None and curriculum.by_score and plan.evaluate_every is None:
            raise BadInput("a stage of the curriculum waits for a score: say evaluate_every")
        self.task, self.plan, self.folder = task, plan, folder
        self.sampler, self.curriculum, self.device = sampler, curriculum, device
        self.on_progress = on_progress
        self.history = History(folder)
        self.report_every = max(1, min(REPORTS, plan.steps // REPORTS))

    # --- beginning and end --------------------------------------------------------------------

    def begin(self, make: MakeWeighting | None, resume: bool) -> None:
        """A new network, or the one of the last checkpoint."""
        torch.manual_seed(self.plan.seed)
        network = self.task.build(self.plan.seed).to(self.device)
        weighting = None
        if make is not None:
            with torch.no_grad():
                weighting = make(list(self._losses(network, self._draw(0, self._stage(0)))))
            weighting = weighting.to(self.device)
        self.state = State(network, weighting, self.plan)
        self.about = {
            "task": name_of(self.task),
            "plan": self.plan.as_dict(),
            "weighting": type(weighting).__name__,
            "stages": [stage.name for stage in self.curriculum.stages] if self.curriculum else [],
        }
        self.carried = 0.0
        if resume and self.state.load(self.folder, self.about):
            self.carried = self.state.standing.spent_s
            self.history.rewind(self.state.standing.step)
        else:
            self.history.begin()
        self.began = self.saved = time.process_time()

    @property
    def spent(self) -> float:
        return self.carried + time.process_time() - self.began

    def go(self, wish: Wish) -> None:
        """Take steps until it is over, and say why in ``standing.ended``."""
        standing = self.state.standing
        if standing.ended and not self._has_more():
            return
        standing.ended = ""
        while not standing.ended:
            if standing.step >= self.plan.steps:
                standing.ended = "steps"
            elif self.plan.minutes is not None and self.spent >= 60 * self.plan.minutes:
                standing.ended = "minutes"
            else:
                self._step()
                score = self._evaluate() if self._due(self.plan.evaluate_every) else None
                self._move_on(score)
                self._keep(evaluated=score is not None)
            if wish.stop:
                self._stopped()
        if standing.evaluated != standing.step:
            self._evaluate()
        if self.plan.keep == "last":
            self._save_weights()
        self._checkpoint()

    def result(self) -> Fitted:
        """What training gives: the kept weights in a network."""
        standing = self.state.standing
        network = self.state.shown.to("cpu")
        network.load_state_dict(load_file(self.folder / WEIGHTS))
        best = self.plan.keep == "best"
        figures = standing.best_figures if best else standing.figures
        at = standing.best_step if best else standing.step
        return Fitted(
            network.eval().requires_grad_(False), figures[self.task.score], dict(figures), at,
            standing.step, standing.ended, standing.spent_s, self.history.records, self.plan,
            self.folder,
        )  # fmt: skip

    def _has_more(self) -> bool:
        standing, minutes = self.state.standing, self.plan.minutes
        return standing.ended == "minutes" and (minutes is None or standing.spent_s < 60 * minutes)

    def _stopped(self) -> None:
        self.state.standing.ended = ""
        self._checkpoint()
        raise TrainingStopped(
            f"Stopped at step {self.state.standing.step:,} of {self.plan.steps:,}. All of it is in"
            f" {self.folder}: give the same command again to go on."
        )

    # --- a step -------------------------------------------------------------------------------

    def _stage(self, at: int) -> Stage | None:
        return None if self.curriculum is None else self.curriculum.stages[at]

    def _draw(self, index: int, stage: Stage | None) -> Draw:
        size, seed = self.plan.batch, self.plan.seed
        sampler = self.sampler if stage is None or stage.sampler is None else stage.sampler
        rows = None if sampler is None else sampler.take(seed, index * size, size)
        if stage is None:
            return Draw(index, size, seed, chosen=rows)
        return Draw(index, size, seed, stage.name, stage.settings, rows)

    def _losses(self, network: nn.Module, draw: Draw) -> dict[str, Tensor]:
        torch.manual_seed((self.plan.seed * 1_000_003 + draw.index) % 2**63)  # so nothing is kept
        batch = to_device(self.task.batch(draw), self.device)
        with self._cast():
            return dict(self.task.losses(network, batch))

    def _cast(self) -> AbstractContextManager[Any]:
        if self.plan.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.partition(":")[0], torch.bfloat16)

    def _step(self) -> None:
        plan, state = self.plan, self.state
        step = state.standing.step
        rate = plan.rate(step, self.spent)
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        state.network.train()
        state.optimiser.zero_grad()
        sums: dict[str, float] = {}
        for part in range(plan.accumulate):
            draw = self._draw(step * plan.accumulate + part, self._stage(state.standing.stage))
            losses = self._losses(state.network, draw)
            total = self._total(losses)
            for name, value in {**losses, "": total}.items():
                number = float(value.detach())
                if number - number != 0:  # not finite
                    raise self._diverged(f"the loss {name!r}" if name else "the total loss")
                sums[name] = sums.get(name, 0.0) + number / plan.accumulate
            (total / plan.accumulate).backward()  # type: ignore[no-untyped-call]
        limit = float("inf") if plan.clip is None else plan.clip
        norm = nn.utils.clip_grad_norm_(state.network.parameters(), limit)
        if not bool(torch.isfinite(norm)):
            raise self._diverged("the gradient's norm")
        state.optimiser.step()
        if state.weighting is not None:
            state.weighting.stepped()
        state.standing.step = step + 1
        if plan.ema is not None:
            state.average(plan.ema)
        self._count(sums, rate)

    def _total(self, losses: Mapping[str, Tensor]) -> Tensor:
        weighting = self.state.weighting
        if weighting is None:
            return torch.stack([value.float() for value in losses.values()]).sum()
        shared: list[nn.Parameter] = []
        if weighting.needs_shared and isinstance(self.task, Shares):
            shared = self.task.shared(self.state.network)
        return weighting.total(losses, shared)

    def _diverged(self, what: str) -> TrainingDiverged:
        return TrainingDiverged(
            name_of(self.task), self.state.standing.step, what,
            f"The last good checkpoint is in {self.folder}. Try a lower learning rate, a longer"
            " warm-up, or look for what is not finite in the data.",
        )  # fmt: skip

    # --- between steps ------------------------------------------------------------------------

    def _due(self, every: int | None) -> bool:
        return every is not None and self.state.standing.step % every == 0

    def _count(self, sums: Mapping[str, float], rate: float) -> None:
        standing = self.state.standing
        for name, value in sums.items():
            standing.sums[name] = standing.sums.get(name, 0.0) + value
        standing.summed += 1
        if standing.step % self.report_every and standing.step != self.plan.steps:
            return
        means = {name: value / standing.summed for name, value in standing.sums.items()}
        standing.sums, standing.summed = {}, 0
        stage = self._stage(standing.stage)
        named = "" if stage is None else stage.name
        self.last = Progress(
            standing.step, self.plan.steps, means.pop(""), means, rate, self.spent, named
        )
        record: dict[str, Any] = {"step": standing.step, "loss": self.last.loss, "losses": means,
                                  "rate": rate, "spent_s": round(self.spent, 3)}  # fmt: skip
        if named:
            record["stage"] = named
        if self.state.weighting is not None:
            record["weights"] = self.state.weighting.now()
        self.history.add(record)
        if self.on_progress is not None and not self._due(self.plan.evaluate_every):
            self.on_progress(self.last)

    def _evaluate(self) -> float:
        """Measure; remember the best."""
        standing, task = self.state.standing, self.task
        network = self.state.shown.eval()
        torch.manual_seed(self.plan.seed)
        with torch.no_grad(), self._cast():
            figures = {name: float(value) for name, value in task.validate(network).items()}
        if task.score not in figures:
            raise BadInput(f"{name_of(task)}.validate gives no {task.score!r}: {sorted(figures)}")
        score = figures[task.score]
        standing.evaluated, standing.figures = standing.step, figures
        self.history.add(
            {"step": standing.step, "figures": figures, "spent_s": round(self.spent, 3)}
        )
        if standing.best is None or score > standing.best:
            standing.best, standing.best_step, standing.stale = score, standing.step, 0
            standing.best_figures = figures
            if self.plan.keep == "best":
                self._save_weights()
        else:
            standing.stale += 1
        if self.on_progress is not None:
            self.on_progress(self._told(figures))
        return score

    def _told(self, figures: dict[str, float]) -> Progress:
        last = getattr(self, "last", None)
        loss, losses, rate = (
            (last.loss, last.losses, last.rate) if last else (float("nan"), {}, 0.0)
        )
        standing = self.state.standing
        stage = self._stage(standing.stage)
        named = "" if stage is None else stage.name
        return Progress(
            standing.step, self.plan.steps, loss, losses, rate, self.spent, named, figures
        )

    def _move_on(self, score: float | None) -> None:
        standing, patience = self.state.standing, self.plan.patience
        if self.curriculum is not None:
            steps_in = standing.step - standing.stage_began
            following = self.curriculum.next_stage(standing.stage, steps_in, score)
            if following != standing.stage:
                standing.stage, standing.stage_began, standing.stale = following, standing.step, 0
        last = self.curriculum is None or standing.stage + 1 == len(self.curriculum.stages)
        if score is not None and patience is not None and last and standing.stale >= patience:
            standing.ended = "patience"

    def _keep(self, *, evaluated: bool) -> None:
        every = self.plan.checkpoint_every
        waited = time.process_time() - self.saved >= CHECKPOINT_S
        if evaluated or self._due(every) or (every is None and waited):
            self._checkpoint()

    def _checkpoint(self) -> None:
        self.state.standing.spent_s = self.spent
        self.state.save(self.folder, self.about)
        self.saved = time.process_time()

    def _save_weights(self) -> None:
        save_weights(
            self.folder / WEIGHTS,
            self.state.shown.state_dict(),
            {"task": name_of(self.task), "step": str(self.state.standing.step)},
        )
