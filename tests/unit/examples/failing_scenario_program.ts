/** A scenario that goes wrong after it has made a queue and a process: `failing_scenario_program.ts check|throw|hang`. */
import process from "node:process";
import { runScenario } from "../../../examples/running/scenario.ts";

const how = process.argv[2];
await runScenario("Failing", async (scenario) => {
  const queue = scenario.createQueue("jobs");
  queue.send("a job that nobody does");
  scenario.children.start(["sleep", "600"]);
  console.log("begun");
  if (how === "throw") throw new Error("something else went wrong");
  if (how === "hang") await Promise.withResolvers<void>().promise;
  scenario.checkEqual("jobs done", 0, 1);
});
