// pnpm simulate [--machines N] [--mints-per-second N] [--json]: a fleet of tokend daemons, and servers that mint so many
// tokens a second, under a virtual clock. The refreshing, its splay and its backoff are the code that tokend runs.
import { parseArgs } from "node:util";
import { playFleet, summary } from "./fleet-model.mjs";

const { values } = parseArgs({
  options: {
    machines: { type: "string", default: "1000000" },
    "mints-per-second": { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const machines = Number(values.machines);
/** What capacity.md plans for: 6.5 times the mean, so that a herd is through in minutes. */
const mintsPerSecond = Number(values["mints-per-second"] ?? Math.ceil(machines / 250));
const HOUR = 3600;
const MINUTE = 60;
const fleet = { machines, mintsPerSecond, lifetimeSeconds: HOUR };
const scenarios = {
  "three hours of peace": { seconds: 3 * HOUR },
  "an outage of 30 minutes": { seconds: 3 * HOUR, outage: { from: HOUR, until: HOUR + 30 * MINUTE } },
  "an outage of 20 minutes": { seconds: 3 * HOUR, outage: { from: HOUR, until: HOUR + 20 * MINUTE } },
  "all imaged anew within 10 minutes": { seconds: 3 * HOUR, reimage: { from: HOUR, until: HOUR + 10 * MINUTE } },
};

if (!values.json) {
  console.log(
    `${machines.toLocaleString("en")} machines, tokens of an hour, servers for ${mintsPerSecond.toLocaleString("en")} mints/s`,
  );
}
for (const [name, scenario] of Object.entries(scenarios)) {
  const result = summary(playFleet({ ...fleet, ...scenario }));
  if (values.json) {
    console.log(JSON.stringify({ scenario: name, machines, mintsPerSecond, ...result }));
    continue;
  }
  const { meanMints, peakMints, peakAttempts, shareWithout, longestWithoutSeconds } = result;
  console.log(`\n${name}
  mints/s        mean ${meanMints.toFixed(0)}, peak ${peakMints} (${(peakMints / meanMints).toFixed(2)} × mean); attempts/s at most ${peakAttempts}
  without token  ${(shareWithout * 100).toFixed(3)} % of machines at some time, ${longestWithoutSeconds.toFixed(0)} s at the longest`);
}
