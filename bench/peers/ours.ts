/** trisparse itself, behind the interface of its peers. */

import { parsePattern, patternName } from "../../src/core/sparse/pattern.ts";
import { gemmCalls } from "../../src/lab/bench/gemm.ts";
import { STEP_MODELS, stepOf } from "../../src/lab/bench/step.ts";
import { openDeviceSync } from "../../src/node/open-device.ts";
import { version } from "../../src/node/version.ts";
import { at, type Peer, timed } from "./peer.ts";

const PATTERNS = ["2:4", "2:4v2"].map(parsePattern);

export function ours(backend: "native" | "wasm", threads: number): Peer {
  // each case has kernels of its own, so that no array of another case stays in their memory
  const open = () => openDeviceSync({ backend, threads }).kernels;
  const name = backend === "native" ? "trisparse" : "trisparse WASM";
  return {
    ...{ name, version, runtime: backend, instructionSet: open().instructionSet, threads },
    product: async (gemm, size, { x, w, g }) => {
      const { calls, output, ...own } = gemmCalls(open(), gemm, size, PATTERNS);
      own.x.set(x);
      own.w.set(w);
      own.g.set(g);
      return Object.entries(calls).map(([pattern, call]) => ({
        name: `${name} ${pattern}`,
        run: () => timed(call),
        result: () => (pattern === "dense" ? Promise.resolve(at(output)) : null),
        stop: () => {},
      }));
    },
    step: async (which) => {
      const kernels = open();
      const model = STEP_MODELS[which];
      return [null, ...PATTERNS].map((pattern) => {
        const step = stepOf(kernels, model, model.batch, pattern && { plan: "fully-sparse", pattern });
        return {
          name: `${name} ${pattern === null ? "dense" : patternName(pattern)}`,
          run: () => timed(step),
          result: () => null,
          stop: () => {},
        };
      });
    },
    stop: () => {},
  };
}
