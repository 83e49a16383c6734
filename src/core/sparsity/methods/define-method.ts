/** Methods as callable values: a factory checks options, fills in defaults and tells what tables and recipes show of it. */
import { type CompleteOptions, completeOptions, type OptionSchema, type OptionsOf } from "../../options.ts";
import type { ActivationMethod, InputGradMethod, WeightGradMethod, WeightMethod } from "./method.ts";

/** What a method tells of itself. */
interface Description<Schema extends OptionSchema> {
  /** As in recipes and on the command line. */
  readonly name: string;
  /** As in tables. */
  readonly title: string;
  readonly about: string;
  /** Paper and section. */
  readonly source: string;
  /** What it takes, by name. */
  readonly options: Schema;
}

/** Compared as a method is, in both directions: so a table holds factories of different options. */
type Call<Options, Result> = { call(options?: Options): Result }["call"];

/**
 * `srSte({ lambda: 1e-3 })` makes a method; what is left out takes its default. Throws where an option is unknown or not as
 * its schema says. With the schema left out it is a line of a table, which takes what a recipe says.
 */
export interface MethodFactory<Method, Schema extends OptionSchema = OptionSchema>
  extends Description<Schema>,
    Call<OptionsOf<Schema>, Method> {}

/** Of methods for weights. */
export interface OfWeights {
  /** False for the one that leaves weights dense. */
  readonly sparse: boolean;
}

export type WeightMethodFactory<Schema extends OptionSchema = OptionSchema> = MethodFactory<WeightMethod, Schema> &
  OfWeights;

/** The source of a factory. `make` is given checked and complete options, and leaves the name to the factory. */
type Definition<Method, Schema extends OptionSchema> = Description<Schema> & {
  make(options: CompleteOptions<Schema>): Unnamed<Method>;
};

type Unnamed<Method> = Method extends unknown ? Omit<Method, "name"> : never;

export type Define<Method, Extra = unknown> = <const Schema extends OptionSchema>(
  definition: Definition<Method, Schema> & Extra,
) => MethodFactory<Method, Schema> & Extra;

/** Makes factories of one kind of methods. Extra: what its tables tell besides. */
export function definerOf<Method, Extra>(): Define<Method, Extra> {
  return <Schema extends OptionSchema>({ make, ...description }: Definition<Method, Schema> & Extra) => {
    const { name, options: schema } = description;
    const factory = (options?: OptionsOf<Schema>) => ({
      ...make(completeOptions(`method ${name}`, schema, options)),
      name,
    });
    // a function has a name of its own already, which an assignment does not change
    Object.defineProperties(factory, Object.getOwnPropertyDescriptors(description));
    return factory as unknown as MethodFactory<Method, Schema> & Extra;
  };
}

export const defineWeightMethod: Define<WeightMethod, OfWeights> = definerOf();
export const defineActivationMethod: Define<ActivationMethod> = definerOf();
export const defineInputGradMethod: Define<InputGradMethod> = definerOf();
export const defineWeightGradMethod: Define<WeightGradMethod> = definerOf();
