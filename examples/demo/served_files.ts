/** The records of the demo's clients, and what the answers must be. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ChildProcesses } from "../running/child_processes.ts";
import { type RepositoryFile, versionOf } from "./repository_files.ts";

/** A larger one is left out. */
export const servedBytesMax: number = 1024 ** 2;

/** A file that is sent as the body of a request. */
export interface ServedFile extends RepositoryFile {
  readonly content: Uint8Array;
}

/** Reads what is not too large. */
export function readServedFiles(
  root: string,
  files: readonly RepositoryFile[],
): ServedFile[] {
  return files
    .map((file) => ({ ...file, content: readFileSync(join(root, file.path)) }))
    .filter(({ content }) => content.length <= servedBytesMax);
}

/** What `sha256sum` says about each path when it is run directly. Files that somebody changed meanwhile are not in it. */
export async function hashDirectly(
  root: string,
  files: readonly RepositoryFile[],
  children: ChildProcesses,
): Promise<Map<string, string>> {
  const output = await children.run(["xargs", "-0", "sha256sum", "-z", "--"], {
    cwd: root,
    input: files.map(({ path }) => `${path}\0`).join(""),
  });
  const hashes = new Map<string, string>();
  for (const entry of output.split("\0")) {
    // "HASH  PATH"; with -z nothing is escaped.
    const [hash, path] = [entry.slice(0, 64), entry.slice(66)];
    hashes.set(path, hash);
  }
  return new Map(
    files.flatMap(({ path, version }) => {
      const hash = hashes.get(path);
      return hash === undefined || versionOf(root, path) !== version
        ? []
        : [[path, hash] as const];
    }),
  );
}
