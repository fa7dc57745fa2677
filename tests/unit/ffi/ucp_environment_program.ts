/** Opens UCX in a process of its own and says, in one line of JSON, what that did to the process. */
import process from "node:process";
import { type Handle, openLibrary } from "../../../ffi/host.ts";
import { listConfigKeys } from "../../../ffi/ucp/config_keys.ts";
import {
  createContextParameters,
  createWorkerParameters,
} from "../../../ffi/ucp/context_structs.ts";
import { readCEnvironment } from "../../../ffi/ucp/environment.ts";
import { openUcp, type UcpLibraryOptions } from "../../../ffi/ucp/library.ts";
import { copyOf, cString } from "../../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../../ffi/ucp/native_struct.ts";

/** What the test asks for, as JSON in the first argument. */
interface Request {
  readonly options?: UcpLibraryOptions;
  /** Set in `process.env` just before UCX is opened. */
  readonly set?: Readonly<Record<string, string>>;
  /** Loads UCX before, as a program might that knows nothing of us. */
  readonly loadFirst?: boolean;
  /** Ends in a trap of WebAssembly. */
  readonly trap?: boolean;
  /** Keys for `ucp_config_modify`, of each of these groups one context with a worker. */
  readonly modify?: readonly Readonly<Record<string, string>>[];
}

const request = JSON.parse(process.argv.at(-1) ?? "{}") as Request;

const libc = openLibrary("libc.so.6", {
  // void *dlopen(const char *filename, int flags);
  dlopen: { parameters: ["bytes", "i32"], result: "handle" },
  // int sigaction(int signum, const struct sigaction *act, struct sigaction *oldact);
  sigaction: { parameters: ["i32", "buffer", "bytes"], result: "i32" },
  // void *dlsym(void *handle, const char *symbol);
  dlsym: { parameters: ["handle", "bytes"], result: "handle" },
});
const RTLD_LAZY = 1;

/** Address of the handler of each signal, from SIGHUP (1) on; the runtimes have handlers of their own for some. */
function readHandlers(): readonly (bigint | undefined)[] {
  return Array.from({ length: 32 }, (_, signal) => {
    const action = new BigUint64Array(new ArrayBuffer(152));
    libc.sigaction(signal, null, action);
    return action[0];
  });
}

/** The first bytes of functions that UCX would patch. */
function readCode(): string {
  const library = libc.dlopen(cString("libc.so.6"), RTLD_LAZY);
  return ["mmap", "munmap", "mremap", "madvise", "shmat", "shmdt"]
    .map((name) => [...copyOf(libc.dlsym(library, cString(name)), 16)].join())
    .join(" ");
}

/** Reads outside of its one page of memory. */
function trapInWebAssembly(): string {
  const code = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3,
    1, 0, 1, 7, 8, 1, 4, 114, 101, 97, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2,
    0, 11,
  ];
  const { exports } = new WebAssembly.Instance(
    new WebAssembly.Module(new Uint8Array(code)),
  );
  try {
    (exports["read"] as (address: number) => number)(0x7fff_0000);
    return "nothing";
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

function createAndDestroy(keys: Readonly<Record<string, string>>): string[] {
  const { functions } = openUcp();
  const cell = new NativeCell();
  const refused: string[] = [];
  functions.ucp_config_read(null, null, cell.bytes);
  const config: Handle = cell.object;
  for (const [key, value] of Object.entries(keys)) {
    const status = functions.ucp_config_modify(
      config,
      cString(key),
      cString(value),
    );
    if (status !== 0) refused.push(key);
  }
  const context = createContextParameters({ features: 127 });
  functions.ucp_init_version(1, 13, context.bytes, config, cell.bytes);
  functions.ucp_config_release(config);
  const opened = cell.object;
  const worker = createWorkerParameters({ threadMode: 0 });
  if (functions.ucp_worker_create(opened, worker.bytes, cell.bytes) === 0) {
    functions.ucp_worker_destroy(cell.object);
  } else {
    refused.push("worker");
  }
  functions.ucp_cleanup(opened);
  return refused;
}

if (request.loadFirst === true) {
  libc.dlopen(cString("libucp.so.0"), RTLD_LAZY);
}
Object.assign(process.env, request.set);
const handlers = readHandlers();
const code = readCode();
const { settings, version } = openUcp(request.options);
const refused = (request.modify ?? [{}]).flatMap(createAndDestroy);
const keys = listConfigKeys();
console.log(
  JSON.stringify({
    version: version.text,
    changedSignals: readHandlers().flatMap((handler, signal) =>
      handler === handlers[signal] ? [] : [signal],
    ),
    isPatched: readCode() !== code,
    settings,
    refused,
    environment: Object.fromEntries(
      settings.map(({ name }) => [name, readCEnvironment(name)]),
    ),
    keys: Object.fromEntries(
      [...keys.values()].map(({ name, value }) => [name, value]),
    ),
    trap: request.trap === true ? trapInWebAssembly() : "",
  }),
);
