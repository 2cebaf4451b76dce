import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { groupNumber } from "./group.js";

it("finds groups by name and by number", () => {
  const folder = mkdtempSync(join(tmpdir(), "group-"));
  try {
    const database = join(folder, "group");
    writeFileSync(database, "root:x:0:\ntokens:x:4711:alice,bob\n");
    expect(["tokens", "root", "12"].map((group) => groupNumber(group, database))).toEqual([4711, 0, 12]);
    expect(() => groupNumber("token", database)).toThrow(/no group "token"; give its number/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
