/** The collector, asked for explicitly. */

/** Collects what nobody holds; undefined where a program may not ask (Deno without --v8-flags=--expose-gc). */
export function collector(): (() => void) | undefined {
  const { Bun: bun, gc } = globalThis as {
    Bun?: { gc(force: boolean): void };
    gc?: () => void;
  };
  // V8's own takes an argument for something else.
  return bun === undefined ? gc && (() => gc()) : () => bun.gc(true);
}

/** Collects until `done`, at most 3 s; whether it was done. False too where nobody can collect. */
export async function collectUntil(done: () => boolean): Promise<boolean> {
  const collect = collector();
  const endMs = performance.now() + 3000;
  while (!done()) {
    if (collect === undefined || performance.now() > endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
  }
  return true;
}
