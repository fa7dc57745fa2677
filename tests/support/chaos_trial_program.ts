/** Runs the trial that its parameter describes as JSON, and says what came of it in the same way. */
import process from "node:process";
import { type ChaosTrial, runChaos } from "./chaos_trial.ts";

const [, , trial = "{}"] = process.argv;
console.log(JSON.stringify(await runChaos(JSON.parse(trial) as ChaosTrial)));
