"""The worker of the contenders written by hand: ``python -m … REQUESTS ANSWERS MODEL``.

A request is ``[number, vector]`` in one message, answered with ``[number, result]`` in one
message. The worker takes what has arrived as one batch. An empty message ends it.
"""

from __future__ import annotations

import sys

from sensorium_benchmarks.workers.load import MAX_BATCH  # first: it sets the threads of numpy

import msgspec  # isort: skip
import numpy as np
import zmq

from sensorium_benchmarks.workers.models import make

_encode = msgspec.msgpack.Encoder(enc_hook=lambda array: array.data).encode
_decode = msgspec.msgpack.Decoder(tuple[int, bytes]).decode


def main(requests: str, answers: str, model: str) -> None:
    """Serve until told to end. The endpoints may be the same."""
    infer = make(model)
    with zmq.Context() as context, context.socket(zmq.DEALER) as receiver:
        receiver.connect(requests)
        sender = receiver if answers == requests else context.socket(zmq.DEALER)
        if sender is not receiver:
            receiver.send(b"ready")
            sender.connect(answers)
        with sender:
            sender.send(b"ready")
            while True:
                messages = [receiver.recv()]
                while (
                    len(messages) < MAX_BATCH and int(receiver.getsockopt(zmq.EVENTS)) & zmq.POLLIN
                ):
                    messages.append(receiver.recv())
                if not messages[-1]:
                    sender.send(b"")
                    return
                asked = [_decode(message) for message in messages]
                results = infer([np.frombuffer(data, np.float32) for _, data in asked])
                for (number, _), result in zip(asked, results, strict=True):
                    sender.send(_encode((number, result)))


if __name__ == "__main__":
    main(*sys.argv[1:])
