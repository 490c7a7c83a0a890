"""What a conversation looks like in a terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sensorium_agents.turn import Turn

console = Console(highlight=False, soft_wrap=True)
notes = Console(stderr=True, highlight=False, soft_wrap=True)


def tell_shown(path: Path) -> None:
    """The agent has looked at a file."""
    console.print(f"[cyan]  sees[/]  {escape(path.name)}")


def tell_heard(path: Path, words: str) -> None:
    """The agent has listened to a file."""
    said = f"“{escape(words)}”" if words else "[dim]no words[/]"
    console.print(f"[cyan] hears[/]  {escape(path.name)}  {said}")


def tell_asked(text: str) -> None:
    """The user has typed a question."""
    console.print(f"[cyan] reads[/]  “{escape(text)}”")


def tell_reply(turn: Turn) -> None:
    """The agent has answered."""
    console.print(f"[bold green]  says[/]  [bold]{escape(turn.reply)}[/]")
    known = summary(turn)
    if known:
        console.print(f"        [dim]knew: {escape(known)}[/]")
    latency = turn.latency_ms()
    parts = [
        f"{name.replace('_', ' ')} {value / 1000:.2f} s"
        for name, value in latency.items()
        if value is not None
    ]
    where = f"  ·  {turn.reply_audio}" if turn.reply_audio else ""
    console.print(f"        [dim]{' · '.join(parts)}{escape(where)}[/]\n")


def summary(turn: Turn) -> str:
    """The percepts a reply could rest on, in a line."""
    seen = Counter(p.text for p in turn.percepts if p.kind == "seen")
    faces = sum(p.kind == "face" for p in turn.percepts)
    parts = [f"{n} {label}" if n > 1 else label for label, n in seen.items()]
    if faces:
        parts.append(f"{faces} face{'s' if faces > 1 else ''}")
    best = [p for p in turn.percepts if p.kind == "class"][:1]
    parts += [f"looks like {p.text} ({p.score:.0%})" for p in best]
    if turn.read:
        parts.append(f"{len(turn.read)} lines of text")
    return ", ".join(parts)
