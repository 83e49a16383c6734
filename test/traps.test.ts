/** What users of version 0.1 fell into, each with what happens now. One test is an example of its kind. */
import { expect, test } from "vitest";
import { backward } from "../src/core/autograd/tape.ts";
import { jsKernels } from "../src/core/backend/js.ts";
import * as core from "../src/core/index.ts";
import {
  adamW,
  Conv2d,
  chain,
  clipByGlobalNorm,
  crossEntropy,
  Device,
  Linear,
  MaxPool,
  Module,
  mlp,
  Optimizer,
  Parameter,
  Sequential,
  type SparsifyOptions,
  sparsify,
  srSte,
  stateOf,
  ste,
  step,
  type Tensor,
  tensor,
} from "../src/core/index.ts";

const device = new Device(jsKernels());
const init = { device };
const small = () => mlp([8, 16, 4], init);
const zeros = (values: ArrayLike<number | bigint>): number => Array.from(values, Number).filter((x) => x === 0).length;

test("chain keeps what methods ask of an optimizer: its variance, its learning rate, its pruned decay", () => {
  const chained = chain(clipByGlobalNorm(1), adamW({ learningRate: 0.1 }));
  expect([chained.learningRate?.(0), chained.variance !== undefined, chained.decaysPruned]).toEqual([0.1, true, true]);
  // STEP needs the variance, and AST and S-STE read the rate
  expect(() => sparsify(small(), { weights: step(), steps: 4 }).optimizer(chained)).not.toThrow();
});

test("the state of a session has the zeros that the products multiply by", () => {
  const model = small();
  const session = sparsify(model, { weights: ste(), pattern: "2:4", steps: 4 });
  expect(zeros(session.state().get("fc1.weight")!.data)).toBe(64);
  // the model itself trains dense weights
  expect(zeros(stateOf(model).get("fc1.weight")!.data)).toBe(0);
});

const wrong: [string, () => unknown, string][] = [
  [
    "an option of a method",
    () => srSte({ lamda: 3 } as object),
    'method sr-ste: expected an option (lambda, refresh, form), got "lamda".',
  ],
  [
    "a value of one",
    () => srSte({ lambda: 1e9 }),
    'method sr-ste: expected lambda from -1 to 1 or "scaled", got 1000000000.',
  ],
  ["an option of a method without any", () => step({ begn: 1 } as object), "method step: expected an option"],
  [
    "steps",
    () => sparsify(small(), { weights: ste(), steps: -5 }),
    "sparsify: expected steps as a whole number of 1 or more, got -5.",
  ],
  [
    "a key of sparsify",
    () => sparsify(small(), { weights: ste(), steps: 5, stepz: 1 } as SparsifyOptions),
    'got "stepz". Perhaps you mean "steps".',
  ],
  [
    "a key of its layers",
    () => sparsify(small(), { weights: ste(), steps: 5, layers: { fc1: { patern: "1:4" } as object } }),
    'sparsify: layers["fc1"]: expected an option',
  ],
  [
    "a method that was not called",
    () => sparsify(small(), { weights: ste as never, steps: 5 }),
    "sparsify: expected a method, as srSte() gives it, got a function.",
  ],
  ["a learning rate", () => adamW({ learningRate: Number.NaN }), "adamW: expected learningRate of 0 or more, got NaN."],
  [
    "a key of the session's optimizer",
    () => sparsify(small(), { weights: ste(), steps: 5 }).optimizer(adamW({ learningRate: 1 }), { clp: 1 } as object),
    'session.optimizer: expected an option (clip), got "clp".',
  ],
  ["an option of a layer", () => new Conv2d(8, 8, 3, { dilation: 2 } as object), "Conv2d: expected an option"],
  [
    "a size of a layer",
    () => new Linear(8.5, 8, init),
    "Linear: expected inputs as a whole number of 1 or more, got 8.5.",
  ],
  [
    "an option of a model",
    () => mlp([4, 2], { dropuot: 0.1 } as object),
    'mlp: expected an option (device, random, dropout), got "dropuot".',
  ],
  [
    "values in the place of a shape",
    () => tensor(device, Array(40).fill(1), [2, 20]),
    "tensor: expected a shape of at most 16 whole numbers, got 40 numbers.",
  ],
];
const x = () => tensor(device, [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
const untyped = core as unknown as Record<string, (...args: unknown[]) => unknown>;
for (const [about, make, says] of [
  ["null in arithmetic", () => untyped.add(x(), null), "add: expected tensors and numbers, got null."],
  ["text in arithmetic", () => untyped.mul(x(), "2"), 'mul: expected tensors and numbers, got "2".'],
  [
    "an option of a sum",
    () => untyped.sum(x(), 0, { keepdims: true }),
    'sum: expected an option (keepDims), got "keepdims".',
  ],
  [
    "a fraction of a shape",
    () => untyped.reshape(x(), [2.5, 3.2]),
    "reshape: expected a shape of 8 values, got [2.5,3.2].",
  ],
  [
    "no targets",
    () => untyped.crossEntropy(x(), null),
    "crossEntropy: expected targets as a list of numbers or a tensor, got null.",
  ],
  [
    "a list in the place of an input",
    () => small().forward([1, 2] as never),
    "flatten: expected a tensor, got an array.",
  ],
  [
    "lists within a list of values",
    () => untyped.tensor(device, [2, 1], [[1], [2]]),
    "tensor: expected numbers in one list, got an array.",
  ],
  [
    "no model",
    () => new Optimizer({} as never, adamW({ learningRate: 1 })),
    "Optimizer: expected a model: a Module, as mlp() makes one, got an object.",
  ],
  [
    "no optimizer",
    () => new Optimizer(small(), {} as never),
    "Optimizer: expected a transform that applies the step, got an object.",
  ],
  [
    "a number among layers",
    () => new Sequential([1] as never),
    "Sequential, 0: expected a model: a Module, as mlp() makes one, got 1.",
  ],
  [
    "an object as a state",
    () => untyped.loadState(small(), {}),
    "load state: expected a Map of tensors by name, got an object.",
  ],
  [
    "a path as a file",
    () => untyped.loadModel(small(), "a.safetensors"),
    'load model: expected the bytes of a file, got "a.safetensors".',
  ],
  [
    "a step that is none",
    () => device.step(5 as never),
    "device.step: expected a function that takes the step, got 5.",
  ],
  ["one width", () => mlp([5]), "mlp: expected a list of at least two widths, got an array."],
  ["a window of nothing", () => new MaxPool(0), "pooling: expected kernel as a whole number of 1 or more, got 0."],
] as [string, () => unknown, string][])
  wrong.push([about, make, says]);

test.each(wrong)("what nobody asked for is refused: %s", (_, make, says) => {
  expect(make).toThrow(says);
});

class Deep extends Module {
  readonly layers = [new Linear(8, 16, init), new Linear(16, 4, init)];
  readonly scales = [new Parameter(device, [1]), new Parameter(device, [1])];
  forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }
}

test("modules and parameters in an array are found, by PyTorch's names, trained and saved", () => {
  const model = new Deep();
  expect([...model.namedParameters().keys()]).toEqual([
    ...["scales.0", "scales.1", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"],
  ]);
  const session = sparsify(model, { weights: ste(), pattern: "2:4", steps: 2 });
  const optimizer = session.optimizer(adamW({ learningRate: 0.1 }));
  const before = [...model.layers[0].weight.data];
  device.step(() => {
    backward(crossEntropy(model.forward(tensor(device, [4, 8], Array(32).fill(0.5))), [0, 1, 2, 3]));
    optimizer.step();
  });
  expect([...model.layers[0].weight.data]).not.toEqual(before);
  expect(zeros(session.state().get("layers.0.weight")!.data)).toBe(64);
});

test.each([
  ["a Map", () => new Map([["a", new Linear(4, 4, init)]]), "the Map hidden"],
  ["a Set", () => new Set([new Linear(4, 4, init)]), "the Set hidden"],
  ["an object", () => ({ a: new Linear(4, 4, init) }), "the object hidden"],
  ["an array of arrays", () => [[new Linear(4, 4, init)]], "an array within the array hidden"],
])("modules in %s are an error and not lost", (_, make, says) => {
  class Hiding extends Module {
    readonly hidden = make();
    forward(x: Tensor): Tensor {
      return x;
    }
  }
  expect(() => new Optimizer(new Hiding(), adamW({ learningRate: 1 }))).toThrow(
    `module Hiding: expected modules and parameters as properties, or in arrays that are properties, got some in ${says}.`,
  );
});

test("an optimizer refuses a model without parameters", () => {
  class Empty extends Module {
    forward(x: Tensor): Tensor {
      return x;
    }
  }
  expect(() => new Optimizer(new Empty(), adamW({ learningRate: 1 }))).toThrow(
    "Optimizer: expected a model with parameters, got Empty without any.",
  );
});

test("labels may be a plain array, and what does not fit is said in the words of the loss", () => {
  const logits = () => small().forward(tensor(device, [2, 8], Array(16).fill(1)));
  expect(crossEntropy(logits(), [0, 1]).size).toBe(1);
  expect(() => crossEntropy(logits(), [0])).toThrow("crossEntropy: expected 2 labels or 8 probabilities");
  expect(() => crossEntropy(logits(), [0, 4])).toThrow("crossEntropy: expected labels in 0..3, got 4 in row 1.");
});

test("an error about a shape names the layer, and says when channels come first", () => {
  expect(() => small().forward(tensor(device, [1, 6], Array(6).fill(1)))).toThrow(
    "linear of fc1.weight: x: expected shape [any, 8], got [1, 6].",
  );
  const model = new Sequential({ stem: new Conv2d(3, 8, 3, init) });
  expect(() => model.forward(tensor(device, [1, 3, 16, 16], new Float32Array(768)))).toThrow(
    "conv2d of stem.weight: x: expected shape [any, any, any, 3], got [1, 3, 16, 16]. Images are [batch, height, width, channels]: turn these by permute(x, [0, 2, 3, 1]).",
  );
});

class Tied extends Module {
  readonly a = new Linear(8, 8, init);
  readonly b = new Linear(8, 8, { ...init, tied: this.a.weight });
  readonly c = new Linear(8, 4, init);
  forward(x: Tensor): Tensor {
    return this.c.forward(this.b.forward(this.a.forward(x)));
  }
}

test("a weight that two layers share is one sparse parameter: pruned, counted and verified once", () => {
  const model = new Tied();
  const session = sparsify(model, { weights: ste(), pattern: "2:4", steps: 2 });
  model.forward(tensor(device, [2, 8], Array(16).fill(1)));
  const found = session.verify();
  expect([found.pruned, found.layers]).toEqual([1, 2]);
  expect(found.checked.map(({ layer, ok }) => [layer, ok])).toEqual([["a.weight", true]]);
  expect(found.zeros).toBeCloseTo(32 / (64 + 32));
  const state = session.state();
  expect([...state.get("b.weight")!.data]).toEqual([...state.get("a.weight")!.data]);
  expect(zeros(state.get("a.weight")!.data)).toBe(32);
  // by either name
  expect(sparsify(new Tied(), { weights: ste(), steps: 2, skip: ["b"], layers: {} }).coverage().pruned).toBe(1);
});

test("zeros of a model that was sparser before stay zero under N:M where that is asked for", () => {
  for (const keepZeros of [false, true]) {
    const model = small();
    const { data } = model.namedParameters().get("fc1.weight")!;
    for (let i = 0; i < data.length; i++) if (i % 4 !== 0) data[i] = 0;
    const session = sparsify(model, { weights: srSte(), pattern: "2:4", steps: 4, keepZeros });
    const optimizer = session.optimizer(adamW({ learningRate: 0.1 }));
    for (let i = 0; i < 4; i++) {
      device.step(() => {
        optimizer.zeroGrad();
        backward(
          crossEntropy(
            model.forward(
              tensor(
                device,
                [4, 8],
                Float32Array.from({ length: 32 }, (_, j) => j % 5),
              ),
            ),
            [0, 1, 2, 3],
          ),
        );
        optimizer.step();
      });
    }
    const found = zeros(session.state().get("fc1.weight")!.data);
    if (keepZeros) expect(found).toBe(96);
    else expect(found).toBeLessThan(80);
    expect(session.verify().ok).toBe(true);
  }
});
