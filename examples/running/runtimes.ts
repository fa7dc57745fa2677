/** Which runtimes are there: examples start their programs in both, if they can. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A runtime, and the words that start a program with it. */
export interface Runtime {
  readonly name: "Bun" | "Deno";
  readonly command: readonly string[];
}

/** The repository's root directory. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

function findExecutable(name: string): string | undefined {
  // `make setup` puts both runtimes there.
  const own = join(root, ".tools/node_modules/.bin");
  const directories = (process.env.PATH ?? "").split(delimiter);
  for (const directory of [...directories, own]) {
    try {
      const path = join(directory, name);
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there.
    }
  }
  return undefined;
}

/** The runtimes of this machine; the one that runs this program comes first. */
export function findRuntimes(): readonly Runtime[] {
  const inBun = "Bun" in globalThis;
  const bun = inBun ? process.execPath : findExecutable("bun");
  const deno = inBun ? findExecutable("deno") : process.execPath;
  const found: Runtime[] = [];
  if (bun !== undefined) found.push({ name: "Bun", command: [bun] });
  if (deno !== undefined)
    found.push({ name: "Deno", command: [deno, "run", "--quiet", "-A"] });
  return inBun ? found : found.reverse();
}
