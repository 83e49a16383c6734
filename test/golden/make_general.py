"""Makes general.json: values and gradients of the general operations as PyTorch computes them, in float64.

    python3 test/golden/make_general.py

Needs torch; the file kept here was made with torch 2.13.0+cpu. Tests read only the JSON. dx: the gradients of the inputs for
the upstream gradient dy; inputs that PyTorch does not differentiate have none.

License: Apache-2.0, as the rest of trisparse.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.manual_seed(18)
CASES = []


def normal(*shape):
    """Numbers that float32 and short decimals hold exactly."""
    return (torch.randn(shape, dtype=torch.float64) * 64).round() / 64


def positive(*shape):
    return normal(*shape).abs() + 0.25


def stored(x):
    return {"shape": list(x.shape), "data": [float(f"{value:.9g}") for value in x.flatten().tolist()]}


def case(op, run, *inputs, fixed=(), **options):
    """run(*inputs, *fixed); fixed ones (indices, conditions) have no gradient."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    y = run(*leaves, *fixed)
    dy = normal(*y.shape)
    y.backward(dy)
    arrays = {"inputs": list(inputs) + [x.double() for x in fixed], "dx": [x.grad for x in leaves]}
    golden = {name: [stored(x) for x in list_] for name, list_ in arrays.items()}
    CASES.append({"op": op, "options": options, **golden, "dy": stored(dy), "y": stored(y.detach())})


case("add", torch.add, normal(2, 1, 3), normal(4, 1))
case("sub", torch.sub, normal(2, 3), normal(3))
case("mul", torch.mul, normal(3, 1), normal(1, 4))
case("div", torch.div, normal(2, 3), positive(2, 1))
case("pow", torch.pow, positive(2, 3), normal(3))
case("pow", lambda x: x**3, normal(5), b=3)
case("neg", torch.neg, normal(3))
for op in ["exp", "abs", "sigmoid", "tanh"]:
    case(op, getattr(torch, op), 2 * normal(9))
for op in ["log", "sqrt"]:
    case(op, getattr(torch, op), positive(9))
# one of them is a bound
case("clamp", lambda x: x.clamp(-0.5, 0.75), torch.tensor([-2, -0.5, 0.25, 0.75, 1.5], dtype=torch.float64), low=-0.5, high=0.75)
case("softmax", lambda x: x.softmax(-1), 4 * normal(3, 5), axis=-1)
case("logSoftmax", lambda x: x.log_softmax(1), 40 * normal(2, 4, 2), axis=1)
case("sum", lambda x: x.sum((0, 2)), normal(2, 3, 4), axes=[0, 2], keepDims=False)
case("mean", lambda x: x.mean(-2, keepdim=True), normal(2, 3, 4), axes=-2, keepDims=True)
# ties: PyTorch's max over one axis takes the first
case("max", lambda x: x.max(1).values, torch.tensor([[1, 3, 3, 2], [5, 5, -1, 5]], dtype=torch.float64), axes=1, keepDims=False)
case("matmul", torch.matmul, normal(2, 1, 3, 4), normal(3, 4, 2))
case("matmul", torch.matmul, normal(2, 3, 4), normal(4))
case("permute", lambda x: x.permute(2, 0, 1), normal(2, 3, 4), axes=[2, 0, 1])
case("slice", lambda x: x[:, 1:3], normal(2, 4, 2), axis=1, begin=1, end=3)
case("concat", lambda *list_: torch.cat(list_, 1), normal(2, 3, 2), normal(2, 1, 2), axis=1)
case("pad", lambda x: F.pad(x, (1, 2, 0, 1), value=7), normal(2, 3), widths=[[0, 1], [1, 2]], value=7)
case("gather", lambda x, i: torch.take_along_dim(x, i, 1), normal(3, 4), fixed=[torch.tensor([[2], [0], [3]])], axis=1)
case("gather", lambda x, i: torch.take_along_dim(x, i, 0), normal(3, 4), fixed=[torch.tensor([[2], [0], [2], [2]])], axis=0)
case("where", lambda a, b, c: torch.where(c, a, b), normal(3), normal(2, 1), fixed=[torch.tensor([[True, False, True], [False, False, True]])])

labels = torch.tensor([2, 0, 3])
case(
    "smoothedCrossEntropy",
    lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1),
    3 * normal(3, 4),
    fixed=[labels],
    smoothing=0.1,
)

lines = ",\n".join(json.dumps(one, separators=(",", ":"), allow_nan=False) for one in CASES)
text = f'{{\n"torch":"{torch.__version__}",\n"about":"float64 results",\n"cases":[\n{lines}\n]\n}}\n'
Path(__file__).with_name("general.json").write_text(text)
print(f"general.json: {len(CASES)} cases")
