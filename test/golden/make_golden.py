"""Makes the golden JSON files of this folder: what PyTorch computes, for the tests of trisparse to compare with.

    python3 test/golden/make_golden.py

Needs numpy, torch and safetensors; the files kept here were made with torch 2.13.0+cpu. The tests read only the JSON, so this runs
again only when a case is added. It writes the files beside itself and prints how far float32 and float64 runs differ:
that distance is what summation order may do to a loss, and a test's tolerance has to stay above it.

License: Apache-2.0, as the rest of trisparse.
"""

import base64
import json
import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import nn

HERE = Path(__file__).parent

FORMULA = (
    "uint32: h = i*2654435761 + s*40503*65537 + 12345; h ^= h>>>15; h *= 2246822519; h ^= h>>>13; u = h/2^32. "
    "Weights: parameter number s, value float32((u*2-1)*sqrt(3/fan_in)); biases 0, batch-norm weight 1. "
    "Step t = 0, 1, ...: inputs s = 1000+t, value float32(u*2-1); labels s = 2000+t, value floor(u*10). "
    "i counts in the shapes given here: conv weights [O,KH,KW,C], linear weights [O,I], images [B,H,W,C]. "
    "Every optimizer applies its weight_decay to every parameter, biases and batch norm included."
)


# --- numbers from a formula: TypeScript computes the same ones, so weights and data need not be stored ---


def uniform(s, count):
    """u of elements 0..count-1 of tensor s, each in [0, 1)."""
    mask = np.uint64(0xFFFFFFFF)
    i = np.arange(count, dtype=np.uint64)
    h = (i * np.uint64(2654435761) + np.uint64(s * 40503 * 65537 + 12345)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & mask
    h ^= h >> np.uint64(13)
    return h.astype(np.float64) / 2**32


def values(s, shape, bound=1.0):
    """float32 numbers in [-bound, bound) of tensor s."""
    return torch.from_numpy(((uniform(s, math.prod(shape)) * 2 - 1) * bound).astype(np.float32)).reshape(shape)


def channels_first(x):
    return x.permute(0, 3, 1, 2).contiguous()


def channels_last(x):
    return x.permute(0, 2, 3, 1).contiguous()


def stored_shape(parameter):
    """The shape trisparse keeps a parameter in."""
    o, *rest = parameter.shape
    return [o, rest[1], rest[2], rest[0]] if len(rest) == 3 else [o, *rest]


def initialize(model):
    """Gives every parameter its number in the order of model.parameters(); constant ones use up a number too."""
    with torch.no_grad():
        for s, (name, parameter) in enumerate(model.named_parameters()):
            shape = stored_shape(parameter)
            if len(shape) == 1:
                parameter.fill_(1 if name.endswith("weight") else 0)
                continue
            weight = values(s, shape, math.sqrt(3 / math.prod(shape[1:])))
            parameter.copy_(channels_first(weight) if len(shape) == 4 else weight)


# --- models ---


def conv(inputs, outputs, stride=1):
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def layers(**named):
    return nn.Sequential(OrderedDict(named))


def mlp():
    return layers(fc1=nn.Linear(784, 128), relu1=nn.ReLU(), fc2=nn.Linear(128, 64), relu2=nn.ReLU(), fc3=nn.Linear(64, 10))


def cnn():
    return layers(
        **dict(conv1=conv(3, 8), bn1=nn.BatchNorm2d(8), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2)),
        **dict(conv2=conv(8, 16), bn2=nn.BatchNorm2d(16), relu2=nn.ReLU(), pool2=nn.MaxPool2d(2)),
        **dict(conv3=conv(16, 32), bn3=nn.BatchNorm2d(32), relu3=nn.ReLU()),
        **dict(average=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(32, 10)),
    )


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs), nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        # option A of the ResNet paper: subsampled, new channels zero and behind the old ones
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return F.relu(y + shortcut)


def resnet8():
    return layers(
        **dict(conv1=conv(3, 16), bn1=nn.BatchNorm2d(16), relu1=nn.ReLU()),
        **dict(block1=Block(16, 16, 1), block2=Block(16, 32, 2), block3=Block(32, 64, 2)),
        **dict(average=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(64, 10)),
    )


# --- training runs ---

ADAMW = {"type": "adamw", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}


def sgd(lr, nesterov=False):
    return {"type": "sgd", "lr": lr, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": nesterov}


def optimizer_of(parameters, options):
    kind, options = options["type"], {k: v for k, v in options.items() if k != "type"}
    return (torch.optim.SGD if kind == "sgd" else torch.optim.AdamW)(parameters, **options)


def images(s, shape, dtype):
    x = values(s, shape).to(dtype)
    return channels_first(x) if len(shape) == 4 else x


def train(build, input_shape, steps, options, dtype, eval_input=None):
    """Losses of every step, and the logits of eval_input in eval mode after the last one."""
    model = build()
    initialize(model)
    model.to(dtype).train()
    optimizer = optimizer_of(model.parameters(), options)
    losses = []
    for step in range(steps):
        x = images(1000 + step, input_shape, dtype)
        labels = torch.from_numpy((uniform(2000 + step, input_shape[0]) * 10).astype(np.int64))
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    if eval_input is None:
        return losses, None
    with torch.no_grad():
        return losses, model.eval()(images(eval_input["s"], eval_input["shape"], dtype)).double().flatten().tolist()


def difference(a, b, floor=0.0):
    return max(abs(x - y) / max(abs(y), floor) for x, y in zip(a, b))


def write_losses(file, build, input_shape, steps, runs, eval_input=None):
    content = {
        "torch": torch.__version__,
        "formula": FORMULA,
        "parameters": [
            {"s": s, "name": name, "shape": stored_shape(p)} for s, (name, p) in enumerate(build().named_parameters())
        ],
        "input": input_shape,
        "steps": steps,
        # where a test that fails should look first: are formula and layout the same on both sides?
        "check": {
            "parameter0": values(0, [4], math.sqrt(3 / math.prod(stored_shape(next(build().parameters()))[1:]))).tolist(),
            "input0": values(1000, [4]).tolist(),
            "labels0": (uniform(2000, input_shape[0]) * 10).astype(int).tolist(),
        },
        "runs": {},
    }
    for name, options in runs.items():
        evaluated = eval_input if name == "sgd" else None
        losses, logits = train(build, input_shape, steps, options, torch.float32, evaluated)
        losses64, logits64 = train(build, input_shape, steps, options, torch.float64, evaluated)
        run = {"optimizer": options, "losses": losses, "losses64": losses64}
        print(f"{file} {name}: losses {losses[0]:.4f} .. {losses[-1]:.4f}, float32 off by {difference(losses, losses64):.1e}")
        if evaluated:
            run["eval"] = {**evaluated, "logits": logits, "logits64": logits64}
            largest = max(map(abs, logits64))
            print(f"  eval logits off by {difference(logits, logits64, largest):.1e} of the largest, {largest:.2f}")
        content["runs"][name] = run
    write(file, content)


# --- single operations, in float64 on inputs that float32 holds exactly ---


def short(s, shape, bound=1.0, grid=1 / 1024):
    """Numbers in [-bound, bound) of few decimals: multiples of grid."""
    return (values(s, shape).double() * bound / grid).round() * grid


def tensor(x):
    """Shape and data; 12 digits, since float32 kernels are compared with it, and no negative zeros."""
    return {"shape": list(x.shape), "data": [float(f"{v:.12g}") + 0.0 for v in x.detach().flatten().tolist()]}


def case(op, options, inputs, outputs):
    pack = lambda tensors: {name: tensor(x) for name, x in tensors.items()}
    return {"op": op, "options": options, "inputs": pack(inputs), "outputs": pack(outputs)}


def gelu_case():
    x = torch.cat([short(10, (24,), 4), torch.tensor([0.0, -0.5, 6.0, -6.0, 12.0, -12.0], dtype=torch.float64)])
    dy = short(11, x.shape)
    x.requires_grad_()
    y = F.gelu(x)
    y.backward(dy)
    return case("gelu", {}, {"x": x, "dy": dy}, {"y": y, "dx": x.grad})


def cross_entropy_case():
    logits = short(20, (6, 10), 3)
    logits[4] += 200  # exp() of these alone would overflow float32
    logits[5, 3] = -150
    labels = torch.tensor([0, 9, 4, 4, 7, 3])
    logits.requires_grad_()
    losses = F.cross_entropy(logits, labels, reduction="none")
    loss = losses.mean()
    loss.backward()
    return case(
        "softmax_cross_entropy",
        {"reduction": "mean"},
        {"logits": logits, "labels": labels},
        {"loss": loss, "losses": losses, "dlogits": logits.grad},
    )


def batch_norm_case():
    """The running statistics start from something other than 0 and 1, so that momentum the wrong way round shows."""
    gamma = (short(31, (4,)) + 1.5).requires_grad_()
    beta = short(32, (4,)).requires_grad_()
    mean, variance = short(34, (4,)), short(35, (4,), 0.5) + 1
    x = (short(30, (3, 4, 4, 4), 2) + torch.tensor([0.0, 1.0, -3.0, 5.0], dtype=torch.float64)).requires_grad_()
    dy = short(33, x.shape)
    inputs = {"x": x, "gamma": gamma, "beta": beta, "dy": dy, "running_mean": mean.clone(), "running_variance": variance.clone()}
    infer = F.batch_norm(channels_first(x), mean, variance, gamma, beta, False, 0.1, 1e-5)
    y = channels_last(F.batch_norm(channels_first(x), mean, variance, gamma, beta, True, 0.1, 1e-5))
    y.backward(dy)
    outputs = {"y": y, "dx": x.grad, "dgamma": gamma.grad, "dbeta": beta.grad, "running_mean": mean, "running_variance": variance}
    outputs["y_infer"] = channels_last(infer)  # with the running statistics given, not the updated ones
    return case("batch_norm", {"epsilon": 1e-5, "momentum": 0.1}, inputs, outputs)


def layer_norm_case():
    x = (short(100, (3, 4, 10), 2) + torch.tensor([0.0, 3.0, -5.0, 1.0], dtype=torch.float64).reshape(4, 1)).requires_grad_()
    gamma = (short(101, (10,)) + 1.5).requires_grad_()
    beta = short(102, (10,)).requires_grad_()
    dy = short(103, x.shape)
    y = F.layer_norm(x, (10,), gamma, beta, 1e-5)
    y.backward(dy)
    outputs = {"y": y, "dx": x.grad, "dgamma": gamma.grad, "dbeta": beta.grad}
    return case("layer_norm", {"epsilon": 1e-5}, {"x": x, "gamma": gamma, "beta": beta, "dy": dy}, outputs)


def attention_case(s, batch, length, dim, heads):
    """qkv [B, L, 3 D], the heads side by side in each third."""
    qkv = short(s, (batch, length, 3 * dim), 2).requires_grad_()
    dy = short(s + 1, (batch, length, dim))
    q, k, v = (x.reshape(batch, length, heads, dim // heads).transpose(1, 2) for x in qkv.split(dim, 2))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, length, dim)
    y.backward(dy)
    return case("causal_attention", {"heads": heads}, {"qkv": qkv, "dy": dy}, {"y": y, "dqkv": qkv.grad})


def pool_case(op, s, shape, kernel, stride, padding):
    # ranks, so that no two are equal: which of two equal maxima wins is the implementation's choice
    ranks = uniform(s, math.prod(shape)).argsort().argsort()
    x = torch.from_numpy(ranks / 32 - 2).reshape(shape).requires_grad_()
    pool = F.max_pool2d if op == "max_pool" else F.avg_pool2d
    y = channels_last(pool(channels_first(x), kernel, stride, padding))
    dy = short(s + 1, y.shape)
    y.backward(dy)
    return case(op, {"kernel": kernel, "stride": stride, "padding": padding}, {"x": x, "dy": dy}, {"y": y, "dx": x.grad})


def conv_case(s, shape, out, kernel, stride, padding):
    x = short(s, shape).requires_grad_()
    w = short(s + 1, (out, kernel, kernel, shape[3])).requires_grad_()
    bias = short(s + 2, (out,)).requires_grad_()
    y = channels_last(F.conv2d(channels_first(x), channels_first(w), bias, stride, padding))
    dy = short(s + 3, y.shape)
    y.backward(dy)
    return case(
        "conv2d",
        {"kernel": kernel, "stride": stride, "padding": padding},
        {"x": x, "w": w, "bias": bias, "dy": dy},
        {"y": y, "dx": x.grad, "dw": w.grad, "dbias": bias.grad},
    )


def optimizer_case(options):
    """weights: row t is w after step t, with the gradient of row t. The last gradient is 0 always, another at first."""
    w0 = short(80, (6,))
    gradients = short(81, (5, 6))
    gradients[:, 5] = 0
    gradients[0, 4] = 0
    w = w0.clone().requires_grad_()
    optimizer = optimizer_of([w], options)
    rows = []
    for gradient in gradients:
        w.grad = gradient.clone()
        optimizer.step()
        rows.append(w.detach().clone())
    return case("optimizer", options, {"w": w0, "gradients": gradients}, {"weights": torch.stack(rows)})


def clip_case(max_norm):
    """The norm is over both tensors together; coefficient min(1, max_norm / (norm + 1e-6))."""
    a, b = short(90, (5, 4), 2), short(91, (7,), 2)
    parameters = [torch.zeros_like(g).requires_grad_() for g in (a, b)]
    for parameter, gradient in zip(parameters, (a, b)):
        parameter.grad = gradient.clone()
    norm = nn.utils.clip_grad_norm_(parameters, max_norm)
    outputs = {"norm": norm, "a": parameters[0].grad, "b": parameters[1].grad}
    return case("clip_grad_norm", {"max_norm": max_norm}, {"a": a, "b": b}, outputs)


def write_ops():
    plain = {"type": "sgd", "lr": 0.1, "momentum": 0, "weight_decay": 0.01, "nesterov": False}
    cases = [
        gelu_case(),
        cross_entropy_case(),
        batch_norm_case(),
        layer_norm_case(),
        attention_case(110, 2, 7, 8, 2),
        attention_case(112, 1, 5, 6, 1),
        pool_case("max_pool", 40, (2, 4, 6, 3), 2, 2, 0),
        pool_case("max_pool", 42, (2, 5, 7, 2), 3, 2, 0),
        pool_case("max_pool", 44, (2, 5, 6, 2), 3, 2, 1),
        pool_case("average_pool", 46, (2, 4, 6, 3), 2, 2, 0),
        conv_case(50, (2, 5, 6, 3), 4, 3, 2, 1),
        conv_case(60, (2, 5, 6, 3), 5, 1, 2, 0),
        conv_case(70, (2, 5, 4, 2), 3, 5, 1, 2),
        *(optimizer_case(options) for options in (plain, sgd(0.1), sgd(0.1, nesterov=True), {**ADAMW, "lr": 0.01})),
        clip_case(1.0),
        clip_case(1000.0),
    ]
    layout = "float64 results; images [B,H,W,C], conv weights [O,KH,KW,C]; dx, dw, ... are gradients for the upstream dy"
    write("ops.json", {"torch": torch.__version__, "about": layout, "cases": cases})
    largest = max(len(x["data"]) for c in cases for x in (*c["inputs"].values(), *c["outputs"].values()))
    print(f"ops.json: {len(cases)} cases, largest tensor {largest} numbers")


# --- whole models: the file that PyTorch writes, an input, and what the model makes of it ---


def small_lenet():
    """Of images 20x24 with 2 channels: what is flattened has 2 x 3 places, and another order by place and by channel."""
    return layers(
        **dict(conv1=nn.Conv2d(2, 3, 5), pool1=nn.MaxPool2d(2), conv2=nn.Conv2d(3, 4, 5), pool2=nn.MaxPool2d(2)),
        **dict(flatten=nn.Flatten(), fc1=nn.Linear(4 * 2 * 3, 8), relu1=nn.ReLU(), fc2=nn.Linear(8, 10)),
    )


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = layers(
            **dict(conv1=conv(inputs, outputs, stride), bn1=nn.BatchNorm2d(outputs), relu1=nn.ReLU()),
            **dict(conv2=conv(outputs, outputs), bn2=nn.BatchNorm2d(outputs)),
        )
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x):
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return F.relu(self.body(x) + shortcut)


def small_resnet():
    return layers(
        **dict(conv1=conv(3, 2), bn1=nn.BatchNorm2d(2), relu1=nn.ReLU()),
        **dict(block1=Residual(2, 2, 1), block2=Residual(2, 4, 2), block3=Residual(4, 6, 2)),
        **dict(average=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=nn.Linear(6, 10)),
    )


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.qkv, self.projection, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (y.reshape(batch, length, self.heads, -1).transpose(1, 2) for y in self.qkv(x).split(width, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.projection(y.transpose(1, 2).reshape(batch, length, width))


class GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = layers(fc1=nn.Linear(width, 4 * width), activation=nn.GELU(), fc2=nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SmallGpt(nn.Module):
    """Its head has the weight of its table of tokens."""

    def __init__(self, vocabulary=7, context=6, width=8, heads=2):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(0.02 * torch.randn(context, width))
        self.blocks = nn.Sequential(GptBlock(width, heads))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, x):
        hidden = self.tokens(x) + self.positions[: x.shape[1]]
        return self.head(self.norm(self.blocks(hidden))).flatten(0, 1)


def model_case(build, shape, classes):
    """After two steps of training, so that statistics are none of the first. Inputs: images of the formula, or tokens."""
    torch.manual_seed(7)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def batch(s):
        if len(shape) == 4:
            return channels_first(values(s, shape))
        return torch.from_numpy((uniform(s, math.prod(shape)) * classes).astype(np.int64)).reshape(shape)

    for step in range(2):
        logits = model(batch(1000 + step))
        labels = torch.from_numpy((uniform(2000 + step, len(logits)) * classes).astype(np.int64))
        optimizer.zero_grad()
        F.cross_entropy(logits, labels).backward()
        optimizer.step()
    # the format refuses tensors that share memory
    state = {name: x.clone().contiguous() for name, x in model.state_dict().items()}
    file = base64.b64encode(save(state, metadata={"format": "pt"})).decode()
    with torch.no_grad():
        x = batch(3000)
        logits = model.double().eval()(x.double() if x.is_floating_point() else x)
    return {"input": {"s": 3000, "shape": list(shape)}, "logits": logits.flatten().tolist(), "file": file}


def write_models():
    models = {
        "lenet": model_case(small_lenet, (2, 20, 24, 2), 10),
        "resnet": model_case(small_resnet, (3, 8, 8, 3), 10),
        "gpt": model_case(SmallGpt, (2, 5), 7),
    }
    about = (
        "file: base64 of the safetensors file of the model's state_dict; logits in float64, in evaluation mode, of the input "
        "number s of the formula: images [B,H,W,C], or tokens floor(u * 7)"
    )
    write("models.json", {"torch": torch.__version__, "about": about, "models": models})
    print("models.json:", ", ".join(f"{name} {len(case['file'])} characters" for name, case in models.items()))


def write(file, content):
    """Compact, but with a line for each entry of the first two levels, so that a diff can be read."""
    dump = lambda x: json.dumps(x, separators=(",", ":"), allow_nan=False)
    lines = []
    for key, value in content.items():
        if isinstance(value, dict):
            inner = ",\n".join(f"{dump(k)}:{dump(v)}" for k, v in value.items())
            lines.append(f"{dump(key)}:{{\n{inner}\n}}")
        elif isinstance(value, list) and isinstance(value[0], dict):
            inner = ",\n".join(map(dump, value))
            lines.append(f"{dump(key)}:[\n{inner}\n]")
        else:
            lines.append(f"{dump(key)}:{dump(value)}")
    (HERE / file).write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    torch.set_num_threads(1)  # summation order then does not depend on the machine's number of cores
    write_losses(
        "mlp-losses.json", mlp, [32, 784], 10, {"sgd": sgd(0.05), "nesterov": sgd(0.05, nesterov=True), "adamw": ADAMW}
    )
    evaluated = {"s": 3000, "shape": [4, 16, 16, 3]}
    write_losses("cnn-losses.json", cnn, [8, 16, 16, 3], 10, {"sgd": sgd(0.05), "adamw": ADAMW}, evaluated)
    write_losses("resnet-losses.json", resnet8, [4, 16, 16, 3], 6, {"sgd": sgd(0.02)})
    write_ops()
    write_models()


if __name__ == "__main__":
    main()
