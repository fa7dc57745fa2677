/** What a value looks like, as far as it can be told to an editor (JSON Schema) or to a shell (completion). */

/** The shape of one value; the parser that carries it has the last word on what is allowed. */
export type ValueShape =
  | { readonly kind: "choice"; readonly words: readonly string[] }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  /** `pattern` is that of the text, not of the bounds. */
  | { readonly kind: "duration" | "range"; readonly pattern: RegExp }
  /** In bytes; as text it has a unit. */
  | {
      readonly kind: "size";
      readonly min: number;
      readonly max: number;
      readonly pattern: RegExp;
    }
  /** The path of a file. */
  | { readonly kind: "file" }
  /** A queue's name, or `file:PATH`. */
  | { readonly kind: "queue" };

/** The shape of an operand; the last one of a verb is also that of all which follow, where it takes several. */
export type OperandShape =
  | ValueShape
  /** Words of another command, which goes on to the end. */
  | { readonly kind: "command" }
  /** The id of a dead letter of the queue that `-q` names. */
  | { readonly kind: "dead-letter" }
  /** The name of a worker or daemon that runs. */
  | { readonly kind: "worker" }
  /** The name of a server that runs. */
  | { readonly kind: "server" }
  /** A verb of this executable. */
  | { readonly kind: "verb" };

/** A parser of one value; without a shape it takes any text. */
export interface ValueParser<T> {
  (text: string): T;
  readonly shape?: ValueShape;
}

/** Gives a parser its shape. */
export function shaped<T>(
  parse: (text: string) => T,
  shape: ValueShape,
): ValueParser<T> {
  // A new function: the one that was given may be shared.
  return Object.assign((text: string) => parse(text), { shape });
}
