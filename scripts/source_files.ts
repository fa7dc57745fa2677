import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The repository's root directory. */
export const root: string = join(import.meta.dirname, "..");

/** A file of the repository; `path` is relative to the root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Files that git tracks or would track, so that build products and installed packages stay out. */
export function listSourceFiles(...extensions: string[]): SourceFile[] {
  const listing = Bun.spawnSync(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    { cwd: root },
  );
  if (!listing.success) throw new Error(listing.stderr.toString());
  const paths = new Set(listing.stdout.toString().split("\0"));
  const files: SourceFile[] = [];
  for (const path of [...paths].sort()) {
    if (path === "") continue; // After the last separator.
    if (!extensions.some((extension) => path.endsWith(extension))) continue;
    try {
      files.push({ path, text: readFileSync(join(root, path), "utf8") });
    } catch (error) {
      // Deleted, but not yet from the index.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return files;
}

/** Prints violations and ends the process: 1 if there are any. */
export function finish(check: string, violations: readonly string[]): never {
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) {
    console.error(`${check}: ${violations.length} violation(s)`);
  }
  process.exit(violations.length > 0 ? 1 : 0);
}
