/** The demo's jobs: the files of this repository. */
import { readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** Not part of the repository, wherever it is unpacked without git. */
const leftOut = new Set([".git", ".tools", "build", "dist", "node_modules"]);

/** A regular file and what shows that it was changed meanwhile. */
export interface RepositoryFile {
  readonly path: string;
  readonly version: string;
}

function walk(root: string, directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (leftOut.has(entry.name)) return [];
    const path = join(directory, entry.name);
    return entry.isDirectory() ? walk(root, path) : [relative(root, path)];
  });
}

function listPaths(root: string): string[] {
  const git = Bun.which("git");
  if (git !== null) {
    const listing = Bun.spawnSync([git, "ls-files", "-z"], {
      cwd: root,
      stderr: "ignore",
    });
    const paths = listing.stdout.toString().split("\0").slice(0, -1);
    // A copy of the sources within somebody else's repository has no files of its own there.
    if (listing.exitCode === 0 && paths.length > 0) return paths;
  }
  return walk(root, root);
}

/** Changes when the file does; undefined when there is no such regular file. */
export function versionOf(root: string, path: string): string | undefined {
  const found = statSync(join(root, path), { throwIfNoEntry: false });
  if (found?.isFile() !== true) return undefined;
  return `${found.ino} ${found.size} ${found.mtimeMs}`;
}

/** What `git ls-files` says, or a walk over the directories when there is no git. */
export function listRepositoryFiles(root: string): RepositoryFile[] {
  return listPaths(root).flatMap((path) => {
    const version = versionOf(root, path);
    return version === undefined ? [] : [{ path, version }];
  });
}
