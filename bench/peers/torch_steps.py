"""PyTorch's side of the step benchmark: a process that runs what it is told over stdin, one JSON object a line.

    OMP_NUM_THREADS=1 python3 bench/peers/torch_steps.py

It answers each line with one line; README.md lists the commands. The caller decides when anything runs, so that it can
take rounds of trisparse and of PyTorch in turn: two runs made one after the other would also compare the machine's
temperature and its neighbours.

License: Apache-2.0, as the rest of trisparse.
"""

import json
import os
import sys
import time
from itertools import cycle

import torch
import torch.nn.functional as F
from torch import nn

# Models learn by heart a batch they see at every step, after which most gradients are zero: take several in turn.
BATCHES = 8


def mlp():
    return nn.Sequential(
        *(nn.Linear(784, 1024), nn.ReLU()),
        *(nn.Linear(1024, 1024), nn.ReLU()),
        nn.Linear(1024, 10),
    )


def cnn():
    def block(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()

    return nn.Sequential(
        *(*block(3, 32), nn.MaxPool2d(2)),
        *(*block(32, 64), nn.MaxPool2d(2)),
        *block(64, 128),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)),
    )


# case: model, shape of one input, batch unless told
CASES = {"mlp": (mlp, [784], 256), "cnn": (cnn, [3, 32, 32], 64)}

# PyTorch picks its default implementation by device; on CPUs that is a loop over the parameters, and fused is faster.
OPTIMIZERS = {
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3),
    "adamw-fused": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, fused=True),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9),
    "sgd-fused": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9, fused=True),
}

LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def pick(table, what, name):
    if name not in table:
        raise ValueError(f"{what}: expected one of {', '.join(table)}, got {name}")
    return table[name]


class Training:
    """A model, its optimizer and its data, ready to step."""

    def __init__(self, case, batch=None, optimizer="adamw", layout="channels_last"):
        torch.manual_seed(1)
        build, shape, usual_batch = pick(CASES, "case", case)
        batch = batch or usual_batch
        self.model = build().train()
        inputs = [torch.randn(batch, *shape) for _ in range(BATCHES)]
        if len(shape) == 3:
            memory_format = pick(LAYOUTS, "layout", layout)
            self.model.to(memory_format=memory_format)
            inputs = [x.contiguous(memory_format=memory_format) for x in inputs]
        self.batches = cycle([(x, torch.randint(10, (batch,))) for x in inputs])
        self.optimizer = pick(OPTIMIZERS, "optimizer", optimizer)(self.model.parameters())

    def step(self):
        inputs, labels = next(self.batches)
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(inputs), labels)
        loss.backward()
        self.optimizer.step()
        return loss


def milliseconds(run, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return times


class Server:
    def __init__(self):
        self.training = None

    def setup(self, threads=None, **options):
        if threads:
            torch.set_num_threads(threads)
        self.training = Training(**options)
        weights = sum(p.numel() for p in self.training.model.parameters())
        return {"ok": True, "threads": torch.get_num_threads(), "parameters": weights}

    def step(self, count=1):
        if self.training is None:
            raise ValueError("step: expected a setup before it")
        # the loss is read once, outside of the times: it tells that the steps trained something finite
        losses = []
        times = milliseconds(lambda: losses.append(self.training.step()), count)
        return {"ms": times, "loss": float(losses[-1].detach())}

    def gemm(self, m, n, k, count=1, threads=None, transposed=False):
        """c[m, n] = a[m, k] b; b is [k, n], or where transposed the [n, k] in which a linear layer keeps its weights."""
        if threads:
            torch.set_num_threads(threads)
        a, c = torch.randn(m, k), torch.empty(m, n)
        b = torch.randn(n, k).t() if transposed else torch.randn(k, n)
        torch.mm(a, b, out=c)  # the first call touches c's pages
        return {"ms": milliseconds(lambda: torch.mm(a, b, out=c), count), "threads": torch.get_num_threads()}


COMMANDS = {"setup": Server.setup, "step": Server.step, "gemm": Server.gemm}


def main():
    # answers own the real stdout; whatever a library prints goes to stderr, where it cannot garble them
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(message):
        answers.write(json.dumps(message) + "\n")

    answer({"ready": True, "version": torch.__version__, "threads": torch.get_num_threads()})
    server = Server()
    for line in sys.stdin:
        try:
            options = json.loads(line)
            command = options.pop("cmd")
            if command == "quit":
                return
            answer(pick(COMMANDS, "cmd", command)(server, **options))
        except Exception as error:  # the caller has to learn of any failure, and the process lives on
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
