"""Makes losses.json of this folder: PyTorch's losses and convolutions in groups, for test/losses.test.ts.

    python3 test/golden/make_losses.py

Needs numpy and torch; the file kept here was made with torch 2.13.0+cpu. Numbers, layouts and the shape of a case are those
of make_golden.py. It runs again only when a case is added.

License: Apache-2.0, as the rest of trisparse.
"""

import torch
import torch.nn.functional as F

from make_golden import case, channels_first, channels_last, short, write


def loss_case(op, options, x, inputs, loss):
    x.requires_grad_()
    value = loss(x)
    value.backward()
    return case(op, options, {"x": x, **inputs}, {"loss": value, "dx": x.grad})


def regression_case(op, s, options, loss):
    """Errors of 0, of delta exactly, near and far, of both signs."""
    x, targets = short(s, (4, 6), 3), short(s + 1, (4, 6), 2)
    targets[0, :3] = x[0, :3] + torch.tensor([0.0, 0.5, -0.5])
    return loss_case(op, options, x, {"targets": targets}, lambda x: loss(x, targets))


def binary_case(s, shape, positive):
    logits, targets = short(s, shape, 4), (short(s + 1, shape) + 1) / 2
    logits.flatten()[:2] = torch.tensor([150.0, -150.0])
    targets.flatten()[2:5] = torch.tensor([0.0, 1.0, 1.0])
    weights = None if positive is None else torch.tensor(positive, dtype=torch.float64)
    options = {} if positive is None else {"positiveWeight": positive}
    return loss_case(
        *("binaryCrossEntropyWithLogits", options, logits, {"targets": targets}),
        lambda x: F.binary_cross_entropy_with_logits(x, targets, pos_weight=weights),
    )


def cross_entropy_case(s, targets, smoothing=0.0, weights=None, ignore=None):
    """Logits [5, 4], one row far from 0."""
    logits = short(s, (5, 4), 3)
    logits[2] += 200
    options = {"labelSmoothing": smoothing}
    named = {"label_smoothing": smoothing}
    if weights is not None:
        options["classWeights"] = weights
        named["weight"] = torch.tensor(weights, dtype=torch.float64)
    if ignore is not None:
        options["ignoreIndex"] = ignore
        named["ignore_index"] = ignore
    return loss_case("crossEntropy", options, logits, {"targets": targets}, lambda x: F.cross_entropy(x, targets, **named))


def conv_case(s, shape, out, kernel, stride, padding, groups):
    x = short(s, shape).requires_grad_()
    w = short(s + 1, (out, kernel, kernel, shape[3] // groups)).requires_grad_()
    bias = short(s + 2, (out,)).requires_grad_()
    y = channels_last(F.conv2d(channels_first(x), channels_first(w), bias, stride, padding, 1, groups))
    dy = short(s + 3, y.shape)
    y.backward(dy)
    return case(
        "conv2d",
        {"stride": stride, "padding": padding, "groups": groups},
        {"x": x, "w": w, "bias": bias, "dy": dy},
        {"y": y, "dx": x.grad, "dw": w.grad, "dbias": bias.grad},
    )


def main():
    labels = torch.tensor([0, 3, 1, 1, 2])
    some = torch.tensor([0, -100, 1, 3, -100])
    padded = torch.tensor([0, 3, 1, 0, 2])  # of which 0 counts nowhere
    soft = torch.softmax(short(300, (5, 4), 2), 1)
    # few decimals, so that both sides read the same numbers
    soft = (soft * 1024).round() / 1024
    weights = [1.0, 0.25, 2.0, 3.0]
    cases = [
        regression_case("mse", 200, {}, F.mse_loss),
        regression_case("mae", 202, {}, F.l1_loss),
        regression_case("huber", 204, {}, F.huber_loss),
        regression_case("huber", 206, {"delta": 0.5}, lambda x, y: F.huber_loss(x, y, delta=0.5)),
        binary_case(210, (7,), None),
        binary_case(212, (4, 3), [0.5, 1.0, 4.0]),
        cross_entropy_case(220, labels),
        cross_entropy_case(221, labels, smoothing=0.1),
        cross_entropy_case(222, labels, weights=weights),
        cross_entropy_case(223, some, ignore=-100),
        cross_entropy_case(224, padded, ignore=0),
        cross_entropy_case(225, some, 0.2, weights, -100),
        cross_entropy_case(226, soft),
        cross_entropy_case(227, soft, 0.3, weights),
        conv_case(230, (1, 4, 5, 3), 3, 3, 1, 1, 3),
        conv_case(234, (2, 5, 4, 5), 5, 3, 2, 1, 5),
        conv_case(238, (1, 4, 4, 2), 4, 3, 1, 0, 2),
        conv_case(242, (1, 5, 4, 4), 6, 3, 2, 1, 2),
    ]
    about = "float64 results; images [B,H,W,C], conv weights [O,KH,KW,C/groups]; dx, dw, ... are gradients"
    write("losses.json", {"torch": torch.__version__, "about": about, "cases": cases})


if __name__ == "__main__":
    main()
