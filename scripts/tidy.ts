/** Rules of the house that no linter knows. */

interface Rule {
  /** Files that it applies to. */
  readonly files: RegExp;
  /** Files that it does not apply to. */
  readonly except?: RegExp;
  readonly pattern: RegExp;
  readonly message: string;
}

const lineCountMax = 500;
const excuse = /^\s*(?:\/\/|\/\*|\*|#) tidy: long because \S/m;
const vagueName = /(?:^|\/)(?:utils?|helpers?|common|misc)(?:[./]|$)/;

const rules: readonly Rule[] = [
  {
    files: /\.(?:ts|c|h|sh)$|Makefile$/,
    except: /^scripts\/tidy\.ts$|^tests\/unit\/scripts\//,
    pattern: /\b(?:TODO|FIXME|XXX)\b/,
    message: "do it or write it down in docs/, but leave no marker",
  },
  {
    files: /^(?:src|cmd)\/.*\.ts$/,
    pattern: /["']bun:ffi["']|\bDeno\.dlopen\b/,
    message: "only ffi/ talks to the runtimes' FFI",
  },
  {
    files: /^(?:src|ffi)\/.*\.ts$/,
    pattern:
      /\bprocess\.(?:argv|exit\(|on\(\s*["']SIG)|\bDeno\.(?:args|exit)\b/,
    message: "only cmd/ reads argv, sets signal handlers or exits",
  },
  {
    files: /\.(?:ts|c|h|json|toml|md|lock)$|Makefile$/,
    except: /^scripts\/tidy\.ts$/,
    pattern: /(?:^|[\s"'`(=])\/(?:home|root|work)\/\w/,
    message: "a path of one machine",
  },
  {
    files: /(?:^|\/)(?:bun\.lock|package\.json|bunfig\.toml|deno\.json)$/,
    pattern: /https?:\/\//,
    message: "a registry's address",
  },
];

/** One message per broken rule. `path` is relative to the root. */
export function findUntidy(path: string, text: string): string[] {
  const violations: string[] = [];
  if (vagueName.test(path)) {
    violations.push(`${path}: name it by its content`);
  }
  const lines = text.split("\n");
  if (
    /\.(?:ts|c|h)$/.test(path) &&
    lines.length > lineCountMax &&
    !excuse.test(text)
  ) {
    violations.push(
      `${path}: ${lines.length} lines (at most ${lineCountMax}): find the second file in it, or say 'tidy: long because …' in a comment`,
    );
  }
  for (const rule of rules) {
    if (!rule.files.test(path) || rule.except?.test(path)) continue;
    for (const [index, line] of lines.entries()) {
      if (rule.pattern.test(line)) {
        violations.push(`${path}:${index + 1}: ${rule.message}`);
      }
    }
  }
  return violations;
}

if (import.meta.main) {
  const { finish, listSourceFiles } = await import("./source_files.ts");
  const files = listSourceFiles("");
  finish(
    "tidy",
    files.flatMap((file) => findUntidy(file.path, file.text)),
  );
}
