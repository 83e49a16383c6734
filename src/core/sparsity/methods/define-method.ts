/** Methods as callable values: a factory checks its options, fills in their defaults and says what a table tells of it. */
import { type CompleteOptions, completeOptions, type OptionSchema, type OptionsOf } from "../../options.ts";
import type { ActivationMethod, InputGradMethod, WeightGradMethod, WeightMethod } from "./method.ts";

/** What a table of methods tells of each. */
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

/**
 * `srSte({ lambda: 1e-3 })`: makes a method; what is left out takes its default. Throws where an option is unknown or not
 * what its schema says. A line of a table of methods too, where its options are known to the schema alone.
 */
export type MethodFactory<Method, Schema extends OptionSchema = OptionSchema> = Call<OptionsOf<Schema>, Method> &
  Description<Schema>;

/** Parameters of a method are compared in both directions, so that a table holds factories of different options. */
type Call<Options, Result> = { call(options?: Options): Result }["call"];

/** What is written down for a method: `make` is given checked and complete options; the factory adds the name. */
type Definition<Method, Schema extends OptionSchema> = Description<Schema> & {
  make(options: CompleteOptions<Schema>): Unnamed<Method>;
};

type Unnamed<Method> = Method extends unknown ? Omit<Method, "name"> : never;

/** Makes factories of one kind of methods. Extra: what its tables tell besides. */
export const definerOf =
  <Method extends { readonly name: string }, Extra extends object = object>() =>
  <const Schema extends OptionSchema>({
    make,
    ...description
  }: Definition<Method, Schema> & Extra): MethodFactory<Method, Schema> & Extra => {
    const { name, options: schema } = description;
    const factory = (options?: OptionsOf<Schema>): Method =>
      ({ ...make(completeOptions(`method ${name}`, schema, options)), name }) as unknown as Method;
    // a function has a name already, which no assignment changes
    return Object.defineProperties(factory, Object.getOwnPropertyDescriptors(description)) as MethodFactory<
      Method,
      Schema
    > &
      Extra;
  };

/** Of the weights that multiply. */
export type WeightMethodFactory<Schema extends OptionSchema = OptionSchema> = MethodFactory<WeightMethod, Schema> &
  OfWeights;

interface OfWeights {
  /** False for the one that leaves weights dense. */
  readonly sparse: boolean;
}

export const defineWeightMethod = definerOf<WeightMethod, OfWeights>();
export const defineActivationMethod = definerOf<ActivationMethod>();
export const defineInputGradMethod = definerOf<InputGradMethod>();
export const defineWeightGradMethod = definerOf<WeightGradMethod>();
