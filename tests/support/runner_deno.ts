import type { Body, Runner } from "./runner.ts";

export { expect } from "./expect_assert.ts";

/** The part of `Deno.test` used here. Declared by hand because Bun's checker has no Deno types. */
interface DenoTest {
  (definition: {
    name: string;
    fn: Body;
    sanitizeOps: boolean;
    sanitizeResources: boolean;
  }): void;
  afterAll(body: Body): void;
}

interface Group {
  readonly name: string;
  readonly parent: Group | undefined;
  readonly beforeEach: Body[];
  readonly afterEach: Body[];
  readonly beforeAll: Body[];
  readonly afterAll: Body[];
  /** Tests in this group and below that have not ended yet. */
  waiting: number;
  begun: boolean;
  ended: boolean;
}

function createGroup(name: string, parent: Group | undefined): Group {
  return {
    name,
    parent,
    beforeEach: [],
    afterEach: [],
    beforeAll: [],
    afterAll: [],
    waiting: 0,
    begun: false,
    ended: false,
  };
}

const denoTest = (globalThis as unknown as { Deno: { test: DenoTest } }).Deno
  .test;
const groups: Group[] = [];
const file = createGroup("", undefined);
groups.push(file);
let current = file;

/** From the outermost group to the given one. */
function lineage(group: Group): Group[] {
  return group.parent === undefined
    ? [group]
    : [...lineage(group.parent), group];
}

async function within(name: string, body: Body, timeoutMs: number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${name} timed out after ${timeoutMs} ms`)),
      timeoutMs,
    );
  });
  try {
    await Promise.race([body(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function begin(group: Group): Promise<void> {
  if (group.begun) return;
  group.begun = true;
  for (const hook of group.beforeAll) await hook();
}

async function end(group: Group): Promise<void> {
  if (!group.begun || group.ended) return;
  group.ended = true;
  for (const hook of group.afterAll) await hook();
}

/** Runs every step, then throws the first error: clean-up must not stop half-way. */
async function runAll(steps: readonly Body[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

async function runTest(group: Group, body: Body): Promise<void> {
  const outerFirst = lineage(group);
  const innerFirst = [...outerFirst].reverse();
  await runAll([
    async () => {
      for (const each of outerFirst) await begin(each);
      for (const each of outerFirst) {
        for (const hook of each.beforeEach) await hook();
      }
      await body();
    },
    ...innerFirst.flatMap((each) => each.afterEach),
    ...innerFirst.map((each) => async () => {
      each.waiting -= 1;
      if (each.waiting === 0) await end(each);
    }),
  ]);
}

// With --filter a group's last test may never run, and so neither would its afterAll.
denoTest.afterAll(async () => {
  await runAll([...groups].reverse().map((group) => () => end(group)));
});

export const runner: Runner = {
  describe(name, body) {
    const outer = current;
    current = createGroup(name, outer);
    groups.push(current);
    try {
      body();
    } finally {
      current = outer;
    }
  },

  test(name, body, timeoutMs) {
    const group = current;
    const path = lineage(group).slice(1);
    const fullName = [...path.map((each) => each.name), name].join(" > ");
    for (const each of lineage(group)) each.waiting += 1;
    denoTest({
      name: fullName,
      fn: () => runTest(group, () => within(name, body, timeoutMs)),
      // beforeAll may open what a later test closes.
      sanitizeOps: false,
      sanitizeResources: false,
    });
  },

  beforeEach(body) {
    current.beforeEach.push(body);
  },
  afterEach(body) {
    current.afterEach.push(body);
  },
  beforeAll(body) {
    current.beforeAll.push(body);
  },
  afterAll(body) {
    current.afterAll.push(body);
  },
};
