import { once } from "node:events";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { parseTokenFile } from "@tokens/client/token-file";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Machine, makeMachine } from "../test/machine.js";
import { type MinterStandIn, startMinter } from "../test/minter-stand-in.js";
import { runAgent, type RunningAgent, startAgent } from "./agent.js";

let minter: MinterStandIn;
let machine: Machine;
const agents: RunningAgent[] = [];
beforeEach(async () => {
  minter = await startMinter();
  machine = await makeMachine(`127.0.0.1:${minter.port}`);
});
afterEach(async () => {
  for (const { child, ended } of agents.splice(0)) {
    child.kill("SIGKILL");
    await ended;
  }
  minter.close();
  machine.remove();
});

function start(...more: string[]): RunningAgent {
  const agent = startAgent(["run", ...machine.flags("-health-listen", `unix:${machine.file("health.sock")}`, ...more)]);
  agents.push(agent);
  return agent;
}

async function ask(path: string): Promise<{ status: number | undefined; body: string }> {
  const request = get({ socketPath: machine.file("health.sock"), path, agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, body };
}
const readiness = () =>
  ask("/readyz").then(
    ({ status }) => status,
    () => "no answer",
  );
const token = () =>
  existsSync(machine.file("token.json"))
    ? parseTokenFile(readFileSync(machine.file("token.json"), "utf8")).luci_machine_token
    : undefined;

describe("tokend run", () => {
  it("gets a token, is ready, and ends with 0 when it is told to", async () => {
    const agent = start("-metrics-file", machine.file("metrics.prom"));
    await expect.poll(readiness).toBe(200);
    expect(token()).toBe("token-1");
    expect(JSON.parse((await ask("/token")).body)).toMatchObject({ token: "token-1" });
    expect((await ask("/metrics")).body).toContain("\ntokend_token_usable 1\n");
    await expect.poll(() => existsSync(machine.file("metrics.prom"))).toBe(true);
    expect(statSync(machine.file("metrics.prom")).mode & 0o777).toBe(0o600);
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0 });
    expect(existsSync(machine.file("health.sock"))).toBe(false);
  });

  it("looks at once with SIGHUP: a renewed key gets a new token", async () => {
    const agent = start();
    await expect.poll(token).toBe("token-1");
    const other = await makeMachine("unused");
    for (const name of ["key.pem", "cert.pem"]) writeFileSync(machine.file(name), readFileSync(other.file(name)));
    other.remove();
    agent.child.kill("SIGHUP");
    await expect.poll(token).toBe("token-2");
  });

  it("waits for a server that is down, and tries again by itself", async () => {
    minter.behaviour = "unavailable";
    const agent = start();
    await agent.logs("down");
    expect(await readiness()).toBe(503);
    minter.behaviour = "mint";
    await expect.poll(readiness).toBe(200);
    expect(minter.calls).toBeGreaterThan(1);
  });

  it("serves its token while the server is down, and writes a lost file again when it is back", async () => {
    const agent = start();
    await expect.poll(readiness).toBe(200);
    minter.behaviour = "unavailable";
    rmSync(machine.file("token.json"));
    agent.child.kill("SIGHUP");
    await agent.logs("down");
    expect([await readiness(), JSON.parse((await ask("/token")).body)]).toMatchObject([200, { token: "token-1" }]);
    minter.behaviour = "mint";
    agent.child.kill("SIGHUP");
    await expect.poll(token).toMatch(/^token-\d+$/);
  });

  it("runs a command after each renewal, without the token in its environment", async () => {
    start("-renew-command", `env > ${machine.file("env.new")} && mv ${machine.file("env.new")} ${machine.file("env")}`);
    await expect.poll(() => existsSync(machine.file("env"))).toBe(true);
    const environment = readFileSync(machine.file("env"), "utf8");
    expect(environment).toContain(`TOKEND_TOKEN_FILE=${machine.file("token.json")}`);
    expect(environment).not.toContain("token-1");
  });

  it("stops in the middle of a call that hangs", async () => {
    minter.behaviour = "hang";
    const agent = start();
    await agent.logs("] RPC ");
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0 });
  });
});

describe("the other subcommands", () => {
  it("doctor says that all is well, and print prints the token", async () => {
    expect(await runAgent(["doctor", ...machine.flags()])).toMatchObject({ code: 0, stderr: "" });
    expect(await runAgent(["print", "-token-file", machine.file("token.json")])).toMatchObject({ code: 1, stdout: "" });
    await runAgent(machine.flags());
    expect(await runAgent(["print", "-token-file", machine.file("token.json")])).toMatchObject({
      code: 0,
      // The first one was the doctor's, and thrown away.
      stdout: "token-2\n",
    });
  });

  it.each([["run"], ["doctor"], ["print"]])(
    "%s has a help text, and refuses what it does not know with 2",
    async (name) => {
      expect(await runAgent([name, "--help"])).toMatchObject({
        code: 0,
        stderr: expect.stringContaining(`tokend ${name}`) as string,
      });
      expect(await runAgent([name, "-no-such-flag"])).toMatchObject({ code: 2 });
    },
  );

  it("is one only as the first argument", async () => {
    expect(await runAgent([...machine.flags(), "run"])).toMatchObject({ code: 0 });
    expect(token()).toBe("token-1");
  });
});
