import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  type ConfigKey,
  findConfigKey,
  listConfigKeys,
  suggestConfigKeys,
} from "../../../ffi/ucp/config_keys.ts";
import { beforeAll, describe, expect, test } from "../../support/testing.ts";

let keys: ReadonlyMap<string, ConfigKey>;
beforeAll(() => {
  keys = listConfigKeys();
});

const program = fileURLToPath(
  new URL("./ucp_environment_program.ts", import.meta.url),
);

/** What UCX says, in a process of its own, of keys that are set for contexts; a context with a worker for each group. */
function modify(groups: readonly Readonly<Record<string, string>>[]): {
  refused: readonly string[];
  errors: string;
} {
  const flags = "Bun" in globalThis ? [] : ["run", "-A", "--no-check"];
  const request = JSON.stringify({ modify: groups });
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    [...flags, program, request],
    { env: { ...process.env, UCX_LOG_LEVEL: "warn" }, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`ended by ${status ?? signal}: ${stderr}`);
  const { refused } = JSON.parse(stdout) as { refused: string[] };
  return { refused, errors: stderr };
}

describe("listConfigKeys", () => {
  test("knows the keys of contexts, of the process, of transports, and those that are read when UCX is loaded", () => {
    const kinds = [
      "TLS",
      "NET_DEVICES",
      "KEEPALIVE_INTERVAL",
      "RNDV_SCHEME",
      "MAX_RNDV_LANES",
      "CM_USE_ALL_DEVICES",
      "LOG_LEVEL",
      "ASYNC_MAX_EVENTS",
      "TCP_KEEPIDLE",
      "TCP_CM_REUSEADDR",
      "TCP_RX_MAX_BUFS",
      "POSIX_ERROR_HANDLING",
      "POSIX_FIFO_SIZE",
      "POSIX_USE_PROC_LINK",
      "HANDLE_ERRORS",
      "DEBUG_SIGNO",
      "MEM_EVENTS",
    ].map((name) => {
      const { kind, modifyName } = keys.get(name) ?? {};
      return `${name} ${kind} ${modifyName}`;
    });
    expect(kinds).toEqual([
      "TLS context TLS",
      "NET_DEVICES context NET_DEVICES",
      "KEEPALIVE_INTERVAL context KEEPALIVE_INTERVAL",
      "RNDV_SCHEME context RNDV_SCHEME",
      "MAX_RNDV_LANES context MAX_RNDV_LANES",
      "CM_USE_ALL_DEVICES context CM_USE_ALL_DEVICES",
      "LOG_LEVEL process LOG_LEVEL",
      "ASYNC_MAX_EVENTS process ASYNC_MAX_EVENTS",
      "TCP_KEEPIDLE transport KEEPIDLE",
      "TCP_CM_REUSEADDR transport CM_REUSEADDR",
      "TCP_RX_MAX_BUFS transport RX_MAX_BUFS",
      "POSIX_ERROR_HANDLING transport MM_ERROR_HANDLING",
      "POSIX_FIFO_SIZE transport MM_FIFO_SIZE",
      "POSIX_USE_PROC_LINK transport USE_PROC_LINK",
      "HANDLE_ERRORS environment undefined",
      "DEBUG_SIGNO environment undefined",
      "MEM_EVENTS environment undefined",
    ]);
    expect(keys.get("TCP_RX_BUFS")).toBeUndefined();
    expect(keys.size).toBeGreaterThan(200);
  });

  test("gives the values that are in force", () => {
    expect(keys.get("HANDLE_ERRORS")?.value).toBe("none");
    expect(keys.get("MEM_EVENTS")?.value).toBe("n");
    expect(keys.get("TCP_CM_REUSEADDR")?.value).toBe("y");
  });

  test("each name for ucp_config_modify is one that UCX uses", () => {
    const groups = new Map<string, Record<string, string>>();
    for (const { kind, modifyName, value, group } of keys.values()) {
      if (kind !== "transport" || modifyName === undefined) continue;
      const values = groups.get(group) ?? {};
      values[modifyName] = value;
      groups.set(group, values);
    }
    expect([...groups.keys()]).toContain("posix transport");
    const { refused, errors } = modify([...groups.values()]);
    expect(refused).toEqual([]);
    expect(errors).not.toContain("invalid configuration");
  });

  test("the names of the environment are ignored there, and said to be", () => {
    const { refused, errors } = modify([
      { TCP_KEEPIDLE: "5s", POSIX_ERROR_HANDLING: "y", NO_SUCH_KEY: "1" },
    ]);
    expect(refused).toEqual([]);
    for (const name of ["TCP_KEEPIDLE", "POSIX_ERROR_HANDLING"]) {
      expect(errors).toContain(name);
    }
  });
});

describe("findConfigKey", () => {
  const found = (name: string) => findConfigKey(keys, name)?.name;

  test("takes the name of the environment, with and without UCX_", () => {
    expect(found("TLS")).toBe("TLS");
    expect(found("UCX_TLS")).toBe("TLS");
    expect(found("UCX_TCP_KEEPIDLE")).toBe("TCP_KEEPIDLE");
    expect(found("POSIX_FIFO_SIZE")).toBe("POSIX_FIFO_SIZE");
  });

  test("takes the name for ucp_config_modify, but not as a variable", () => {
    expect(found("KEEPIDLE")).toBe("TCP_KEEPIDLE");
    expect(findConfigKey(keys, "MM_ERROR_HANDLING")?.modifyName).toBe(
      "MM_ERROR_HANDLING",
    );
    expect(found("UCX_KEEPIDLE")).toBeUndefined();
  });

  test("takes prefixes that transports share in the environment", () => {
    expect(findConfigKey(keys, "UCX_MM_ERROR_HANDLING")?.modifyName).toBe(
      "MM_ERROR_HANDLING",
    );
    expect(found("UCX_SCOPY_TX_QUOTA")).toBe("CMA_TX_QUOTA");
  });

  test("finds nothing for what does not exist", () => {
    for (const name of ["UCX_TCP_RX_BUFS", "FOO", "", "UCX_", "UCX_IB_FOO"]) {
      expect(found(name)).toBeUndefined();
    }
  });
});

describe("suggestConfigKeys", () => {
  const suggest = (name: string) => suggestConfigKeys(keys, name);

  test("finds letters that are missing, too many, wrong or swapped", () => {
    expect(suggest("NET_DEVICE")[0]).toBe("NET_DEVICES");
    expect(suggest("UCX_KEEPALIVE_INTERVALL")[0]).toBe("KEEPALIVE_INTERVAL");
    expect(suggest("RNDV_TRHESH")[0]).toBe("RNDV_THRESH");
    expect(suggest("tls")[0]).toBe("TLS");
  });

  test("finds words that are missing or swapped", () => {
    expect(suggest("TCP_RX_BUFS")).toContain("TCP_RX_MAX_BUFS");
    expect(suggest("TCP_RX_BUFS")).toContain("TCP_RX_BUFS_GROW");
    expect(suggest("TCP_RX_BUFS_MAX")[0]).toBe("TCP_RX_MAX_BUFS");
    expect(suggest("UCX_KEEPIDLE")[0]).toBe("TCP_KEEPIDLE");
  });

  test("has a bound, and nothing for what resembles nothing", () => {
    expect(suggest("ZZZZZZZZ")).toEqual([]);
    expect(suggestConfigKeys(keys, "TCP_RX_BUFS", 1)).toHaveLength(1);
  });
});
