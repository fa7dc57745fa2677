import type { Bench } from "../bench.ts";

/** Always run: everything else is held against it. */
export const limits: Bench = {
  name: "limits",
  about:
    "what the machine can do: compare-and-swap, wake-ups, memcpy, a bare ring without leases (C)",
  async run(stage) {
    return [
      ...(await stage.startC("limits").samples()),
      ...(await stage.startC("bare_ring").samples()),
    ];
  },
};
