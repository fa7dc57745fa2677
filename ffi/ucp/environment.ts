/**
 * Environment variables that UCX must find when it is loaded: its library constructors read them, so its configuration
 * functions are too late. Set in the environment of C, which Bun's `process.env` does not reach.
 */
import process from "node:process";
import {
  type NativeFunctions,
  openLibrary,
  type SymbolTable,
} from "../host.ts";
import { cString, textAt } from "./native_memory.ts";

const libcSymbols = {
  // int setenv(const char *name, const char *value, int overwrite);
  setenv: { parameters: ["bytes", "bytes", "i32"], result: "i32" },
  // char *getenv(const char *name);
  getenv: { parameters: ["bytes"], result: "handle" },
} as const satisfies SymbolTable;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary("libc.so.6", libcSymbols);
  return opened;
}

/** Values that a library needs to behave as a guest in somebody's process. Each may be overruled by the environment. */
export const environmentDefaults: Readonly<Record<string, string>> = {
  /** UCX's handlers of SIGSEGV, SIGBUS, SIGILL and SIGFPE would crash Bun at the first trap of WebAssembly. */
  UCX_HANDLE_ERRORS: "none",
  /** UCX takes SIGHUP for its debugger: it would not end the process any more. */
  UCX_DEBUG_SIGNO: "0",
  /** UCX patches the machine code of mmap and others in libc while other threads run; only InfiniBand gains by it. */
  UCX_MEM_EVENTS: "n",
  /**
   * With UCX's 1024, a process with more than 1020 connections closes descriptors twice. Each worker has 8 bytes for every
   * event: 0.5 MiB.
   */
  UCX_ASYNC_MAX_EVENTS: "65536",
  /** A listener that is restarted gets its port back at once. */
  UCX_TCP_CM_REUSEADDR: "y",
  /** Warnings and diagnoses are not for the users of a program. */
  UCX_LOG_LEVEL: "error",
  /** The default is stdout, which is for what a program has to say. */
  UCX_LOG_FILE: "stderr",
  /** UCX warns of variables of its own newer versions too; whoever knows the keys can warn better. */
  UCX_WARN_UNUSED_ENV_VARS: "n",
};

/** One variable of `environmentDefaults`. */
export interface UcpSetting {
  /** `UCX_LOG_LEVEL`, for instance. */
  readonly name: string;
  /** What is best for a guest. */
  readonly wanted: string;
  /** What UCX has, in its own spelling when the source is `loaded`; undefined when it does not tell. */
  readonly actual: string | undefined;
  /** `set` just now; `kept`, since somebody had set it; `loaded`: UCX was in the process before, and this is what it found then. */
  readonly source: "set" | "kept" | "loaded";
}

/** A variable of the environment of C, which is not always what `process.env` says. */
export function readCEnvironment(name: string): string | undefined {
  const value = libc().getenv(cString(name));
  return value ? textAt(value) : undefined;
}

/** `UCX_*` variables of the runtime; none when reading them is not allowed. */
function runtimeVariables(): [string, string][] {
  try {
    return Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[0].startsWith("UCX_") && entry[1] !== undefined,
    );
  } catch {
    return []; // Deno without --allow-env.
  }
}

/**
 * Sets what nobody has set. In Bun, `UCX_*` variables that the program set in `process.env` are carried over to C first;
 * what it deleted there stays.
 *
 * @param wanted values by name; `undefined` leaves a variable alone
 */
export function prepareEnvironment(
  wanted: Readonly<Record<string, string | undefined>>,
): UcpSetting[] {
  const { setenv } = libc();
  for (const [name, value] of runtimeVariables()) {
    if (readCEnvironment(name) !== value) {
      setenv(cString(name), cString(value), 1);
    }
  }
  const settings: UcpSetting[] = [];
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) continue;
    const before = readCEnvironment(name);
    if (before === undefined) setenv(cString(name), cString(value), 0);
    settings.push({
      name,
      wanted: value,
      actual: before ?? value,
      source: before === undefined ? "set" : "kept",
    });
  }
  return settings;
}
