/** The answering side of request_reply.ts. A queue object belongs to its thread, so the Worker connects for itself. */
import { CrossProcessQueue, Message } from "ringwire";

interface Question {
  readonly add: readonly number[];
}

/** What a dedicated Worker's global object offers here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<string>) => void) | null;
  postMessage(message: string): void;
}

const scope = globalThis as unknown as WorkerScope;

async function answerQuestions(name: string): Promise<void> {
  using queue = CrossProcessQueue.connect<Question>(name, {
    participantName: "answers",
  });
  for await (const job of queue.consume()) {
    const { add } = job.json();
    // Sends the reply to whoever asked, then acknowledges the request.
    job.reply(Message.json({ sum: add.reduce((a, b) => a + b, 0) }));
  }
}

scope.onmessage = ({ data }) => {
  void answerQuestions(data).then(() => scope.postMessage("done"));
};
