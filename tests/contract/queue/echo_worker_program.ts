/** A Worker of the test beside it: connects for itself and answers each message, blocking its own thread only. */
import { CrossProcessQueue } from "../../../src/queue/mod.ts";

interface Assignment {
  readonly from: string;
  readonly to: string;
  /** Takes one job and keeps it. */
  readonly hold: boolean;
}

const scope = globalThis as unknown as {
  onmessage: (event: { readonly data: Assignment }) => void;
  postMessage(value: unknown): void;
};

scope.onmessage = ({ data: { from, to, hold } }) => {
  const source = CrossProcessQueue.connect(from);
  if (hold) {
    scope.postMessage(
      source.reserveSync(10_000, { leaseMs: 200 })?.text() ?? null,
    );
    return;
  }
  using target = CrossProcessQueue.connect(to);
  for (;;) {
    const message = source.receiveSync(10_000);
    if (message === null) break;
    target.sendSync(`echo ${message.text()}`, 10_000);
  }
  source.close();
  target.end();
  scope.postMessage("done");
};
