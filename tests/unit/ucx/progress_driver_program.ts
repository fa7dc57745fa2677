/**
 * Drives an idle source in the mode named first and does as told: `hold`, `release`, `notify`, `stop`, `pause` (50 ms,
 * which keep the process alive), `raise` (something arrives).
 */
import process from "node:process";
import { ProgressDriver } from "../../../src/ucx/progress.ts";
import type { ProgressOptions } from "../../../src/ucx/progress_options.ts";
import { FakeProgressSource } from "../../support/fake_progress_source.ts";

const [mode, ...steps] = process.argv.slice(2);
const source = new FakeProgressSource();
source.onArrival = () => console.log("arrived");
const driver = new ProgressDriver(source, console.error, {
  mode: mode as ProgressOptions["mode"],
});
driver.start();
for (const step of steps) {
  if (step === "hold") driver.hold();
  else if (step === "release") driver.release();
  else if (step === "notify") driver.notify();
  else if (step === "stop") driver.stop();
  else if (step === "raise") source.arrive();
  else await new Promise((resolve) => setTimeout(resolve, 50));
}
console.log("done");
