/** The other side of the tests beside it: one role per start, named by the first parameter. */
import process from "node:process";
import { CrossProcessQueue, Message } from "../../../src/queue/mod.ts";

const [role = "", name = "", parameter = ""] = process.argv.slice(2);

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

const roles: Readonly<Record<string, () => Promise<void>>> = {
  /** Sends so many numbered messages, some in batches, waiting for room; then ends the stream. */
  async produce() {
    using queue = CrossProcessQueue.connect(name);
    const count = Number(parameter);
    for (let index = 0; index < count;) {
      if (index % 100 === 50) {
        const batch = Array.from(
          { length: Math.min(20, count - index) },
          (_, offset) => JSON.stringify({ index: index + offset }),
        );
        index += queue.sendMany(batch);
      }
      if (index >= count) break;
      await queue.sendWait(Message.json({ index }), { timeoutMs: 20_000 });
      index++;
    }
    queue.end();
    say("sent");
  },

  /** Takes jobs until the stream ends; says what came. */
  async consume() {
    using queue = CrossProcessQueue.connect<{ index: number }>(name);
    say("ready");
    let count = 0;
    let sum = 0;
    let ordered = true;
    let last = -1;
    for await (const job of queue.consume({ prefetch: 8 })) {
      const { index } = job.value();
      count++;
      sum += index;
      ordered &&= index > last;
      last = index;
      job.ack();
    }
    say({ count, sum, ordered });
  },

  /** Replies to requests until the stream ends. */
  async reply() {
    using queue = CrossProcessQueue.connect(name);
    say("ready");
    for await (const job of queue.consume()) job.reply(`re: ${job.text()}`);
    say("done");
  },

  /** Makes one request and leaves without closing anything. */
  async request() {
    const queue = CrossProcessQueue.connect(name);
    const reply = await queue.request(parameter, { timeoutMs: 10_000 });
    say(reply.text());
  },

  /** Takes a job and keeps it. */
  async hold() {
    const queue = CrossProcessQueue.connect(name);
    const job = await queue.reserve({ timeoutMs: 10_000 });
    job?.keepAlive();
    say(job?.text());
    await queue.receive();
  },

  /** Takes so many jobs, alone, counts an attempt at each, and keeps them. */
  async hoard() {
    const queue = CrossProcessQueue.connect(name, { exclusive: true });
    const texts: string[] = [];
    for (let count = Number(parameter); count > 0; count--) {
      const job = await queue.reserve({ timeoutMs: 10_000 });
      job?.keepAlive();
      job?.countAttempt();
      texts.push(job?.text() ?? "");
    }
    say(texts);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    queue.close();
  },

  /** Waits in every way there is and leaves without closing anything: nothing of it may keep the process alive. */
  async leave() {
    const queue = CrossProcessQueue.connect(name);
    await queue.receive({ timeoutMs: 20 });
    const stop = new AbortController();
    const aborted = queue
      .receive({ signal: stop.signal })
      .catch(() => undefined);
    stop.abort();
    await aborted;
    say("waited");
    const job = await queue.reserve({ timeoutMs: 10_000 });
    job?.keepAlive();
    void job?.signal.aborted;
    say("leaving");
  },
};

const run = roles[role];
if (run === undefined) throw new Error(`no role ${role}`);
await run();
