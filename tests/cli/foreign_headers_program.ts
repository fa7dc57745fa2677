/** Sends a message with headers that are no JSON, as a program in another language may, and then a good one. */
import process from "node:process";
import { CrossProcessQueue } from "../../src/queue/mod.ts";

const [name = ""] = process.argv.slice(2);

using queue = CrossProcessQueue.create(name);
const { stringify } = JSON;
JSON.stringify = () => "no JSON";
queue.send("bad", { headers: { any: "thing" } });
JSON.stringify = stringify;
queue.send("good");
