import { deepEqual, equal } from "node:assert/strict";
import type { StorageCase } from "./storage-case.js";

const revision = (name: string) => ({
  revision: name,
  files: { "tokenserver.cfg": `# ${name} é \u0000`, "certs/a.pem": "" },
  importedAtMs: 1_780_315_200_000,
});

export const policyCases: readonly StorageCase[] = [
  {
    name: "policies: nothing is in force before the first import",
    run: async ({ policies }) => equal(await policies.current(), undefined),
  },
  {
    name: "policies: the newest revision is in force, also when it is an old one again",
    run: async ({ policies }) => {
      for (const name of ["a", "b", "a"]) await policies.put(revision(name));
      deepEqual(await policies.current(), revision("a"));
    },
  },
  {
    name: "policies: keeps the time of the first import when the same comes again",
    run: async ({ policies }) => {
      await policies.put(revision("a"));
      await policies.put({ ...revision("a"), importedAtMs: 1_790_000_000_000 });
      equal((await policies.current())?.importedAtMs, 1_780_315_200_000);
    },
  },
  {
    name: "policies: takes hundreds of revisions",
    run: async ({ policies }) => {
      for (let index = 0; index < 120; index++) await policies.put(revision(`r${index}`));
      equal((await policies.current())?.revision, "r119");
    },
  },
];
