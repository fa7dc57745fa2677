/** Sizes in the form that each runtime passes fastest. */
import { runtimeName, sizeAt } from "../../../ffi/host.ts";

const tableSize = 4097;

/** Numbers in Bun; in Deno bigints, of which short ones and the last long one are kept, since making one costs more than the call. */
export class NativeSizes {
  readonly #table: (bigint | number)[] | undefined;
  #last = 0;
  #lastSize: number | bigint = sizeAt(0);

  constructor() {
    if (runtimeName() !== "bun")
      this.#table = Array.from({ length: tableSize }, (_, size) =>
        sizeAt(size),
      );
  }

  at(sizeBytes: number): number | bigint {
    const table = this.#table;
    if (table === undefined) return sizeBytes;
    if (sizeBytes < tableSize) return table[sizeBytes] as bigint;
    if (sizeBytes !== this.#last) {
      this.#last = sizeBytes;
      this.#lastSize = sizeAt(sizeBytes);
    }
    return this.#lastSize;
  }
}
