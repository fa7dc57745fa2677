/**
 * Where a native library is found: explicit path, environment variable,
 * embedded in the executable, beside this module, system; first fit wins. A
 * path that somebody gave is never silently replaced by another one.
 */
import { readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  type LibraryAttempt,
  LibraryNotFoundError,
  LibraryVersionError,
  UnsupportedRuntimeError,
} from "./errors.ts";
import { type NativeFunctions, openLibrary, type SymbolTable } from "./host.ts";
import { isLoaded, withMemoryFile } from "./memory_file.ts";

/** The place that a library came from. */
export type LibraryOrigin =
  "explicit" | "environment" | "embedded" | "beside" | "system";

/** `major` must be equal; `minor` may be newer than asked for. */
export interface AbiVersion {
  readonly major: number;
  readonly minor: number;
}

/** What is looked for, and which version of it will do. */
export interface LibraryRequest<Table extends SymbolTable> {
  /** Name without prefix and suffix: `ringwire-shm` is the file `libringwire-shm.so`. */
  readonly name: string;
  /** Environment variable that may hold a path. @default none */
  readonly environmentVariable?: string | undefined;
  /** A path from the caller; nothing else is tried. @default none */
  readonly path?: string | undefined;
  /** File names for the dynamic linker. @default [`lib${name}.so`] */
  readonly systemNames?: readonly string[] | undefined;
  /** Shares one embedded copy, and so its C globals, between the Workers of a process. @default `lib${name}.so.${major}` */
  readonly soname?: string | undefined;
  /** `uint32_t symbol(void)` returning `major << 16 | minor`. */
  readonly abi: AbiVersion & { readonly symbol: string };
  readonly symbols: Table;
}

/** A library that was found, fits and is open. It is never closed. */
export interface NativeLibrary<Table extends SymbolTable> {
  readonly functions: NativeFunctions<Table>;
  readonly origin: LibraryOrigin;
  /** The path or file name that was opened; of an embedded one, where it is embedded. */
  readonly path: string;
  readonly abi: AbiVersion;
}

/** Files inside of a compiled executable are not visible to the dynamic linker. */
const embeddedRoot = "/$bunfs/";
const embeddedFiles = new Map<string, string>();
const cache = new WeakMap<SymbolTable, Map<string, unknown>>();

/**
 * Names the copy that an executable carries; called by its main module, before
 * the first use, with what `import path from "….so" with { type: "file" }` gave.
 *
 * @param name as in `LibraryRequest.name`
 * @param fileUrlOrPath a `file:` URL or a path
 */
export function registerEmbeddedLibrary(
  name: string,
  fileUrlOrPath: string,
): void {
  embeddedFiles.set(name, toPath(fileUrlOrPath));
}

function toPath(fileUrlOrPath: string): string {
  return fileUrlOrPath.startsWith("file:")
    ? fileURLToPath(fileUrlOrPath)
    : fileUrlOrPath;
}

interface Candidate {
  readonly origin: LibraryOrigin;
  readonly path: string;
  /** Why it is not even tried. */
  readonly unusable?: string;
}

/** The path that an environment variable holds; undefined when it is empty, or when reading it is not allowed. */
export function environmentPath(
  variable: string | undefined,
): string | undefined {
  if (variable === undefined) return undefined;
  let value: string | undefined;
  try {
    value = process.env[variable];
  } catch {
    // Deno without --allow-env: as if it were not set.
  }
  return value === "" ? undefined : value;
}

/** A given path is a path: without a slash the dynamic linker would search the system for it. */
export function givenPath(fileUrlOrPath: string): string {
  const path = toPath(fileUrlOrPath);
  return isAbsolute(path) ? path : resolve(path);
}

/** The place beside this module; the dynamic linker opens no URL, and where a module was cached nobody builds. */
export function besideModule(moduleUrl: string, file: string): Candidate {
  const url = new URL(`../build/${file}`, moduleUrl);
  return url.protocol === "file:"
    ? { origin: "beside", path: fileURLToPath(url) }
    : {
        origin: "beside",
        path: url.href,
        unusable: `the module is not a file but was loaded from ${url.protocol}`,
      };
}

function listCandidates(
  request: LibraryRequest<SymbolTable>,
  environment: string | undefined,
): Candidate[] {
  if (request.path !== undefined) {
    return [{ origin: "explicit", path: givenPath(request.path) }];
  }
  if (environment !== undefined) {
    return [{ origin: "environment", path: givenPath(environment) }];
  }
  const file = `lib${request.name}.so`;
  const candidates: Candidate[] = [];
  const embedded = embeddedFiles.get(request.name);
  if (embedded !== undefined) {
    candidates.push({ origin: "embedded", path: embedded });
  }
  const beside = besideModule(import.meta.url, file);
  // In an executable this would be a path that somebody else could create.
  if (!beside.path.startsWith(embeddedRoot)) candidates.push(beside);
  for (const name of request.systemNames ?? [file]) {
    candidates.push({ origin: "system", path: name });
  }
  return candidates;
}

class WrongVersion extends Error {}

function openFitting<Table extends SymbolTable>(
  path: string,
  request: LibraryRequest<Table>,
): { functions: NativeFunctions<Table>; abi: AbiVersion } {
  const { symbol, major, minor } = request.abi;
  // The version first: an older library may lack some of the other symbols.
  const gate = openLibrary(path, {
    [symbol]: { parameters: [], result: "u32" },
  })[symbol];
  const packed = gate?.() ?? 0;
  const abi = { major: packed >>> 16, minor: packed & 0xffff };
  if (abi.major !== major || abi.minor < minor) {
    throw new WrongVersion(
      `its ABI is ${abi.major}.${abi.minor}, this program needs ${major}.${minor} or a later ${major}.x`,
    );
  }
  return { functions: openLibrary(path, request.symbols), abi };
}

function openEmbedded<Table extends SymbolTable>(
  path: string,
  request: LibraryRequest<Table>,
): { functions: NativeFunctions<Table>; abi: AbiVersion } {
  const soname = request.soname ?? `lib${request.name}.so.${request.abi.major}`;
  // Every Worker gets here. A second copy would have C globals of its own, so all
  // use the first that was loaded, also when two of them load at the same time.
  if (isLoaded(soname)) return openFitting(soname, request);
  return withMemoryFile(request.name, readFileSync(path), (memory) => {
    const own = openFitting(memory, request);
    return isLoaded(soname) ? openFitting(soname, request) : own;
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function search<Table extends SymbolTable>(
  request: LibraryRequest<Table>,
  environment: string | undefined,
): NativeLibrary<Table> {
  const attempts: LibraryAttempt[] = [];
  let wrongVersion = false;
  for (const { origin, path, unusable } of listCandidates(
    request,
    environment,
  )) {
    if (unusable !== undefined) {
      attempts.push({ origin, place: path, reason: unusable });
      continue;
    }
    const open = path.startsWith(embeddedRoot) ? openEmbedded : openFitting;
    try {
      return { ...open(path, request), origin, path };
    } catch (error) {
      if (error instanceof UnsupportedRuntimeError) throw error;
      wrongVersion ||= error instanceof WrongVersion;
      attempts.push({ origin, place: path, reason: reasonOf(error) });
    }
  }
  const variable = request.environmentVariable;
  const remedy =
    `Build it with 'make shim'` +
    (variable === undefined
      ? "."
      : `, or set ${variable} to the path of lib${request.name}.so.`);
  const Failure = wrongVersion ? LibraryVersionError : LibraryNotFoundError;
  throw new Failure(request.name, attempts, remedy);
}

/**
 * Finds and opens a library on first use; later calls with the same table and
 * the same place give the same object. Failures are not remembered.
 *
 * @throws {LibraryNotFoundError} when no place holds one that opens
 * @throws {LibraryVersionError} when one was found, but of another version
 * @throws {UnsupportedRuntimeError} outside of Bun and Deno
 */
export function openNativeLibrary<const Table extends SymbolTable>(
  request: LibraryRequest<Table>,
): NativeLibrary<Table> {
  const environment = environmentPath(request.environmentVariable);
  const key = JSON.stringify([
    request.name,
    request.path,
    environment,
    embeddedFiles.get(request.name),
    request.abi,
  ]);
  const known = cache.get(request.symbols) ?? new Map<string, unknown>();
  cache.set(request.symbols, known);
  const found = known.get(key);
  if (found !== undefined) return found as NativeLibrary<Table>;
  const library = search(request, environment);
  known.set(key, library);
  return library;
}
