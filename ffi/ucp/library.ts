/** Finding and opening `libucp.so.0`, once for each thread, when it is first needed. */
import { endianness } from "node:os";
import process from "node:process";
import {
  type LibraryAttempt,
  LibraryNotFoundError,
  LibraryVersionError,
  UnsupportedPlatformError,
  UnsupportedRuntimeError,
} from "../errors.ts";
import {
  type NativeFunctions,
  openLibrary,
  type SymbolTable,
} from "../host.ts";
import { environmentPath, givenPath, type LibraryOrigin } from "../library.ts";
import { isLoaded } from "../memory_file.ts";
import {
  environmentDefaults,
  prepareEnvironment,
  type UcpSetting,
} from "./environment.ts";
import { readGlobalOptions } from "./global_options.ts";
import { cString, textAt } from "./native_memory.ts";
import { ucpAddressSymbols, ucpSymbols } from "./symbols.ts";

/** The functions of `ucpSymbols`. */
export type UcpFunctions = NativeFunctions<typeof ucpSymbols>;
/** The functions of `ucpAddressSymbols`. */
export type UcpAddressFunctions = NativeFunctions<typeof ucpAddressSymbols>;

/** What `openUcp` is told. */
export interface UcpLibraryOptions {
  /** The library's path; nothing else is tried. @default RINGWIRE_UCP_LIBRARY, or the system's `libucp.so.0` */
  readonly path?: string | undefined;
  /**
   * Environment variables by name (`UCX_LOG_LEVEL`), in place of `environmentDefaults` and in addition to them; `undefined`
   * leaves UCX's own default. What the process has in its environment wins.
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Lets UCX watch the mappings of memory, which the registration cache of InfiniBand needs. @default false */
  readonly memoryEvents?: boolean;
}

/** The version of a library that is open. */
export interface UcpVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** UCX's own text: `1.13.1`. */
  readonly text: string;
}

/** UCX, found, fitting and open. It is never closed. */
export interface UcpLibrary {
  readonly functions: UcpFunctions;
  readonly addressFunctions: UcpAddressFunctions;
  readonly version: UcpVersion;
  /** What was opened: a path, or the name that the dynamic linker looked up. */
  readonly path: string;
  readonly origin: LibraryOrigin;
  /** What UCX has of `environmentDefaults`, and why. */
  readonly settings: readonly UcpSetting[];
}

/** Version of the API that the tables of this folder describe, for `ucp_init_version`. */
export const ucpApiVersion = { major: 1, minor: 13 } as const;

const environmentVariable = "RINGWIRE_UCP_LIBRARY";
const systemName = "libucp.so.0";
const remedy = `Install UCX ${ucpApiVersion.major}.${ucpApiVersion.minor} or later (Debian and Ubuntu: 'apt-get install libucx0'), or set ${environmentVariable} to the path of its libucp.so.0.`;

const gateSymbols = {
  ucp_get_version: ucpSymbols.ucp_get_version,
} as const satisfies SymbolTable;

const linkerSymbols = {
  // void *dlopen(const char *filename, int flags);
  dlopen: { parameters: ["bytes", "i32"], result: "handle" },
  // char *dlerror(void);
  dlerror: { parameters: [], result: "handle" },
} as const satisfies SymbolTable;

const RTLD_LAZY = 1;

/** The offsets in `layout.ts` are those of this kind of machine. */
function refuseOtherMachines(): void {
  const { platform, arch } = process;
  if (
    platform === "linux" &&
    (arch === "x64" || arch === "arm64") &&
    endianness() === "LE"
  ) {
    return;
  }
  throw new UnsupportedPlatformError(
    "ucp",
    "Linux on x86-64 or on little-endian 64-bit ARM",
    `${platform} on ${arch} (${endianness()})`,
  );
}

/**
 * Loads a bare name by the dynamic linker's own rules. Bun would also try the working directory, where somebody else may
 * have put a file of that name; once the library is loaded, it gets that one.
 *
 * @returns why it could not be loaded
 */
function loadFromSystem(name: string): string | undefined {
  const { dlopen, dlerror } = openLibrary("libc.so.6", linkerSymbols);
  if (dlopen(cString(name), RTLD_LAZY)) return undefined;
  return textAt(dlerror()) || `${name} could not be loaded`;
}

function readVersion(path: string): Omit<UcpVersion, "text"> {
  const parts = [0, 1, 2].map(() => new Uint32Array(new ArrayBuffer(4)));
  const [major, minor, patch] = parts;
  if (!major || !minor || !patch) throw new Error("unreachable");
  openLibrary(path, gateSymbols).ucp_get_version(major, minor, patch);
  return { major: major[0] ?? 0, minor: minor[0] ?? 0, patch: patch[0] ?? 0 };
}

/** What UCX read when it was loaded, as far as it tells. The environment may have been changed since. */
function readLoaded(path: string, settings: UcpSetting[]): UcpSetting[] {
  let loaded = new Map<string, string>();
  try {
    loaded = readGlobalOptions(path);
  } catch {
    // A build that does not tell: what was set now is unknown.
  }
  return settings.map((setting) => {
    const actual = loaded.get(setting.name.replace(/^UCX_/, ""));
    if (actual !== undefined) return { ...setting, actual, source: "loaded" };
    const isReadLater = setting.name.startsWith("UCX_TCP_");
    return setting.source === "kept" || isReadLater
      ? setting
      : { ...setting, actual: undefined, source: "loaded" };
  });
}

class WrongVersion extends Error {}

function openAt(
  origin: LibraryOrigin,
  path: string,
  options: UcpLibraryOptions,
): UcpLibrary {
  const wasLoaded = isLoaded("libucs.so.0");
  const settings = prepareEnvironment({
    ...environmentDefaults,
    ...options.environment,
    ...(options.memoryEvents === true && { UCX_MEM_EVENTS: undefined }),
  });
  if (origin === "system") {
    const reason = loadFromSystem(path);
    if (reason !== undefined) throw new Error(reason);
  }
  // The version first: an older library may lack some of the functions.
  const version = readVersion(path);
  const { major, minor } = ucpApiVersion;
  if (version.major !== major || version.minor < minor) {
    throw new WrongVersion(
      `it is UCX ${version.major}.${version.minor}.${version.patch}, this program needs ${major}.${minor} or a later ${major}.x`,
    );
  }
  const functions = openLibrary(path, ucpSymbols);
  return {
    functions,
    addressFunctions: openLibrary(path, ucpAddressSymbols),
    version: { ...version, text: textAt(functions.ucp_get_version_string()) },
    path,
    origin,
    settings: wasLoaded ? readLoaded(path, settings) : settings,
  };
}

const opened = new Map<string, UcpLibrary>();

/**
 * Opens UCX on first use; later calls with the same path give the same object, whatever else they ask for. Before it is
 * loaded, the environment is set as `environmentDefaults` says. Failures are not remembered.
 *
 * @throws {LibraryNotFoundError} when there is none, or it lacks a function
 * @throws {LibraryVersionError} when it is older than 1.13, or of another major version
 * @throws {UnsupportedPlatformError} on a machine with other structures
 * @throws {UnsupportedRuntimeError} outside of Bun and Deno
 */
export function openUcp(options: UcpLibraryOptions = {}): UcpLibrary {
  refuseOtherMachines();
  const environment = environmentPath(environmentVariable);
  const given = options.path ?? environment;
  const path = given === undefined ? systemName : givenPath(given);
  let origin: LibraryOrigin = "system";
  if (given !== undefined) {
    origin = options.path === undefined ? "environment" : "explicit";
  }
  const known = opened.get(path);
  if (known !== undefined) return known;
  try {
    const library = openAt(origin, path, options);
    opened.set(path, library);
    return library;
  } catch (error) {
    if (error instanceof UnsupportedRuntimeError) throw error;
    const attempt: LibraryAttempt = {
      origin,
      place: path,
      reason: error instanceof Error ? error.message : String(error),
    };
    const Failure =
      error instanceof WrongVersion
        ? LibraryVersionError
        : LibraryNotFoundError;
    throw new Failure("ucp", [attempt], remedy);
  }
}
