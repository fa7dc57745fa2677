/**
 * Service communication: requests with deadlines and replies, two processes that share the load, errors, cancellation, and
 * a service that is killed in the middle of a request.
 *
 *     bun examples/services/main.ts
 *     deno run -A examples/services/main.ts
 */
import { CrossProcessQueue } from "ringwire";
import { describeTimes } from "../running/measured_times.ts";
import {
  type RunningProgram,
  runScenario,
  type Scenario,
  untilJoined,
} from "../running/scenario.ts";
import { nameOf, type Quote, QuoteClient } from "./quote_client.ts";

const requestsMin = 500;
const requestsAtATime = 20;
/** Generous: a deadline is for what went wrong. */
const timeoutMs = 20_000;

/** Reads a service's events until that one. */
async function event(
  service: RunningProgram,
  kind: string,
  label?: string,
): Promise<Record<string, unknown>> {
  for (;;) {
    const found = JSON.parse(await service.line()) as Record<string, unknown>;
    if (found.event === kind && found.label === label) return found;
  }
}

async function outcomeOf(asking: Promise<Quote>): Promise<string> {
  try {
    return `answered by ${(await asking).by}`;
  } catch (error) {
    return nameOf(error);
  }
}

/** Asks until all services have answered, and at least `requestsMin` times. */
async function shareTheLoad(
  scenario: Scenario,
  client: QuoteClient,
  services: number,
): Promise<void> {
  const timesMs: number[] = [];
  const answered = new Map<string, number>();
  const ask = async (count: number): Promise<void> => {
    const beganMs = performance.now();
    const { cents, by } = await client.ask(
      { kind: "quote", item: "bolt", count },
      { timeoutMs },
    );
    timesMs.push(performance.now() - beganMs);
    answered.set(by, (answered.get(by) ?? 0) + 1);
    scenario.check(
      `price of ${count} bolts: found ${cents}`,
      cents === 12 * count,
    );
  };
  const beganMs = performance.now();
  while (timesMs.length < requestsMin || answered.size < services)
    await Promise.all(
      Array.from({ length: requestsAtATime }, (_, index) => ask(index + 1)),
    );
  const rate = timesMs.length / ((performance.now() - beganMs) / 1000);
  const shares = [...answered].map(([name, count]) => `${name} ${count}`);
  scenario.report(
    "load shared",
    `${shares.sort().join(", ")}; ${Math.round(rate)} requests/s`,
  );
  scenario.report("round trip", describeTimes(timesMs));
}

/** A request whose service is killed is answered by the other one. */
async function killTheService(
  scenario: Scenario,
  client: QuoteClient,
  services: readonly RunningProgram[],
): Promise<RunningProgram> {
  const asking = client.ask(
    { kind: "report", label: "killed", takesMs: 0, hangsAtFirst: true },
    { timeoutMs },
  );
  const victim = await Promise.race(
    services.map(async (service) => {
      await event(service, "begun", "killed");
      return service;
    }),
  );
  const killedMs = performance.now();
  victim.kill("SIGKILL");
  const survivor = services.find((service) => service !== victim);
  if (survivor === undefined) throw new Error("there is no other service");
  const { by, attempt } = await asking;
  scenario.report(
    "killed in the middle",
    `answered by ${by} at delivery ${attempt}, ${(performance.now() - killedMs).toFixed(0)} ms after the kill`,
  );
  scenario.checkEqual("delivery of the repeated request", attempt, 2);
  return survivor;
}

await runScenario(
  "Services: quotes by request and reply, from two processes",
  async (scenario) => {
    const queue = scenario.createQueue("quotes", {
      leaseMs: 5000,
      maxMessages: 1024,
    });
    const program = new URL("./quote_service_program.ts", import.meta.url);
    const services = ["one", "two"].map((name) =>
      scenario.start(program, queue.name, name),
    );
    for (const service of services) await untilJoined(queue, service);
    scenario.report(
      "services",
      services.map(({ runtime }) => runtime).join(" and "),
    );
    using client = new QuoteClient(queue.name);
    await shareTheLoad(scenario, client, services.length);

    const unknown = await outcomeOf(
      client.ask({ kind: "quote", item: "gnu", count: 1 }, { timeoutMs }),
    );
    scenario.report("an unknown item", unknown);
    scenario.checkEqual("an unknown item", unknown, "QuoteError unknown-item");
    using stranger = CrossProcessQueue.connect(queue.name);
    const refused = await stranger.request("not JSON", { timeoutMs });
    scenario.report("a malformed request", refused.text().slice(0, 32));
    scenario.check("the malformed request", /bad-request/.test(refused.text()));

    const survivor = await killTheService(scenario, client, services);

    const late = await outcomeOf(
      client.ask(
        { kind: "report", label: "late", takesMs: 60_000 },
        { timeoutMs: 100 },
      ),
    );
    scenario.report("a deadline of 100 ms", late);
    scenario.checkEqual("a late report", late, "QueueTimeout");

    const cancel = new AbortController();
    const cancelled = outcomeOf(
      client.ask(
        { kind: "report", label: "cancelled", takesMs: 60_000 },
        { timeoutMs, signal: cancel.signal },
      ),
    );
    await event(survivor, "begun", "cancelled");
    const cancelledMs = performance.now();
    cancel.abort(new Error("no longer needed"));
    scenario.checkEqual(
      "a cancelled report",
      await cancelled,
      "no longer needed",
    );
    await event(survivor, "given-up", "cancelled");
    scenario.report(
      "cancellation",
      `its service stopped ${(performance.now() - cancelledMs).toFixed(0)} ms later`,
    );

    survivor.kill("SIGTERM");
    const { acked, lost } = await event(survivor, "ended");
    scenario.report("graceful stop", `${acked} acknowledged, ${lost} lost`);
    scenario.checkEqual("exit code of the service", await survivor.exited, 0);
    scenario.checkEqual("late replies", client.lateReplies, 0);
    scenario.checkEqual("left in the queue", queue.status().usage, 0);
  },
);
