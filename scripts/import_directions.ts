/**
 * Refuses an import that goes against the directions of the architecture, and
 * import cycles. The table is part of the design: a change of it needs an
 * entry in docs/decisions.md that says why.
 */
import { posix } from "node:path";

/** What a room may import, besides itself. A room is a directory of `src`, or `ffi`, or `cmd`. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  ffi: [],
  base: [],
  resilience: ["base"],
  wire: ["base"],
  observe: ["base"],
  balance: ["base", "resilience"],
  ucx: ["ffi", "base", "resilience"],
  queue: ["ffi", "base", "resilience"],
  transport: ["wire", "resilience", "balance", "base"],
  "transport/protocols/ucx": ["wire", "resilience", "balance", "base", "ucx"],
  engine: ["transport", "wire", "resilience", "balance", "base"],
  routes: ["transport", "engine", "queue", "balance", "base"],
  cluster: ["transport", "queue", "balance", "base"],
  upgrade: ["src"],
  admin: ["src"],
  cmd: ["src", "ffi"],
  // The public module collects the rooms.
  "mod.ts": ["src"],
};

/** A source file, with the files of the repository that it imports. */
export interface ImportingFile {
  readonly path: string;
  readonly imports: readonly string[];
}

const statement =
  /^[ \t]*(?:import|export)\b(?:[^;"'`]*?\bfrom)?\s*["']([^"'\n]+)["']/gm;
const dynamic = /\b(?:import|require)\(\s*["'`]([^"'`\n]+)["'`]\s*[,)]/g;

/** Relative imports, type-only and dynamic ones too, as paths from the root. */
export function readImports(path: string, text: string): ImportingFile {
  const imports: string[] = [];
  for (const pattern of [statement, dynamic]) {
    for (const [, specifier] of text.matchAll(pattern)) {
      if (specifier?.startsWith(".") !== true) continue;
      imports.push(posix.join(posix.dirname(path), specifier));
    }
  }
  return { path, imports };
}

/** The room of a file, or undefined outside of src, ffi and cmd (tests, bench and examples may import anything). */
export function roomOf(path: string): string | undefined {
  const [top, ...rest] = path.split("/");
  if (top === "ffi" || top === "cmd") return top;
  if (top !== "src") return undefined;
  const protocols = rest.slice(0, 3).join("/").replace(/\.ts$/, "");
  if (protocols === "transport/protocols/ucx") return protocols;
  return rest[0];
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  // transport's registry loads the adapter, and the adapter is a part of transport.
  const family = (room: string) => room.split("/")[0];
  if (family(from) === family(to)) return true;
  const list = allowed[from] ?? [];
  return (
    list.includes(to) || (list.includes("src") && to !== "cmd" && to !== "ffi")
  );
}

/** One message per import that the table refuses. */
export function findWrongDirections(files: readonly ImportingFile[]): string[] {
  const violations: string[] = [];
  for (const file of files) {
    const from = roomOf(file.path);
    if (from === undefined) continue;
    if (allowed[from] === undefined) {
      violations.push(
        `${file.path}: '${from}' is not in the table of scripts/import_directions.ts`,
      );
      continue;
    }
    for (const target of file.imports) {
      const to = roomOf(target);
      if (to !== undefined && mayImport(from, to)) continue;
      // package.json holds the version; nothing else outside of the rooms may be reached.
      if (target === "package.json" || /^build\/.*\.so$/.test(target)) continue;
      const list = allowed[from]?.join(", ") || "nothing";
      violations.push(
        `${file.path}: ${from} may not import ${target} (${from} may import: ${list})`,
      );
    }
  }
  return violations;
}

/** One message per cycle of files that import each other. */
export function findCycles(files: readonly ImportingFile[]): string[] {
  const graph = new Map(files.map((file) => [file.path, file.imports]));
  const done = new Set<string>();
  const violations: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const cycle = [...trail.slice(start), path].join(" -> ");
      violations.push(`import cycle: ${cycle}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const file of files) visit(file.path, []);
  return violations;
}

if (import.meta.main) {
  // Here, so that the tests can import the rules in Deno too.
  const { finish, listSourceFiles } = await import("./source_files.ts");
  const files = listSourceFiles(".ts").map((file) =>
    readImports(file.path, file.text),
  );
  finish("import directions", [
    ...findWrongDirections(files),
    ...findCycles(files),
  ]);
}
