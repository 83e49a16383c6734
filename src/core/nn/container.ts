import { Module, requireModule } from "./module.ts";

/** A module of child modules with names: an array names them "0", "1", ..., an object by its keys. */
export abstract class Container extends Module {
  readonly #layers: [string, Module][];

  constructor(layers: readonly Module[] | Readonly<Record<string, Module>>) {
    super();
    if (typeof layers !== "object" || layers === null) requireModule(this.constructor.name, layers);
    for (const [name, layer] of Object.entries(layers)) requireModule(`${this.constructor.name}, ${name}`, layer);
    this.#layers = Object.entries(layers);
    // errors of shapes name a layer by its weight's path, which this sets
    this.namedParameters();
  }

  get layers(): readonly (readonly [string, Module])[] {
    return this.#layers;
  }

  /** Puts another module in the place of the one of this name. */
  replace(name: string, module: Module): void {
    const found = this.#layers.find(([key]) => key === name);
    if (found !== undefined) found[1] = module;
  }

  override children(): [string, Module][] {
    return this.#layers.map(([name, layer]) => [name, layer]);
  }
}
