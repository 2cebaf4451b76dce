import { fileURLToPath } from "node:url";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { expect, it } from "vitest";
import { runTokens } from "./programs.js";

interface Case {
  name: string;
  token: string;
  subtoken?: Record<string, unknown>;
  checks: { at: string; peer: string; service: string; verdict: string }[];
}

const vector = (path: string) => fileURLToPath(new URL(`../../../../shared/vectors/${path}`, import.meta.url));
/** Where ours is stricter, as the tests of @tokens/machine-auth explain. */
const stricter = ["subtoken-duration-max", "wire-unknown-field", "wire-reserved-1", "wire-subtoken-audience-more"];

describeWithVectors("tokens check-token --kind delegation", () => {
  const vectors = readJsonVector<{ certificates: string; groups: string; cases: Case[] }>("delegation/cases.json");
  const trust = vector(vectors.certificates);
  const groups = vector(vectors.groups);
  // A token a line: those with a line feed in them cannot be asked like this.
  const rows = vectors.cases
    .filter(({ token }) => !token.includes("\n"))
    .flatMap(({ checks, ...each }) => checks.map((check) => ({ ...each, ...check })));
  const situations = [...new Set(rows.map(({ at, peer, service }) => [at, peer, service].join(" ")))];

  it("gives LUCI's verdicts", async () => {
    const check = async (situation: string) => {
      const [at = "", peer = "", service = ""] = situation.split(" ");
      const asked = rows.filter((row) => row.at === at && row.peer === peer && row.service === service);
      const options = ["--trust", trust, "--kind", "delegation", "--groups", groups];
      const { stdout } = await runTokens(
        ["check-token", ...options, "--at", at, "--peer", peer, "--service", service, "-"],
        asked.map(({ token }) => `${token}\n`).join(""),
      );
      const answers = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(answers).toHaveLength(asked.length);
      for (const [index, { name, verdict, subtoken }] of asked.entries()) {
        const answer = answers[index];
        if (verdict === "accepted" && stricter.includes(name)) expect(answer).toMatchObject({ code: "MALFORMED" });
        else expect({ name, ok: answer?.["ok"] }).toEqual({ name, ok: verdict === "accepted" });
        if (answer?.["ok"] === true) expect(answer["body"]).toEqual(subtoken);
      }
    };
    expect(situations.length).toBeGreaterThan(0);
    await Promise.all(situations.map(check));
  });

  it("names whom the token delegates, and its exit code says no when one is refused", async () => {
    const [base] = vectors.cases;
    const options = [
      "--trust",
      trust,
      "--kind",
      "delegation",
      "--service",
      "service:files",
      "--at",
      "2026-06-01T12:01:00Z",
    ];
    const yes = await runTokens(["check-token", ...options, "--peer", "user:robot@example.com", base?.token ?? ""]);
    expect([yes.code, JSON.parse(yes.stdout)]).toEqual([
      0,
      expect.objectContaining({ ok: true, code: null, identity: "user:alice@example.com" }),
    ]);
    const no = await runTokens(["check-token", ...options, base?.token ?? ""]);
    expect([no.code, JSON.parse(no.stdout)]).toEqual([
      1,
      expect.objectContaining({ ok: false, code: "WRONG_AUDIENCE" }),
    ]);
  });
});
