/** Options checked by zod at the edge; a wrong one is refused with its path, what was given and what is allowed. */
import { z } from "zod";

/** An integer within bounds; `unit` is said in the error. */
export function integerWithin(
  min: number,
  max: number,
  unit: string,
): z.ZodType<number> {
  const allowed = `allowed an integer from ${min} to ${max} (${unit})`;
  return z
    .number({ error: allowed })
    .int({ error: allowed })
    .min(min, { error: allowed })
    .max(max, { error: allowed });
}

/** One of some names. */
export function oneOf<const Names extends readonly [string, ...string[]]>(
  ...names: Names
): z.ZodType<Names[number]> {
  return z.enum(names, {
    error: `allowed ${names.map((name) => JSON.stringify(name)).join(", ")}`,
  });
}

/** True or false. */
export const yesOrNo: z.ZodType<boolean> = z.boolean({
  error: "allowed true or false",
});

function show(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(
      value.length > 100 ? `${value.slice(0, 100)}…` : value,
    );
  if (
    typeof value === "number" ||
    typeof value === "boolean" ||
    value === null ||
    value === undefined
  )
    return String(value);
  if (typeof value === "bigint") return `${value}n`;
  return Array.isArray(value)
    ? "an array"
    : typeof value === "function"
      ? "a function"
      : "an object";
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** Whether a number was wanted, so that a wrong number is a matter of range. */
function isAboutNumbers(issue: z.core.$ZodIssue): boolean {
  if (issue.code === "invalid_type")
    return issue.expected === "number" || issue.expected === "int";
  return (
    issue.code === "too_small" ||
    issue.code === "too_big" ||
    issue.code === "custom"
  );
}

/**
 * Checks options.
 *
 * @param what the call, for the error
 * @throws {RangeError} when a number is out of bounds
 * @throws {TypeError} for anything else that is wrong, unknown names included
 */
export function checkOptions<T>(
  schema: z.ZodType<T>,
  given: unknown,
  what: string,
): T {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  let outOfBounds = true;
  const lines: string[] = [];
  for (const issue of result.error.issues) {
    const value = valueAt(given, issue.path);
    if (issue.code === "unrecognized_keys") {
      lines.push(
        `unknown option ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`,
      );
      outOfBounds = false;
      continue;
    }
    if (typeof value !== "number" || !isAboutNumbers(issue))
      outOfBounds = false;
    const path =
      issue.path.length === 0 ? "options" : issue.path.map(String).join(".");
    lines.push(`${path}: given ${show(value)}, ${issue.message}`);
  }
  const message = `${what}: ${lines.join("; ")}`;
  throw outOfBounds ? new RangeError(message) : new TypeError(message);
}
