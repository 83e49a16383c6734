/** A second model with the values of a first one. */

import type { Module } from "./module.ts";
import { loadValues, valuesOf } from "./state.ts";

/**
 * Builds a model and gives it all values of `model`: weights, running statistics, counters of draws. The two share
 * nothing. `build` makes a model of the same architecture, as `() => mlp([784, 256, 10])`. Throws if names or shapes
 * differ. The copy is an ordinary model, also where `model` is under a session; its weights are then the dense ones.
 */
export function copyOf<M extends Module>(model: Module, build: () => M): M {
  const copy = build();
  loadValues(copy, valuesOf(model), "copyOf");
  return copy;
}
