/** Parsers of small option values; each throws `Refused` with what is allowed. */
import { Refused } from "./refused.ts";
import { shaped, type ValueParser } from "./value_shape.ts";

/** A parser for one of a fixed list of words. */
export function oneOf<const Word extends string>(
  ...words: Word[]
): ValueParser<Word> {
  return shaped(
    (text) => {
      const found = words.find((word) => word === text);
      if (found === undefined) throw new Refused(text, words.join(", "));
      return found;
    },
    { kind: "choice", words },
  );
}

/** A parser for whole numbers from `min` to `max`. */
export function integer(min: number, max: number): ValueParser<number> {
  return shaped(
    (text) => {
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= min && value <= max))
        throw new Refused(text, `a whole number from ${min} to ${max}`);
      return value;
    },
    { kind: "integer", min, max },
  );
}

/** Any text but the empty one. */
export function nonEmpty(text: string): string {
  if (text === "") throw new Refused(text, "a text that is not empty");
  return text;
}

/** The path of a file that may or may not be there. */
export const filePath: ValueParser<string> = shaped(nonEmpty, { kind: "file" });

/** A switch's value when it comes from the environment or a file. */
export function parseSwitch(text: string): boolean {
  if (/^(?:1|true|yes|on)$/i.test(text)) return true;
  if (/^(?:0|false|no|off|)$/i.test(text)) return false;
  throw new Refused(text, "true or false");
}

/** `Key: value` or `Key:value`, as curl's -H; the key without white space. */
export function parseHeader(
  text: string,
): readonly [key: string, value: string] {
  const match = /^([^\s:]+):\s*(.*)$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new Refused(text, "KEY:VALUE, the key without spaces");
  }
  return [match[1], match[2]];
}
