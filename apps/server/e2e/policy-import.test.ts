import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningServer, runTokens, startServer } from "./programs.js";

let folder: string;
const servers: RunningServer[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "policy-import-"));
  mkdirSync(join(folder, "config"));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

const groups = (text: string) => writeFileSync(join(folder, "config/groups.cfg"), text);
async function start(): Promise<RunningServer> {
  const server = await startServer(["--config", join(folder, "config"), "--data", join(folder, "data")]);
  servers.push(server);
  return server;
}
const importTo = ({ admin }: RunningServer, ...more: string[]) =>
  runTokens(["policy", "import", "--server", admin, ...more]);

describe("tokens policy import", () => {
  it("puts all files into force and says what changed", async () => {
    groups('groups { name: "a" }');
    const server = await start();
    expect((await importTo(server)).stdout).toMatch(/^unchanged: [0-9a-f]{40}\n$/);
    groups('groups { name: "a" members: "user:x@example.com" globs: "bot:*example.com" }');
    const { code, stdout } = await importTo(server);
    expect(code).toBe(0);
    expect(stdout.split("\n").slice(0, 3)).toEqual([
      expect.stringMatching(/^warning: groups\.cfg:1:50: "bot:\*example\.com" also matches/),
      'groups.groups["a"].globs: + "bot:*example.com"',
      'groups.groups["a"].members: + "user:x@example.com"',
    ]);
    await expect.poll(() => server.log()).toContain("policy imported");
  });

  it("puts nothing into force that has an error, and names it", async () => {
    groups('groups { name: "a" }');
    const server = await start();
    const { stdout: before } = await importTo(server, "--json");
    groups('groups { name: "a" nested: "b" }');
    const { code, stderr } = await importTo(server);
    expect(code).toBe(1);
    expect(stderr).toContain('groups.cfg:1:20: there is no group "b"');
    groups('groups { name: "a" }');
    expect((await importTo(server, "--json")).stdout).toBe(before);
  });

  it("cannot tell when there is no server", async () => {
    const { code, stdout } = await runTokens(["policy", "import", "--server", `unix:${join(folder, "none")}`]);
    expect([code, stdout]).toEqual([3, ""]);
  });
});

describe("a server that starts with bad files", () => {
  it("does not start the first time", async () => {
    groups('groups { name: "A" }');
    await expect(start()).rejects.toThrow(/ended with 2:[\s\S]*groups\.cfg:1:10: "A" is not a group name/);
  });

  it("goes on with the policy before, and says so", async () => {
    groups('groups { name: "a" }');
    await (await start()).stop();
    groups('groups { name: "A" }');
    const server = await start();
    await expect.poll(() => server.log()).toContain("the policy before stays in force");
    expect((await importTo(server)).code).toBe(1);
  });
});
