from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import gymnasium
import pytest

from sensorium import hookimpl, load_plugins
from sensorium.errors import (
    DuplicateName,
    EnvironmentFailed,
    MissingDependency,
    PluginError,
    UnknownName,
)
from sensorium.plugins.environments import EnvironmentRegistry
from sensorium_sims import AVWORLD, doom
from sensorium_sims.environments import known, make

if TYPE_CHECKING:
    from sensorium.plugins import Plugins


def test_the_bundled_environments_can_be_made(plugins: Plugins) -> None:
    for name in (*AVWORLD, "BabyAI-BossLevel-v0", "MiniGrid-Empty-5x5-v0", "VizdoomBasic-v1"):
        environment, entry = make(name, plugins.environments)
        assert entry is not None
        observation, _ = environment.reset(seed=1)
        assert environment.observation_space.contains(observation)
        environment.close()


def test_families_are_spelt_out(plugins: Plugins) -> None:
    ids = known(plugins.environments)
    assert len([name for name in ids if name.startswith("BabyAI-")]) == 96
    assert ids.keys() >= AVWORLD.keys()
    assert "VizdoomBasicAudio-v1" in ids


def test_an_environment_of_a_plugin() -> None:
    class Mazes:
        @hookimpl
        def sensorium_register_environments(self, registry: Any) -> None:
            registry.add(
                "sensorium-tests/Maze-v0",
                "faulty_environments:Steady",
                options={"fault": "raise"},
                max_episode_steps=3,
            )

    plugins = load_plugins(installed=False, extra=[("mazes", Mazes())])
    assert plugins.environments.find("sensorium-tests/Maze-v0").plugin == "mazes"  # type: ignore[union-attr]
    environment, _ = make("sensorium-tests/Maze-v0", plugins.environments)
    assert environment.unwrapped.fault == "raise"  # type: ignore[attr-defined]
    environment.reset(seed=0)
    assert [environment.step(0)[3] for _ in range(3)] == [False, False, True]
    again = gymnasium.make("sensorium-tests/Maze-v0")
    assert again.unwrapped.fault == "raise"  # type: ignore[attr-defined]


def test_a_failed_plugin_leaves_no_environment() -> None:
    class Broken:
        @hookimpl
        def sensorium_register_environments(self, registry: Any) -> None:
            registry.add("lab/A-v0", "lab:A")
            registry.add("lab/A-v0", "lab:B")

    plugins = load_plugins(installed=False, extra=[("broken", Broken())])
    assert "already registered by plugin 'broken'" in plugins.failures[0].error
    assert list(plugins.environments) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"id": "", "target": "a:B"}, "may not hold"),
        ({"id": "a:b", "target": "a:B"}, "may not hold"),
        ({"id": "lab-*", "target": "a:B"}, "needs a module"),
        ({"id": "lab/A-v0", "target": "a:B", "expert": "nothing"}, "expert of 'lab/A-v0'"),
    ],
)
def test_malformed_entries_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(PluginError, match=words):
        EnvironmentRegistry().add(**given)


def test_names_that_are_taken_and_names_that_are_not(plugins: Plugins) -> None:
    registry = EnvironmentRegistry()
    registry.add("lab/A-v0", "lab:A")
    with pytest.raises(DuplicateName):
        registry.add("lab/A-v0", "lab:A")
    with pytest.raises(UnknownName, match="Did you mean 'CartPole-v1'"):
        make("CartPoel-v1", plugins.environments)
    with pytest.raises(UnknownName, match="no_such_module"):
        make("no_such_module:Lab-v0", plugins.environments)


def test_libraries_and_classes_that_are_missing() -> None:
    registry = EnvironmentRegistry()
    registry.add("lab-*", "no_such_module", extra="sim")
    with pytest.raises(MissingDependency, match=r"needs no_such_module.*sensorium\[sim\]"):
        make("lab-A-v0", registry)
    assert "no_such_module" in str(known(registry)["lab-*"])
    registry.add("lab/B-v0", "faulty_environments:Missing")
    with pytest.raises(EnvironmentFailed, match=r"lab/B-v0.*cannot be made"):
        make("lab/B-v0", registry)


def test_options_that_the_class_does_not_take(plugins: Plugins) -> None:
    with pytest.raises(EnvironmentFailed, match="colour"):
        make("CartPole-v1", plugins.environments, colour="red")


def test_doom_s_silence_is_found_out(plugins: Plugins, monkeypatch: Any) -> None:
    monkeypatch.setattr(doom, "OPENAL", "libopenal-is-not-here.so.1")
    with pytest.raises(MissingDependency, match="sudo apt install libopenal1"):
        make("VizdoomBasicAudio-v1", plugins.environments)
    make("VizdoomBasic-v1", plugins.environments)[0].close()  # has no sound to miss


def test_doom_is_heard_where_openal_is(plugins: Plugins) -> None:
    try:
        environment, _ = make("VizdoomBasicAudio-v1", plugins.environments)
    except MissingDependency as error:
        pytest.skip(str(error))
    environment.reset(seed=1)
    heard = [environment.step(1)[0]["audio"].std() for _ in range(4)]
    environment.close()
    assert max(heard) > 0


def test_gymnasium_stays_unloaded_until_it_is_needed() -> None:
    code = (
        "import sys; from sensorium import load_plugins; plugins = load_plugins();"
        "assert plugins.environments.find('BabyAI-GoTo-v0') is not None;"
        "assert not {'gymnasium', 'minigrid', 'vizdoom'} & set(sys.modules), 'loaded'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_package_registers_with_gymnasium() -> None:
    code = (
        "import gymnasium, sensorium_sims\n"
        "gymnasium.make('sensorium/AVWorld-Refer-v0', rooms=1).reset(seed=0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
