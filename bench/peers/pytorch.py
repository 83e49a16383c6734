"""PyTorch's side of the benchmarks: a process that runs what it is told over stdin, one JSON object a line.

    OMP_NUM_THREADS=1 python3 bench/peers/pytorch.py

It answers each line with one line; README.md lists the commands. The caller decides when anything runs, so that it can
take rounds of trisparse and of PyTorch in turn: two runs made one after the other would also compare the machine's
temperature and its neighbors.

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
# so small that no batch is learnt by heart: gradients would become zeros, then denormal moments
RATE = 1e-9


def onednn(x, w, bias=None):
    """x w^T by oneDNN, which PyTorch uses for f32 convolutions but not for linear layers: those go to its BLAS."""
    return torch.ops.mkldnn._linear_pointwise(x, w, bias, "none", [], "")


class OneDnnLinear(torch.autograd.Function):
    @staticmethod
    def forward(context, x, w, bias):
        context.save_for_backward(x, w)
        return onednn(x, w, bias)

    @staticmethod
    def backward(context, g):
        x, w = context.saved_tensors
        dx = onednn(g, w.t()) if context.needs_input_grad[0] else None
        return dx, onednn(g.t(), x.t()), g.sum(0)


class LinearByOneDnn(nn.Linear):
    def forward(self, x):
        return OneDnnLinear.apply(x, self.weight, self.bias)


def mlp(linear):
    return nn.Sequential(
        *(linear(784, 1024), nn.ReLU()),
        *(linear(1024, 1024), nn.ReLU()),
        linear(1024, 10),
    )


def cnn(linear):
    def block(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()

    return nn.Sequential(
        *(*block(3, 32), nn.MaxPool2d(2)),
        *(*block(32, 64), nn.MaxPool2d(2)),
        *block(64, 128),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear(128, 10)),
    )


# case: model, shape of one input, batch unless told
CASES = {"mlp": (mlp, [784], 256), "cnn": (cnn, [3, 32, 32], 64)}

LINEARS = {"default": nn.Linear, "onednn": LinearByOneDnn}

# PyTorch picks its default implementation by device; on CPUs that is a loop over the parameters, and fused is faster.
OPTIMIZERS = {
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=RATE),
    "adamw-fused": lambda parameters: torch.optim.AdamW(parameters, lr=RATE, fused=True),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=RATE, momentum=0.9),
    "sgd-fused": lambda parameters: torch.optim.SGD(parameters, lr=RATE, momentum=0.9, fused=True),
}

LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def pick(table, what, name):
    if name not in table:
        raise ValueError(f"{what}: expected one of {', '.join(table)}, got {name}")
    return table[name]


class Training:
    """A model, its optimizer and its data, ready to step."""

    def __init__(self, case, batch=None, optimizer="adamw", layout="channels_last", linear="default"):
        torch.manual_seed(1)
        build, shape, usual_batch = pick(CASES, "case", case)
        batch = batch or usual_batch
        self.model = build(pick(LINEARS, "linear", linear)).train()
        inputs = [torch.randn(batch, *shape) for _ in range(BATCHES)]
        if len(shape) == 3:
            memory_format = pick(LAYOUTS, "layout", layout)
            self.model.to(memory_format=memory_format)
            inputs = [x.contiguous(memory_format=memory_format) for x in inputs]
        self.batches = cycle([(x, torch.randint(10, (batch,))) for x in inputs])
        self.optimizer = pick(OPTIMIZERS, "optimizer", optimizer)(self.model.parameters())
        self.size = sum(p.numel() for p in self.model.parameters())
        self.loss = None

    def run(self):
        inputs, labels = next(self.batches)
        self.optimizer.zero_grad(set_to_none=True)
        self.loss = F.cross_entropy(self.model(inputs), labels)
        self.loss.backward()
        self.optimizer.step()

    def result(self):
        return [float(self.loss.detach())]


def filled(seed, *shape):
    """The numbers of `filled` in peer.ts."""
    word = (1 << 32) - 1
    length = shape[0] * shape[1]
    h = ((torch.arange(length) + seed * 0x1000193) * 0x9E3779B1) & word
    h = ((h ^ (h >> 15)) * 0x85EBCA77) & word
    return ((h ^ (h >> 13)).double() / 2**32 - 0.5).float().reshape(shape)


# by product and how it is computed; g_t is G^T as an array of its own, packed is W in oneDNN's blocks
PRODUCTS = {
    "forward": {
        "blas": lambda s: F.linear(s.x, s.w),
        "onednn": lambda s: onednn(s.x, s.w),
        "onednn-packed": lambda s: onednn(s.x, s.packed),
    },
    "inputGrad": {
        "blas": lambda s: s.g @ s.w,
        "onednn": lambda s: onednn(s.g, s.w.t()),
    },
    "weightGrad": {
        "blas": lambda s: s.g.t() @ s.x,
        "onednn": lambda s: onednn(s.g.t(), s.x.t()),
        "onednn-transposed": lambda s: onednn(s.g_t, s.x.t()),
    },
}


class Product:
    def __init__(self, gemm, by, t, i, o):
        self.call = pick(pick(PRODUCTS, "gemm", gemm), "by", by)
        self.x, self.w, self.g = filled(1, t, i), filled(2, o, i), filled(3, t, o)
        self.packed = torch.ops.mkldnn._reorder_linear_weight(self.w, t) if by == "onednn-packed" else None
        self.g_t = self.g.t().contiguous() if by == "onednn-transposed" else None
        self.size = t * i * o
        self.output = None

    def run(self):
        self.output = self.call(self)

    def result(self):
        flat = self.output.flatten()
        return [float(flat[i * len(flat) // 16 + i]) for i in range(16)]


class Server:
    def __init__(self):
        self.ready = {}

    def _add(self, id, one):
        self.ready[id] = one
        return {"size": one.size}

    def train(self, id, **options):
        return self._add(id, Training(**options))

    def product(self, id, **options):
        return self._add(id, Product(**options))

    def run(self, id):
        start = time.perf_counter()
        pick(self.ready, "id", id).run()
        return {"ms": (time.perf_counter() - start) * 1e3}

    def result(self, id):
        return {"result": pick(self.ready, "id", id).result()}

    def drop(self, id):
        pick(self.ready, "id", id)
        del self.ready[id]
        return {}


COMMANDS = {
    "train": Server.train,
    "product": Server.product,
    "run": Server.run,
    "result": Server.result,
    "drop": Server.drop,
}


def main():
    # answers own the real stdout; whatever a library prints goes to stderr, where it cannot garble them
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(message):
        answers.write(json.dumps(message) + "\n")

    answer(
        {
            "version": torch.__version__,
            "threads": torch.get_num_threads(),
            "instructionSet": torch.backends.cpu.get_cpu_capability(),
            "blas": "MKL" if torch.backends.mkl.is_available() else "BLAS",
            "onednn": torch.backends.mkldnn.is_available(),
        }
    )
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
