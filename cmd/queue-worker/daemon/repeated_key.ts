/** Keys that stand twice in one JSON object: the parser keeps the last one in silence, and a worker would be missing. */

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Lists have no name of their own. */
function at(path: readonly string[]): string {
  return path.filter((key) => key !== "").join(".");
}

/**
 * What is wrong with the first key that is repeated, or that no object can hold: its path and why.
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
      if (keys?.has(key) === true)
        return `${at(path)}: given twice, allowed is once`;
      // It would vanish on the way.
      if (key === "__proto__")
        return `${at(path)}: given as a key, allowed is any other name`;
      keys?.add(key);
      expectsKey = false;
    }
  }
  return undefined;
}
