import { openShim } from "../../ffi/shm/symbols.ts";

/** The ABI of the native library that the executable carries, for `--version -o json`; opens it. */
export function shimVersion(): Readonly<Record<string, string>> {
  const abi = openShim().rwq_abi_version();
  return { shim_abi: `${abi >>> 16}.${abi & 0xffff}` };
}
