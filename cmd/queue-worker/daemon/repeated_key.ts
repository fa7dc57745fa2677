/** Keys that stand twice in one JSON object: the parser keeps the last one in silence, and a worker would be missing. */

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/**
 * The path of the first key that is repeated, or that cannot be a key of ours.
 *
 * @param text valid JSON
 */
export function findRepeatedKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  const path: string[] = [];
  let expectsKey = false;
  for (const [token] of text.matchAll(tokens)) {
    if (token === "{" || token === "[") {
      expectsKey = token === "{";
      open.push(expectsKey ? new Set() : undefined);
      path.push("");
    } else if (token === "}" || token === "]") {
      open.pop();
      path.pop();
      expectsKey = false;
    } else if (token === ",") {
      expectsKey = open.at(-1) !== undefined;
    } else if (expectsKey && token !== ":") {
      const key: string = JSON.parse(token);
      const keys = open.at(-1);
      path[path.length - 1] = key;
      // Objects made of it would not have it as a key at all.
      if (keys?.has(key) === true || key === "__proto__") return path.join(".");
      keys?.add(key);
      expectsKey = false;
    }
  }
  return undefined;
}
