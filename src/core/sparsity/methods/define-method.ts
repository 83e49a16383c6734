/**
 * Methods as callable values: a factory checks options, fills in defaults, and carries what tables and recipes show of
 * a method.
 */
import { type CompleteOptions, completeOptions, type OptionSchema, type OptionsOf } from "../../options.ts";
import type { ActivationMethod, InputGradMethod, WeightGradMethod, WeightMethod } from "./method.ts";

/** The description of a method. */
interface Description<Schema extends OptionSchema> {
  /** Name in recipes and on the command line. */
  readonly name: string;
  /** Name in tables. */
  readonly title: string;
  readonly about: string;
  /** Papers and, behind a semicolon, the authors' code. */
  readonly source: string;
  /** Where in them: sections and equations of the paper, files and names of the code. */
  readonly section: string;
  /**
   * The test that compares it with an independent implementation, written from the source, or with golden numbers: a
   * path from the root of the repository.
   */
  readonly oracle: string;
  /** The smallest run that shows its point: the arguments of `npx trisparse`. */
  readonly shows: string;
  /** Options of the method, by name. */
  readonly options: Schema;
}

/**
 * A function type that is compared as a method is, in both directions, so that a table can hold factories of different
 * options.
 */
type Call<Options, Result> = { call(options?: Options): Result }["call"];

/**
 * A factory of methods: `srSte({ lambda: 1e-3 })` makes one. An option that is left out takes its default. Throws if an
 * option is unknown or its value is not allowed by the schema. Without a type of schema it is a line of a table, which
 * takes the options of a recipe.
 */
export interface MethodFactory<Method, Schema extends OptionSchema = OptionSchema>
  extends Description<Schema>,
    Call<OptionsOf<Schema>, Method> {}

/** What factories of methods for weights have besides. */
export interface OfWeights {
  /** False for the one that leaves weights dense. */
  readonly sparse: boolean;
}

export type WeightMethodFactory<Schema extends OptionSchema = OptionSchema> = MethodFactory<WeightMethod, Schema> &
  OfWeights;

/** The definition of a factory. `make` gets checked and complete options; the factory adds the name. */
type Definition<Method, Schema extends OptionSchema> = Description<Schema> & {
  make(options: CompleteOptions<Schema>): Unnamed<Method>;
};

type Unnamed<Method> = Method extends unknown ? Omit<Method, "name"> : never;

export type Define<Method, Extra = unknown> = <const Schema extends OptionSchema>(
  definition: Definition<Method, Schema> & Extra,
) => MethodFactory<Method, Schema> & Extra;

/** Makes a function that defines factories of one kind of methods. `Extra` is what tables of this kind show besides. */
export function definerOf<Method, Extra>(): Define<Method, Extra> {
  return <Schema extends OptionSchema>({ make, ...description }: Definition<Method, Schema> & Extra) => {
    const { name, options: schema } = description;
    const factory = (options?: OptionsOf<Schema>) => ({
      ...make(completeOptions(`method ${name}`, schema, options)),
      name,
    });
    // a function already has a name of its own, which an assignment cannot change
    Object.defineProperties(factory, Object.getOwnPropertyDescriptors(description));
    return factory as unknown as MethodFactory<Method, Schema> & Extra;
  };
}

export const defineWeightMethod: Define<WeightMethod, OfWeights> = definerOf();
export const defineActivationMethod: Define<ActivationMethod> = definerOf();
export const defineInputGradMethod: Define<InputGradMethod> = definerOf();
export const defineWeightGradMethod: Define<WeightGradMethod> = definerOf();
