/** The keys of UCX: what we choose, what the environment says, and what the caller gives, in rising order. */
import process from "node:process";
import type { Handle } from "../../ffi/host.ts";
import {
  type ConfigKey,
  findConfigKey,
  listConfigKeys,
  suggestConfigKeys,
} from "../../ffi/ucp/config_keys.ts";
import { prepareEnvironment } from "../../ffi/ucp/environment.ts";
import type { UcpLibrary } from "../../ffi/ucp/library.ts";
import { cString } from "../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../ffi/ucp/native_struct.ts";
import { warn } from "../base/warnings.ts";
import { checkStatus } from "./status_errors.ts";
import type { ResolvedWorkerConfig } from "./worker_config.ts";

/** A key of UCX that does not have UCX's own default. */
export interface UcxSetting {
  /** The environment variable without `UCX_`. */
  readonly key: string;
  readonly value: string;
  /** Who said so: `ucx` of the configuration, the environment, or Ringwire. */
  readonly from: "configuration" | "environment" | "ringwire";
}

/** `ucp_config_t`; `release` it when the context is made. */
export interface UcxConfiguration {
  readonly handle: Handle;
  /** What is not UCX's own default. */
  readonly settings: readonly UcxSetting[];
  release(): void;
}

/** One assignment for `ucp_config_modify`. */
interface Assignment extends UcxSetting {
  /** The name that `ucp_config_modify` knows. */
  readonly modifyName: string;
}

type Keys = ReadonlyMap<string, ConfigKey>;

/**
 * What we set unless the environment or the caller says otherwise.
 *
 * - Shared memory does not report a peer's death by itself; without MM_ERROR_HANDLING UCX quietly takes TCP instead.
 * - KEEPALIVE_INTERVAL is what notices a killed peer over shared memory, KEEPALIVE_NUM_EPS how many of them are looked at
 *   each time: with UCX's 128, thousands of connections would wait for their turn.
 * - UCX's own thread, which makes connections, shares a lock with ours. By default it spins: where its owner does not
 *   run, it burns the rest of a time slice, some milliseconds, and a connect takes 1.5 to 2 times as long.
 * - With several lanes UCX does not choose cross-memory attach for long messages over such endpoints.
 */
function ourKeys(config: ResolvedWorkerConfig): Record<string, string> {
  return {
    MM_ERROR_HANDLING: "y",
    KEEPALIVE_INTERVAL: `${config.keepAliveMs}ms`,
    KEEPALIVE_NUM_EPS: "8192",
    USE_MT_MUTEX: "y",
    MAX_RNDV_LANES: "1",
    RNDV_SCHEME: "get_zcopy",
  };
}

/** Two names of one key. */
const newerNames: Readonly<Record<string, string>> = {
  MAX_RNDV_LANES: "MAX_RNDV_RAILS",
};

/** `UCX_*` variables of this process; none when reading them is not allowed. */
function variables(): (readonly [name: string, value: string])[] {
  try {
    return Object.entries(process.env).flatMap(([name, value]) =>
      name.startsWith("UCX_") && value !== undefined
        ? [[name, value] as const]
        : [],
    );
  } catch {
    return []; // Deno without --allow-env.
  }
}

const known = new WeakMap<UcpLibrary, Keys>();

/** Listing takes some milliseconds, and the names do not change. */
function keysOf(library: UcpLibrary): Keys {
  let keys = known.get(library);
  if (keys === undefined) {
    keys = listConfigKeys(library);
    known.set(library, keys);
  }
  return keys;
}

const warned = new Set<string>();

/** Says once of each variable that UCX does not know that it does nothing. */
function warnOfUnknown(library: UcpLibrary, keys: Keys): void {
  for (const [name] of variables()) {
    if (warned.has(name) || findConfigKey(keys, name) !== undefined) continue;
    warned.add(name);
    const near = suggestConfigKeys(keys, name).map((key) => `UCX_${key}`);
    warn(
      `${name} in the environment does nothing: UCX ${library.version.text} has no such key${didYouMean(near)}`,
    );
  }
}

function didYouMean(near: readonly string[]): string {
  return near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
}

/** @throws {TypeError} when there is no such key, or it cannot be given like that */
function assignmentOf(
  library: UcpLibrary,
  keys: Keys,
  name: string,
  value: string,
): Assignment {
  const key = findConfigKey(keys, name);
  const plain = name.replace(/^UCX_/, "");
  if (key?.modifyName !== undefined)
    return {
      key: key.name,
      value,
      from: "configuration",
      modifyName: key.modifyName,
    };
  if (key !== undefined)
    throw new TypeError(
      `WorkerConfig: ucx.${name}: UCX reads it from the environment only: set UCX_${key.name} before the process starts`,
    );
  // A build whose list of transports' keys cannot be read: nobody can tell.
  if (![...keys.values()].some(({ kind }) => kind === "transport"))
    return { key: plain, value, from: "configuration", modifyName: plain };
  throw new TypeError(
    `WorkerConfig: ucx.${name}: UCX ${library.version.text} has no such key${didYouMean(suggestConfigKeys(keys, name))}`,
  );
}

/** @throws {TypeError} when one key is given twice */
function givenAssignments(
  library: UcpLibrary,
  keys: Keys,
  config: ResolvedWorkerConfig,
): Assignment[] {
  const given: Assignment[] = [];
  for (const [name, value] of Object.entries(config.ucx)) {
    const assignment = assignmentOf(library, keys, name, value);
    const twin = given.find(
      ({ modifyName }) => modifyName === assignment.modifyName,
    );
    if (twin !== undefined && twin.value !== value)
      throw new TypeError(
        `WorkerConfig: ucx.${name}: UCX sets it together with ${twin.key}, for which ${JSON.stringify(twin.value)} is given`,
      );
    given.push(assignment);
  }
  return given;
}

/** Names of environment variables that would set the same, without `UCX_`. */
function namesOf(keys: Keys, modifyName: string): string[] {
  const names = [modifyName];
  const newer = newerNames[modifyName];
  if (newer !== undefined) names.push(newer);
  for (const key of keys.values())
    if (key.modifyName === modifyName) names.push(key.name);
  return names;
}

/**
 * Reads UCX's configuration, the environment included, and applies ours and the caller's keys.
 *
 * @throws {TypeError} when a key is unknown to this UCX
 * @throws {RangeError} when UCX refuses a value
 */
export function createConfig(
  library: UcpLibrary,
  config: ResolvedWorkerConfig,
): UcxConfiguration {
  const { functions } = library;
  const keys = keysOf(library);
  const given = givenAssignments(library, keys, config);
  const environment = variables();
  warnOfUnknown(library, keys);
  const taken = new Set([
    ...environment.map(([name]) => name.replace(/^UCX_/, "")),
    ...given.map(({ modifyName }) => modifyName),
    ...given.map(({ key }) => key),
  ]);
  const ours = Object.entries(ourKeys(config)).flatMap(
    ([modifyName, value]): Assignment[] =>
      namesOf(keys, modifyName).some((name) => taken.has(name))
        ? []
        : [{ key: modifyName, value, from: "ringwire", modifyName }],
  );
  // What the program has set since UCX was loaded does not reach C by itself in Bun.
  prepareEnvironment({});
  const cell = new NativeCell();
  checkStatus(
    functions.ucp_config_read(null, null, cell.bytes),
    "ucp_config_read",
  );
  const handle = cell.object;
  const release = (): void => functions.ucp_config_release(handle);
  for (const { key, modifyName, value, from } of [...ours, ...given]) {
    const status = functions.ucp_config_modify(
      handle,
      cString(modifyName),
      cString(value),
    );
    // A key of ours that a later UCX does not have is no fault of the caller.
    if (status === 0 || from === "ringwire") continue;
    release();
    throw new RangeError(
      `WorkerConfig: ucx.${key}: UCX refuses ${JSON.stringify(value)}`,
    );
  }
  return {
    handle,
    release,
    settings: [
      ...ours.map(({ key, value, from }) => ({ key, value, from })),
      ...environment
        .filter(([name]) => findConfigKey(keys, name) !== undefined)
        .map(([name, value]) => ({
          key: name.replace(/^UCX_/, ""),
          value,
          from: "environment" as const,
        })),
      ...given.map(({ key, value, from }) => ({ key, value, from })),
    ],
  };
}

/** The last that was said of a key, or UCX's default. */
export function effectiveValue(
  settings: readonly UcxSetting[],
  key: string,
  otherwise: string,
): string {
  return settings.findLast((each) => each.key === key)?.value ?? otherwise;
}
