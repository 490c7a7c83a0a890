from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import BadInput, PayloadError, TopicError
from sensorium.events import Event
from sensorium.payloads import Audio, Image, PayloadRegistry, State, Text, Transcript
from sensorium.payloads.system import Interrupted
from sensorium.topics import matches
from sensorium_plugins.bridges.mqtt_formats import (
    decode_event,
    decode_json,
    decode_media,
    read_time,
    to_bytes,
)
from sensorium_plugins.bridges.mqtt_in import InRoute
from sensorium_plugins.bridges.mqtt_out import MqttOut
from sensorium_plugins.bridges.mqtt_queues import Arrival, Arrivals, Outbox, Outgoing
from sensorium_plugins.bridges.mqtt_topics import captures, check_template, fill, template_pattern


def event(payload) -> Event:
    return Event("a/b", payload, 1, 2, "s", 3)


# --- topics -------------------------------------------------------------------------------------


def test_wildcards_capture_levels():
    assert captures("a/+/c/#", "a/b/c/d/e") == ["b", "d/e"]
    assert captures("a/#", "a") == [""]


levels = st.text("abc ", min_size=1, max_size=3)
TEMPLATES = ["{topic}", "x/{1}/y", "x/{1}{2}/y", "p{2}/q", "{name}/{2}/{1}", "x"]


@given(st.lists(levels, min_size=3, max_size=5), st.sampled_from(TEMPLATES))
def test_what_a_template_becomes_falls_under_its_pattern(names, template):
    topic, pattern = "/".join(["r", *names]), "r/+/#"
    filled = fill(template, pattern, topic, "me")
    assert matches(template_pattern(template, pattern).replace("{name}", "me"), filled)


@pytest.mark.parametrize("template", ["{2}", "{0}", "{where}", "a/+", "{}"])
def test_a_template_that_cannot_be_filled_is_refused(template):
    with pytest.raises(ValueError, match=r"there are|wildcards"):
        check_template(template, "a/+")


def test_a_topic_of_the_brokers_own_is_refused():
    with pytest.raises(TopicError, match="belong to the broker"):
        fill("{topic}", "$SYS/#", "$SYS/uptime", "me")


def test_routes_that_overlap_are_refused():
    routes = [{"from": "a/#"}, {"from": "+/b", "format": "jpeg"}]
    with pytest.raises(ValueError, match="another mqtt_out"):
        MqttOut.Options(routes=routes)


def test_into_is_for_json():
    with pytest.raises(ValueError, match="for the format json"):
        InRoute(topic="a", format="text", into="values")


# --- formats ------------------------------------------------------------------------------------


def test_sound_survives_to_16_bits():
    samples = np.sin(np.linspace(0, 50, 1600)).astype(np.float32)
    back = decode_media(to_bytes(event(Audio(samples, 16000)), "wav"), "wav")
    assert isinstance(back, Audio)
    assert back.sample_rate == 16000
    assert np.abs(back.samples - samples).max() <= 1 / 32768


def test_png_keeps_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    back = decode_media(to_bytes(event(Image(pixels)), "png"), "png")
    assert isinstance(back, Image)
    assert (back.data == pixels).all()


def test_a_picture_of_another_format_is_refused():
    data = to_bytes(event(Image(np.zeros((4, 4, 3), np.uint8))), "png")
    with pytest.raises(BadInput, match="not a jpeg picture"):
        decode_media(data, "jpeg")


def test_text_is_whatever_has_a_text():
    assert to_bytes(event(Text("é")), "text") == "é".encode()
    with pytest.raises(BadInput, match="a state on a/b cannot be sent as jpeg"):
        to_bytes(event(State({})), "jpeg")
    assert "text" in Transcript.__slots__


def test_json_without_a_number_for_nan():
    with pytest.raises(BadInput, match="does not fit JSON"):
        to_bytes(event(State({"t": float("nan")})), "json")


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\x04\x00\x00\x00WAVE"])
def test_half_a_wav_is_refused(data):
    with pytest.raises(BadInput, match="not a wav"):
        decode_media(data, "wav")


@given(st.binary(max_size=200), st.sampled_from(["jpeg", "png", "wav", "text"]))
def test_no_bytes_raise_anything_but_bad_input(data, form):
    try:
        decode_media(data, form)
    except (BadInput, PayloadError):
        return


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode), st.booleans())
def test_no_json_raises_anything_but_bad_input(data, wrapped):
    try:
        decode_json(data, State, "values" if wrapped else "", "at" if not wrapped else "")
    except (BadInput, PayloadError):
        return


def test_system_events_do_not_come_from_outside():
    data = to_bytes(event(Interrupted("stop")), "event")
    with pytest.raises(PayloadError, match="for this runtime alone"):
        decode_event(data, PayloadRegistry(), "")
    data = to_bytes(event(Text("a")), "event")
    with pytest.raises(PayloadError, match="the route takes state"):
        decode_event(data, PayloadRegistry(), "state")


@pytest.mark.parametrize(
    "value",
    [1_700_000_000, 1_700_000_000.0, 1_700_000_000_000, 1_700_000_000_000_000_000]
    + ["1700000000", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00"],
)
def test_times_in_every_spelling(value):
    assert read_time(value) == 1_700_000_000_000_000_000


@pytest.mark.parametrize("value", ["noon", "2023-11-14T22:13:20", -1, None, True, [], 1e30, "²"])
def test_what_is_no_time(value):
    with pytest.raises(BadInput, match="time"):
        read_time(value)


# --- queues -------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["put", "take", "done", "lost"]), max_size=60), st.integers(1, 5))
def test_the_outbox_accounts_for_every_message(steps, capacity):
    async def run() -> None:
        box, taken, number = Outbox(capacity), [], 0
        for step in steps:
            if step == "put":
                box.put(Outgoing("t", str(number).encode()))
                number += 1
            elif step == "take" and len(box._waiting):
                taken.append(await box.take())
            elif step == "done" and taken:
                box.done(taken.pop(0))
            elif step == "lost":
                box.connection_lost()
                taken.clear()
            assert box.accepted == box.delivered + box.dropped + box.pending
        order = [int(m.payload) for m in [*box._under_way, *box._waiting]]
        assert order == sorted(order)
        box.give_up()
        assert box.accepted == box.delivered + box.dropped

    asyncio.run(run())


async def test_full_arrivals_give_up_qos_0_first_and_never_acknowledge_for_it():
    acknowledged = []

    def arrival(name: str, qos: int) -> Arrival:
        return Arrival(name, b"", qos, False, 0, {}, lambda: acknowledged.append(name))

    arrivals = Arrivals(3)
    for name, qos in (("a", 1), ("b", 0), ("c", 1), ("d", 1), ("e", 1)):
        arrivals.put(arrival(name, qos))
    assert [(await arrivals.take()).topic for _ in range(len(arrivals))] == ["a", "c", "d"]
    assert arrivals.dropped == 2
    assert not acknowledged


def test_json_of_a_device_goes_into_a_field():
    payload, time = decode_json(json.dumps({"on": 1}).encode(), State, "values", "")
    assert payload.values == {"on": 1}
    assert time is None
