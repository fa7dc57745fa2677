/**
 * Errors of the native boundary. `ffi` imports nothing from `src`, so it has
 * this small root of its own; `src/ucx` and `src/queue` turn it into theirs.
 */

/** Root of every error thrown by `ffi`. `code` is stable, the message is not. */
export class FfiError extends Error {
  override readonly name: string = "FfiError";
  /** Stable, upper-case identifier of the condition. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The runtime offers neither `bun:ffi` nor `Deno.dlopen`. Code `UNSUPPORTED_RUNTIME`. */
export class UnsupportedRuntimeError extends FfiError {
  override readonly name = "UnsupportedRuntimeError";

  constructor(found: string) {
    super(
      "UNSUPPORTED_RUNTIME",
      `native libraries need Bun or Deno, this is ${found}: run the program with 'bun' or 'deno run --allow-ffi'`,
    );
  }
}

/** The structures of a native library are known for other machines only. Code `UNSUPPORTED_PLATFORM`. */
export class UnsupportedPlatformError extends FfiError {
  override readonly name = "UnsupportedPlatformError";

  constructor(library: string, needed: string, found: string) {
    super(
      "UNSUPPORTED_PLATFORM",
      `native library ${library} needs ${needed}, this is ${found}`,
    );
  }
}

/** The dynamic linker refused a file or one of its symbols. Code `LIBRARY_OPEN`. */
export class LibraryOpenError extends FfiError {
  override readonly name = "LibraryOpenError";
  /** What was given to the dynamic linker. */
  readonly path: string;

  constructor(path: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super("LIBRARY_OPEN", `cannot open ${path}: ${reason}`, { cause });
    this.path = path;
  }
}

/** One place where a library was looked for, and why it was not used. */
export interface LibraryAttempt {
  /** `explicit`, `environment`, `embedded`, `beside` or `system`. */
  readonly origin: string;
  /** A path, a file name for the dynamic linker, or a dash when there was none. */
  readonly place: string;
  readonly reason: string;
}

function listAttempts(attempts: readonly LibraryAttempt[]): string {
  return attempts
    .map((a) => `\n  ${a.origin} ${a.place}: ${a.reason}`)
    .join("");
}

/** No place held a library that opens. Code `LIBRARY_NOT_FOUND`; `attempts` lists every place. */
export class LibraryNotFoundError extends FfiError {
  override readonly name = "LibraryNotFoundError";
  readonly attempts: readonly LibraryAttempt[];

  constructor(
    library: string,
    attempts: readonly LibraryAttempt[],
    remedy: string,
  ) {
    super(
      "LIBRARY_NOT_FOUND",
      `native library ${library} was not found; looked in${listAttempts(attempts)}\n${remedy}`,
    );
    this.attempts = attempts;
  }
}

/** A library was found, but of a version that does not fit. Code `LIBRARY_VERSION`. */
export class LibraryVersionError extends FfiError {
  override readonly name = "LibraryVersionError";
  readonly attempts: readonly LibraryAttempt[];

  constructor(
    library: string,
    attempts: readonly LibraryAttempt[],
    remedy: string,
  ) {
    super(
      "LIBRARY_VERSION",
      `native library ${library} has the wrong version; looked in${listAttempts(attempts)}\n${remedy}`,
    );
    this.attempts = attempts;
  }
}
