/** Called while the executable is built (imported `with { type: "macro" }`), so that it knows where it comes from. */

/** The commit's short hash, with a `+` when the tree had changes; `unknown` outside of a repository. */
export function sourceCommit(): string {
  const git = (...words: string[]): string | undefined => {
    try {
      const { exitCode, stdout } = Bun.spawnSync(["git", ...words], {
        cwd: import.meta.dir,
        stderr: "ignore",
      });
      return exitCode === 0 ? stdout.toString().trim() : undefined;
    } catch {
      return undefined;
    }
  };
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (commit === undefined) return "unknown";
  return git("status", "--porcelain", "--untracked-files=no") === ""
    ? commit
    : `${commit}+`;
}
