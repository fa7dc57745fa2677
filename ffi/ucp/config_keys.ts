/**
 * The configuration keys of the UCX that is loaded. `ucp_config_modify` returns `UCS_OK` for keys that do not exist, and it
 * knows the keys of transports by another name than the environment does: `UCX_POSIX_ERROR_HANDLING` is
 * `MM_ERROR_HANDLING` there, and `POSIX_ERROR_HANDLING` is accepted and ignored.
 */
import { handleAt, openLibrary, type SymbolTable } from "../host.ts";
import { UCS_CONFIG_PRINT } from "./constants.ts";
import { readGlobalOptions } from "./global_options.ts";
import { openUcp, type UcpLibrary } from "./library.ts";
import { capturePrinted, cString } from "./native_memory.ts";
import { NativeCell } from "./native_struct.ts";

const registrySymbols = {
  // void ucs_config_parser_print_all_opts(FILE *stream, const char *prefix, ucs_config_print_flags_t flags, ucs_list_link_t *config_list);
  // Later versions have a fifth parameter, `const char *filter`; earlier ones do not look at it.
  ucs_config_parser_print_all_opts: {
    parameters: ["handle", "bytes", "u32", "handle", "handle"],
    result: "void",
  },
  // ucs_status_t uct_query_components(uct_component_h **components_p, unsigned *num_components_p);
  uct_query_components: { parameters: ["bytes", "bytes"], result: "i8" },
  // void uct_release_component_list(uct_component_h *components);
  uct_release_component_list: { parameters: ["handle"], result: "void" },
} as const satisfies SymbolTable;

const linkerSymbols = {
  // void *dlopen(const char *filename, int flags);
  dlopen: { parameters: ["bytes", "i32"], result: "handle" },
  // void *dlsym(void *handle, const char *symbol);
  dlsym: { parameters: ["handle", "bytes"], result: "handle" },
} as const satisfies SymbolTable;

const RTLD_LAZY = 1;
/** Hidden are keys that have a newer name, and still work: MAX_RNDV_LANES for instance. */
const printFlags =
  UCS_CONFIG_PRINT.CONFIG | UCS_CONFIG_PRINT.HEADER | UCS_CONFIG_PRINT.HIDDEN;

/**
 * What a key is for.
 * - `context`: of `ucp_config_modify`, by its own name.
 * - `process`: the same, but for everything that UCX does in this process.
 * - `transport`: of `ucp_config_modify`, by its `modifyName`.
 * - `environment`: only read from the environment, most of them when UCX is loaded.
 */
export type ConfigKeyKind = "context" | "process" | "transport" | "environment";

/** One key that UCX knows. */
export interface ConfigKey {
  /** The environment variable without `UCX_`: `TCP_KEEPIDLE`. */
  readonly name: string;
  /** In UCX's spelling: of the process what is in force, of others what a new context would have. */
  readonly value: string;
  readonly kind: ConfigKeyKind;
  /** What `ucp_config_modify` calls it: `KEEPIDLE`; undefined when it cannot be set by that. Several keys may share it. */
  readonly modifyName: string | undefined;
  /** UCX's name for the group: `tcp transport`. */
  readonly group: string;
}

/** Read by the constructors of the library; a bad value of the second one, given later, aborts the process. */
const readWhenLoaded = new Set([
  "HANDLE_ERRORS",
  "DEBUG_SIGNO",
  "MODULE_DIR",
  "MODULES",
  "WARN_UNUSED_ENV_VARS",
]);

/** How the keys of a group of transports are called by `ucp_config_modify`; groups that are not here were not tried. */
const transportGroups: readonly {
  readonly group: RegExp;
  /** What the environment's names begin with. */
  readonly prefix: string;
  /** Keys that are inherited, and so have another prefix there. */
  readonly inherited?: { readonly keys: RegExp; readonly prefix: string };
}[] = [
  { group: /^self /i, prefix: "SELF_" },
  { group: /^tcp (?:memory|transport)/i, prefix: "TCP_" },
  {
    group: /^TCP-SOCKCM /,
    prefix: "TCP_CM_",
    inherited: { keys: /^(?:FAILURE|REUSEADDR)$/, prefix: "CM_" },
  },
  {
    group: /^posix memory/,
    prefix: "POSIX_",
    inherited: { keys: /^HUGETLB_MODE$/, prefix: "MM_" },
  },
  {
    group: /^sysv memory/,
    prefix: "SYSV_",
    inherited: { keys: /^HUGETLB_MODE$/, prefix: "MM_" },
  },
  {
    group: /^posix transport/,
    prefix: "POSIX_",
    inherited: { keys: /^/, prefix: "MM_" },
  },
  {
    group: /^sysv transport/,
    prefix: "SYSV_",
    inherited: { keys: /^/, prefix: "MM_" },
  },
  { group: /^CMA memory/, prefix: "CMA_" },
  {
    group: /^cma transport/,
    prefix: "CMA_",
    inherited: { keys: /^/, prefix: "SCOPY_" },
  },
];

function describeKey(group: string, name: string, value: string): ConfigKey {
  const key = (kind: ConfigKeyKind, modifyName?: string): ConfigKey => ({
    name,
    value,
    kind,
    modifyName,
    group,
  });
  if (group === "UCP context") return key("context", name);
  if (group === "UCS global" && !readWhenLoaded.has(name)) {
    return key("process", name);
  }
  const rule = transportGroups.find((known) => known.group.test(group));
  if (rule === undefined || !name.startsWith(rule.prefix)) {
    return key("environment");
  }
  const own = name.slice(rule.prefix.length);
  const isInherited = rule.inherited?.keys.test(own) === true;
  return key("transport", `${isInherited ? rule.inherited.prefix : ""}${own}`);
}

/**
 * Reads what UCX prints with titles: `# tcp transport configuration`, and then `UCX_TCP_KEEPIDLE=10s`. Lines that end with
 * `(deprecated)` have no value: such keys do nothing any more.
 */
function parseKeys(text: string): ConfigKey[] {
  const keys: ConfigKey[] = [];
  let group = "";
  for (const line of text.split("\n")) {
    const title = /^# (.+) configuration$/.exec(line)?.[1];
    if (title !== undefined) group = title;
    const [, name, value] = /^UCX_(\w+)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    keys.push(describeKey(group, name, value));
  }
  return keys;
}

function printRegistry(ucp: UcpLibrary): string {
  const functions = openLibrary(ucp.path, registrySymbols);
  const { dlopen, dlsym } = openLibrary("libc.so.6", linkerSymbols);
  const library = dlopen(cString(ucp.path), RTLD_LAZY);
  const list = dlsym(library, cString("ucs_config_global_list"));
  if (!list) throw new RangeError("no ucs_config_global_list");
  // Loads the transports that are modules: their keys are not known before.
  const components = new NativeCell();
  const count = new NativeCell();
  if (functions.uct_query_components(components.bytes, count.bytes) === 0) {
    functions.uct_release_component_list(components.object);
  }
  return capturePrinted((stream) =>
    functions.ucs_config_parser_print_all_opts(
      stream,
      cString("UCX_"),
      printFlags,
      list,
      handleAt(0),
    ),
  );
}

function printContext(ucp: UcpLibrary): string {
  const { ucp_config_read, ucp_config_print, ucp_config_release } =
    ucp.functions;
  const cell = new NativeCell();
  if (ucp_config_read(null, null, cell.bytes) !== 0) return "";
  const config = cell.object;
  try {
    return capturePrinted((stream) =>
      ucp_config_print(
        config,
        stream,
        cString("UCP context configuration"),
        printFlags,
      ),
    );
  } finally {
    ucp_config_release(config);
  }
}

/**
 * Every key of UCX, by its environment name without `UCX_`. Some milliseconds: keep what it gives. A build of UCX whose
 * registry cannot be read gives the keys of contexts only; then nothing of kind `transport` is among them.
 *
 * @throws as `openUcp`
 */
export function listConfigKeys(
  ucp: UcpLibrary = openUcp(),
): Map<string, ConfigKey> {
  let text: string;
  let inForce = new Map<string, string>();
  try {
    text = printRegistry(ucp);
    inForce = readGlobalOptions(ucp.path);
  } catch {
    text = printContext(ucp);
  }
  return new Map(
    parseKeys(text).map((key) => [
      key.name,
      { ...key, value: inForce.get(key.name) ?? key.value },
    ]),
  );
}

/** Environment names that stand for the keys of several transports: `UCX_IB_TX_QUEUE_LEN`. */
const sharedPrefixes: readonly {
  readonly name: RegExp;
  readonly group: RegExp;
}[] = [
  { name: /^IB_/, group: /^(?:rc|dc|ud)_/ },
  { name: /^RC_/, group: /^(?:rc|dc)_/ },
  { name: /^UD_/, group: /^ud_/ },
  { name: /^DC_/, group: /^dc_/ },
];

function isNamedBy(key: ConfigKey, plain: string, isVariable: boolean) {
  if (key.modifyName === plain) {
    // Without an inherited prefix the name is one of `ucp_config_modify` only.
    return !isVariable || /^(?:MM|SCOPY|CM)_/.test(plain);
  }
  const shared = sharedPrefixes.find(({ name }) => name.test(plain));
  return (
    shared?.group.test(key.group) === true &&
    key.name.endsWith(plain.replace(shared.name, "_"))
  );
}

/**
 * The key that somebody means: by its environment name, with or without `UCX_`, by a prefix that transports share
 * (`UCX_MM_ERROR_HANDLING`), or by the name that `ucp_config_modify` knows it by (`KEEPIDLE`, never with `UCX_`). Of
 * several keys with one such name, the first; they are set together.
 */
export function findConfigKey(
  keys: ReadonlyMap<string, ConfigKey>,
  name: string,
): ConfigKey | undefined {
  const plain = name.replace(/^UCX_/, "");
  const key = keys.get(plain);
  if (key !== undefined) return key;
  for (const candidate of keys.values()) {
    if (isNamedBy(candidate, plain, plain !== name)) return candidate;
  }
  return undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that make one text of the other. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      if (
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1]
      ) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}

/** Parts of a name in any order, so that `RX_BUFS_MAX` is near `RX_MAX_BUFS`. */
function partsInOrder(name: string): string {
  return name.split("_").sort().join("_");
}

/** How far a name is off, in edits; a name that has the other one's parts and more is near too. */
function distance(from: string, to: string): number {
  const parts = from.split("_");
  const others = to.split("_");
  const missing = parts.filter((part) => !others.includes(part)).length;
  const byParts =
    missing === 0 ? (others.length - parts.length) * 2 : Number.MAX_VALUE;
  return Math.min(
    editDistance(from, to),
    editDistance(partsInOrder(from), partsInOrder(to)) + 1,
    byParts,
  );
}

/**
 * Names of keys that resemble one that does not exist, the nearest first, without `UCX_`; none when nothing is near.
 *
 * @param count at most that many. @default 3
 */
export function suggestConfigKeys(
  keys: ReadonlyMap<string, ConfigKey>,
  name: string,
  count = 3,
): string[] {
  const wanted = name.replace(/^UCX_/, "").toUpperCase();
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  return [...keys.keys()]
    .map((candidate) => ({ candidate, far: distance(wanted, candidate) }))
    .filter(({ far }) => far <= limit)
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
