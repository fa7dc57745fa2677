/** What the runtimes do not tell about a terminal: its width at this moment, and whether it takes bytes. */
import { type NativeFunctions, openLibrary, type SymbolTable } from "./host.ts";

const libcSymbols = {
  // int ioctl(int fd, unsigned long request, ...);
  ioctl: { parameters: ["i32", "usize", "bytes"], result: "i32" },
  // int poll(struct pollfd *fds, nfds_t nfds, int timeout);
  poll: { parameters: ["bytes", "usize", "i32"], result: "i32" },
} as const satisfies SymbolTable;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary("libc.so.6", libcSymbols);
  return opened;
}

const TIOCGWINSZ = 0x5413;
const POLLOUT = 4;

/** Columns of a terminal; undefined when it does not say. */
export function terminalColumns(descriptor: number): number | undefined {
  // struct winsize { unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel; }
  const size = new Uint16Array(4);
  if (libc().ioctl(descriptor, TIOCGWINSZ, size) !== 0) return undefined;
  return size[1] === 0 ? undefined : size[1];
}

/** Whether a write would be taken at once. */
export function canWrite(descriptor: number): boolean {
  // struct pollfd { int fd; short events, revents; }
  const words = new Int16Array(4);
  new Int32Array(words.buffer)[0] = descriptor;
  words[2] = POLLOUT;
  return libc().poll(words, 1, 0) === 1 && (words[3] ?? 0) === POLLOUT;
}
