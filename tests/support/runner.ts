/** What a runtime's test runner must offer. */
export interface Runner {
  describe(name: string, body: () => void): void;
  test(name: string, body: Body, timeoutMs: number): void;
  beforeEach(body: Body): void;
  afterEach(body: Body): void;
  beforeAll(body: Body): void;
  afterAll(body: Body): void;
}

/** A test or a hook. */
export type Body = () => void | Promise<void>;
