"""Fetch recorded human prompts with their transcripts, to measure a recogniser on.

    python scripts/fetch_prompts.py                      # the subset kept in assets/prompts
    python scripts/fetch_prompts.py --all --out prompts  # every plain sentence

The recordings are Debian's asterisk-core-sounds-en-g722 (Allison Smith; CC-BY-SA-3.0), taken from
the Debian archive with ``apt-get download`` and unpacked with ``dpkg -x``: no root needed. Their
G.722 is decoded and written as FLAC, 16 kHz, mono.

Which prompts are kept is decided by their transcripts alone, before any recogniser hears them:
sentences of 5 to 20 words in letters, spaces, commas, full stops, question and exclamation marks,
apostrophes and hyphens. That leaves out digits (read in more than one way), stage directions in
brackets, and fragments marked with an ellipsis. Misspelt transcripts stay in, and count against
the recogniser. The subset is every third name in sorted order.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

PACKAGES = {
    "asterisk-core-sounds-en-g722=1.6.1-1": (
        "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806"
    ),
    "asterisk-core-sounds-en=1.6.1-1": (
        "973e797d28e37fa6ca3c0a9d6fa717e77cf1268ae916bf09fd3503113cdffa50"
    ),
}
SOUNDS = Path("usr/share/asterisk/sounds/en_US_f_Allison")
TEXTS = Path("usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
SAMPLE_RATE = 16_000
SUBSET_STEP = 3
PLAIN = re.compile(r"[A-Za-z' ,.?!-]+")
KEPT = Path(__file__).parents[1] / "assets" / "prompts"


def download(folder: Path) -> None:
    """Get both packages from the Debian archive into ``folder`` and unpack them there."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"{tool} is not here: run this on Debian, or pass --root with the files"
            )
    for package, digest in PACKAGES.items():
        subprocess.run(["apt-get", "download", package], cwd=folder, check=True)
        name = package.partition("=")[0]
        archive = next(folder.glob(f"{name}_*.deb"))
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != digest:
            raise SystemExit(f"{archive.name} has sha256 {found}, expected {digest}")
        subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)


def transcripts(root: Path) -> dict[str, str]:
    """Prompt name (``vm-goodbye``, ``digits/1``) to what is said, for prompts with a recording."""
    found = {}
    with gzip.open(root / TEXTS, "rt", encoding="utf-8") as lines:
        for line in lines:
            name, separator, text = line.strip().partition(": ")
            if separator and not line.startswith(";") and sound(root, name).is_file():
                found[name] = " ".join(text.split())
    return found


def sound(root: Path, name: str) -> Path:
    """The recording of prompt ``name``."""
    return root / SOUNDS / f"{name}.g722"


def is_plain_sentence(text: str) -> bool:
    """Whether ``text`` says literally, and only one way, what was spoken."""
    return 5 <= len(text.split()) <= 20 and "..." not in text and bool(PLAIN.fullmatch(text))


def decode(file: Path) -> NDArray[np.int16]:
    """Samples (T,) at 16 kHz of a raw G.722 file."""
    with av.open(str(file), format="g722") as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.int16)


def write(root: Path, chosen: dict[str, str], out: Path) -> int:
    """Write FLAC files and the table of transcripts into ``out``; return the bytes written."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.flac"):
        old.unlink()
    rows = ["file\ttranscript"]
    for name, text in chosen.items():
        file = out / f"{name.replace('/', '-')}.flac"
        soundfile.write(file, decode(sound(root, name)), SAMPLE_RATE, subtype="PCM_16")
        rows.append(f"{file.name}\t{text}")
    (out / "transcripts.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return sum(file.stat().st_size for file in out.iterdir())


def main() -> None:
    """Fetch, choose, decode, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="every plain sentence, not the subset")
    parser.add_argument("--out", type=Path, default=KEPT)
    parser.add_argument("--root", type=Path, help="where the two packages are unpacked already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.root or Path(temporary)
        if arguments.root is None:
            download(root)
        said = transcripts(root)
        plain = {name: said[name] for name in sorted(said) if is_plain_sentence(said[name])}
        step = 1 if arguments.all else SUBSET_STEP
        chosen = dict(list(plain.items())[::step])
        size = write(root, chosen, arguments.out)
    print(f"{len(chosen)} of {len(plain)} plain prompts in {arguments.out}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
