import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  type FfiError,
  LibraryNotFoundError,
  LibraryVersionError,
} from "../../../ffi/errors.ts";
import { environmentDefaults } from "../../../ffi/ucp/environment.ts";
import {
  openUcp,
  type UcpLibraryOptions,
  ucpApiVersion,
} from "../../../ffi/ucp/library.ts";
import { createNativeFixture } from "../../support/native_fixture.ts";
import {
  afterAll,
  describe,
  expect,
  superuser,
  test,
  testIf,
} from "../../support/testing.ts";

const fixture = createNativeFixture();
const variable = "RINGWIRE_UCP_LIBRARY";
const program = fileURLToPath(
  new URL("./ucp_environment_program.ts", import.meta.url),
);
afterAll(() => fixture.remove());

interface Report {
  readonly version: string;
  /** By number. */
  readonly changedSignals: readonly number[];
  readonly isPatched: boolean;
  readonly settings: readonly {
    readonly name: string;
    readonly actual?: string;
    readonly source: string;
  }[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly keys: Readonly<Record<string, string>>;
  readonly trap: string;
}

/** Opens UCX in another process, whose environment holds nothing of UCX but `environment`. */
function open(
  request: object = {},
  environment: Readonly<Record<string, string>> = {},
): { report: Report; output: string; errors: string } {
  const kept = Object.entries({ ...process.env, ...environment }).filter(
    ([name]) => name in environment || !name.startsWith("UCX_"),
  );
  const variables = kept.map(([name, value]) => `${name}=${value}`);
  const flags = "Bun" in globalThis ? [] : ["run", "-A", "--no-check"];
  // Deno adds what `env` leaves out from its own environment, where UCX's settings are by now.
  const { stdout, stderr, status, signal } = spawnSync(
    "env",
    [
      "-i",
      ...variables,
      process.execPath,
      ...flags,
      program,
      JSON.stringify(request),
    ],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`ended by ${status ?? signal}: ${stderr}`);
  // In the middle, when UCX has to say something on stdout.
  const lines = stdout.trimEnd().split("\n");
  const json = lines.find((line) => line.startsWith("{")) ?? "";
  return {
    report: JSON.parse(json) as Report,
    output: lines.filter((line) => line !== json).join("\n"),
    errors: stderr,
  };
}

function sourceOf(report: Report, name: string): string | undefined {
  return report.settings.find((setting) => setting.name === name)?.source;
}

function failure(options: UcpLibraryOptions): FfiError {
  try {
    openUcp(options);
  } catch (error) {
    return error as FfiError;
  }
  throw new Error("nothing was thrown");
}

function versionSource(major: number, minor: number): string {
  return `void ucp_get_version(unsigned *major, unsigned *minor, unsigned *patch) {
    *major = ${major}; *minor = ${minor}; *patch = 7; }`;
}

describe("openUcp - finding the library", () => {
  test("gives the system's, once, with its version", () => {
    const ucp = openUcp();
    expect(openUcp()).toBe(ucp);
    expect([ucp.origin, ucp.path]).toEqual(["system", "libucp.so.0"]);
    const { major, minor, patch, text } = ucp.version;
    expect(major).toBe(ucpApiVersion.major);
    expect(minor).toBeGreaterThanOrEqual(ucpApiVersion.minor);
    expect(text.startsWith(`${major}.${minor}.${patch}`)).toBe(true);
  });

  test("a path that holds nothing is never replaced by the system's", () => {
    const path = `${fixture.directory}/libnothing.so`;
    const error = failure({ path });
    expect(error).toBeInstanceOf(LibraryNotFoundError);
    expect(error.code).toBe("LIBRARY_NOT_FOUND");
    expect(error.message).toContain(`explicit ${path}`);
    expect(error.message).toContain("apt-get install libucx0");
    expect(error.message).toContain(variable);
  });

  test("an environment variable names a path, and an option comes before it", () => {
    process.env[variable] = `${fixture.directory}/libelsewhere.so`;
    try {
      expect(failure({}).message).toContain(
        `environment ${fixture.directory}/libelsewhere.so`,
      );
      expect(failure({ path: "/nowhere/libucp.so" }).message).toContain(
        "explicit /nowhere/libucp.so",
      );
    } finally {
      delete process.env[variable];
    }
  });

  test("an older version and another major version are refused by number", () => {
    for (const [major, minor] of [
      [1, 12],
      [2, 13],
    ] as const) {
      const name = `version${major}${minor}`;
      const path = fixture.compile(name, versionSource(major, minor));
      const error = failure({ path });
      expect(error).toBeInstanceOf(LibraryVersionError);
      expect(error.message).toContain(
        `it is UCX ${major}.${minor}.7, this program needs 1.13`,
      );
    }
  });

  test("a library that lacks a function is refused by its name", () => {
    const path = fixture.compile("partial", versionSource(1, 13));
    const error = failure({ path });
    expect(error).toBeInstanceOf(LibraryNotFoundError);
    expect(error.message).toContain("ucp_");
  });
});

describe("openUcp - without UCX", () => {
  testIf(
    superuser,
    "to hide the system's library in a mount table of its own",
    "says so, and loads no file of that name from the working directory",
    () => {
      const directory = join(fixture.directory, "planted");
      const trace = join(directory, "was-loaded");
      mkdirSync(directory);
      const planted = fixture.compile(
        "planted",
        `#include <stdio.h>
        __attribute__((constructor)) static void load(void) { fclose(fopen("${trace}", "w")); }
        ${versionSource(1, 13)}`,
      );
      copyFileSync(planted, join(directory, "libucp.so.0"));
      const hide = `for file in $(ldconfig -p | sed -n 's/.*libucp[.]so.* => //p'); do
          mount --bind /dev/null "$(readlink -f "$file")"
        done; cd "$1"; shift; exec "$@"`;
      const flags = "Bun" in globalThis ? [] : ["run", "-A", "--no-check"];
      const { status, stderr } = spawnSync(
        "unshare",
        [
          ...["--mount", "bash", "-euc", hide, "bash", directory],
          ...[process.execPath, ...flags, program, "{}"],
        ],
        { encoding: "utf8" },
      );
      expect(status).toBe(1);
      expect(stderr).toContain("LibraryNotFoundError");
      expect(stderr).toContain("system libucp.so.0: ");
      expect(stderr).toContain("apt-get install libucx0");
      expect(existsSync(trace)).toBe(false);
    },
  );
});

describe("openUcp - a guest in the process", () => {
  test("installs no signal handler, patches no code, writes nothing, and lets WebAssembly trap", () => {
    const { report, output, errors } = open({ trap: true });
    expect(report.changedSignals).toEqual([]);
    expect(report.isPatched).toBe(false);
    expect([output, errors]).toEqual(["", ""]);
    expect(report.trap).toBe("RuntimeError");
    expect(report.environment).toEqual({ ...environmentDefaults });
    for (const { name, source } of report.settings) {
      expect([name, source]).toEqual([name, "set"]);
    }
  });

  test("without its settings all of that happens", () => {
    const { report, output } = open(
      { options: { memoryEvents: true } },
      {
        UCX_HANDLE_ERRORS: "bt",
        UCX_DEBUG_SIGNO: "HUP",
        UCX_LOG_FILE: "stdout",
        UCX_LOG_LEVEL: "info",
      },
    );
    const [hangUp, illegal, busError, segmentationFault] = [1, 4, 7, 11];
    for (const signal of [hangUp, illegal, busError, segmentationFault]) {
      expect(report.changedSignals).toContain(signal);
    }
    expect(report.isPatched).toBe(true);
    expect(output).toContain("UCX  INFO");
  });

  test("what the process has in its environment wins", () => {
    const { report, output, errors } = open(
      { options: { environment: { UCX_LOG_LEVEL: "fatal" } } },
      { UCX_LOG_LEVEL: "info", UCX_TCP_CM_REUSEADDR: "n" },
    );
    expect(report.environment["UCX_LOG_LEVEL"]).toBe("info");
    expect(report.keys["LOG_LEVEL"]).toBe("INFO");
    expect(report.keys["TCP_CM_REUSEADDR"]).toBe("n");
    expect(sourceOf(report, "UCX_LOG_LEVEL")).toBe("kept");
    expect(sourceOf(report, "UCX_HANDLE_ERRORS")).toBe("set");
    // And what is logged goes where nobody reads it as a result.
    expect(output).toBe("");
    expect(errors).toContain("UCX  INFO");
  });

  test("what the program sets in process.env reaches UCX", () => {
    const { report } = open({
      set: { UCX_LOG_LEVEL: "warn", UCX_TLS: "tcp,self" },
    });
    expect(report.environment["UCX_LOG_LEVEL"]).toBe("warn");
    expect([report.keys["LOG_LEVEL"], report.keys["TLS"]]).toEqual([
      "WARN",
      "tcp,self",
    ]);
  });

  test("its own settings reach UCX, and options may change and extend them", () => {
    const { report } = open({
      options: {
        environment: { UCX_ASYNC_MAX_EVENTS: "2048", UCX_NET_DEVICES: "lo" },
      },
    });
    expect(report.keys["ASYNC_MAX_EVENTS"]).toBe("2048");
    expect(report.keys["NET_DEVICES"]).toBe("lo");
    expect(report.keys["HANDLE_ERRORS"]).toBe("none");
    expect(report.keys["TCP_CM_REUSEADDR"]).toBe("y");
    expect(report.keys["LOG_FILE"]).toBe("stderr");
  });

  test("watching memory is left to UCX on request", () => {
    const { report } = open({ options: { memoryEvents: true } });
    expect(sourceOf(report, "UCX_MEM_EVENTS")).toBeUndefined();
    expect(report.keys["MEM_EVENTS"]).toBe("y");
  });

  test("when UCX was loaded before, its settings are told as they are", () => {
    const { report } = open({ loadFirst: true });
    const loaded = (name: string) => {
      const setting = report.settings.find((known) => known.name === name);
      return [setting?.actual, setting?.source];
    };
    expect(loaded("UCX_HANDLE_ERRORS")).toEqual(["bt", "loaded"]);
    expect(loaded("UCX_LOG_FILE")).toEqual(["", "loaded"]);
    expect(loaded("UCX_MEM_EVENTS")).toEqual([undefined, "loaded"]);
    expect(report.keys["HANDLE_ERRORS"]).toBe("bt");
    // Read with each context, so still in time.
    expect(report.keys["TCP_CM_REUSEADDR"]).toBe("y");
    expect(sourceOf(report, "UCX_TCP_CM_REUSEADDR")).toBe("set");
  });
});
