import { deepEqual, equal, rejects } from "node:assert/strict";
import { type ImportedAuthority, UniqueIdTaken } from "../../certificate-authorities/authority-store.js";
import type { StorageCase } from "./storage-case.js";

const authority = (commonName: string, uniqueId: bigint, config = 1): ImportedAuthority => ({
  commonName,
  uniqueId,
  config: Uint8Array.of(config, 0, 255),
  files: { "ca.pem": `# ${commonName}` },
});
const [a, b] = [authority("A", 1n), authority("B", -7n)];

export const authorityCases: readonly StorageCase[] = [
  {
    name: "authorities: begins empty, and gives back what it got",
    run: async ({ authorities }) => {
      deepEqual(await authorities.list(), []);
      await authorities.replaceAll([a], "r1");
      const [{ config, ...rest } = { config: new Uint8Array() }] = await authorities.list();
      deepEqual([...config], [1, 0, 255]);
      deepEqual(rest, {
        commonName: "A",
        files: { "ca.pem": "# A" },
        addedRevision: "r1",
        updatedRevision: "r1",
        removedRevision: "",
      });
    },
  },
  {
    name: "authorities: notes when a CA came, changed, went and came back",
    run: async ({ authorities }) => {
      const revisions = async () =>
        (await authorities.list()).map((ca) => [
          ca.commonName,
          ca.addedRevision,
          ca.updatedRevision,
          ca.removedRevision,
        ]);
      await authorities.replaceAll([a], "r1");
      await authorities.replaceAll([a, b], "r2");
      deepEqual(await revisions(), [
        ["A", "r1", "r1", ""],
        ["B", "r2", "r2", ""],
      ]);
      await authorities.replaceAll([authority("A", 1n, 2)], "r3");
      deepEqual(await revisions(), [
        ["A", "r1", "r3", ""],
        ["B", "r2", "r2", "r3"],
      ]);
      await authorities.replaceAll([], "r4");
      deepEqual(await revisions(), [
        ["A", "r1", "r3", "r4"],
        ["B", "r2", "r2", "r3"],
      ]);
      await authorities.replaceAll([b], "r5");
      deepEqual(await revisions(), [
        ["A", "r1", "r3", "r4"],
        ["B", "r2", "r5", ""],
      ]);
    },
  },
  {
    name: "authorities: an id belongs to a CA for ever, also when the CA is gone",
    run: async ({ authorities }) => {
      await authorities.replaceAll([a, b], "r1");
      await authorities.replaceAll([], "r2");
      await rejects(authorities.replaceAll([authority("C", 9n), authority("D", 1n)], "r3"), UniqueIdTaken);
      deepEqual(
        await authorities.owners(),
        new Map([
          [1n, "A"],
          [-7n, "B"],
        ]),
      );
      equal(
        (await authorities.list()).some(({ commonName }) => commonName === "C"),
        false,
      );
      await authorities.replaceAll([authority("A", 2n)], "r4");
      await rejects(authorities.replaceAll([authority("C", 1n)], "r5"), UniqueIdTaken);
    },
  },
  {
    name: "authorities: keeps ids of 64 bits exactly",
    run: async ({ authorities }) => {
      const ids = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n];
      await authorities.replaceAll(
        ids.map((id) => authority(`CA ${id}`, id)),
        "r1",
      );
      deepEqual(new Set((await authorities.owners()).keys()), new Set(ids));
    },
  },
  {
    name: "authorities: of imports at once each is whole",
    run: async ({ authorities }) => {
      const imports = Array.from({ length: 6 }, (_, index) =>
        authorities.replaceAll(
          [authority("A", 1n, index), authority(`Only ${index}`, BigInt(index + 10))],
          `r${index}`,
        ),
      );
      await Promise.allSettled(imports);
      const present = (await authorities.list()).filter(({ removedRevision }) => removedRevision === "");
      equal(present.length, 2);
    },
  },
];
