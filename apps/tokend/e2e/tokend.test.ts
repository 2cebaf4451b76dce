import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector } from "shared-vectors";
import { listen, type LoopbackServer, oddServer, recordedServer } from "./token-servers.js";

interface Run {
  name: string;
  after?: string;
  before?: Record<string, string>;
  args: string[];
  server?: string;
  sigterm_after_ms?: number[];
  exit_code: number;
  status?: { started_ts: number; update_outcome?: string; update_reason?: string };
  token?: Record<string, string>;
  seconds_from_start?: Record<string, number>;
}

interface Outcome {
  folder: string;
  code: number | null;
  stderr: string;
  status: Record<string, unknown> | undefined;
}

const agent = fileURLToPath(new URL("../bin/tokend.js", import.meta.url));

/** Where our agent does something else than LUCI's, and why. */
const differences: Record<string, [outcome: string, reason: string, exitCode: number, why: string]> = {
  "token-empty-but-fresh": ["UPDATE_SUCCESS", "NEW_TOKEN", 0, "a file without a token is not a good token"],
  "expiry-past-next-update-ahead": ["UPDATE_SUCCESS", "TOKEN_EXPIRES", 0, "a token that is over is not a good token"],
  "key-pkcs8": ["UPDATE_SUCCESS", "NEW_TOKEN", 0, "PKCS#8 keys are taken"],
};

describeWithVectors("the runs of LUCI's agent", () => {
  const { cases, files } = readJsonVector<{ cases: Run[]; files: Record<string, string> }>("tokend/runs.json");
  const runs = new Map(cases.map((run) => [run.name, run]));
  const top = mkdtempSync(join(tmpdir(), "tokend-e2e-"));
  const odd = new Map<string, Promise<LoopbackServer>>();
  let good: LoopbackServer;
  /** A port on which nobody listens. */
  const nobody = 1;

  beforeAll(async () => {
    if (!existsSync(agent.replace("bin/tokend.js", "dist/tokend.cjs"))) throw new Error("build first: pnpm build");
    good = await listen(await recordedServer());
  });

  afterAll(async () => {
    good.close();
    for (const server of odd.values()) (await server).close();
    rmSync(top, { recursive: true, force: true });
  });

  const done = new Map<string, Promise<Outcome>>();
  /** Every run once, in a folder of its own, on top of what the run before it left. */
  function outcomeOf(name: string): Promise<Outcome> {
    const run = runs.get(name);
    if (!run) throw new Error(`no such run: ${name}`);
    const known = done.get(name) ?? execute(run);
    done.set(name, known);
    return known;
  }

  async function execute(run: Run): Promise<Outcome> {
    const folder = mkdtempSync(join(top, "run-"));
    if (run.after === undefined)
      for (const [to, from] of Object.entries(files)) writeFileSync(join(folder, to), readVector(from));
    else cpSync((await outcomeOf(run.after)).folder, folder, { recursive: true });
    rmSync(join(folder, "status.json"), { force: true });
    for (const [name, text] of Object.entries(run.before ?? {})) {
      writeFileSync(join(folder, name), name === "token.json" ? asOfNow(text, folder, run) : text);
    }
    return runAgent(run, folder);
  }

  /** A recorded token file with its times moved to now, and with our digest of the inputs where it had LUCI's. */
  function asOfNow(text: string, folder: string, run: Run): string {
    if (!text.startsWith("{")) return text;
    const recorded = JSON.parse(text) as Record<string, unknown>;
    const shift = Math.floor(Date.now() / 1000) - (run.status?.started_ts ?? 0);
    for (const [key, value] of Object.entries(recorded)) {
      const isTime = /^(expiry|last_?update|next_?update)$/i.test(key);
      if (isTime) recorded[key] = typeof value === "string" ? String(Number(value) + shift) : Number(value) + shift;
    }
    const state = decoded(recorded["tokend_state"]);
    if (state) {
      const ours = decoded(
        (JSON.parse(readFileSync(join(folder, "token.json"), "utf8")) as Record<string, unknown>)["tokend_state"],
      );
      const mended = { ...state, InputsDigest: ours?.["InputsDigest"] };
      recorded["tokend_state"] = Buffer.from(JSON.stringify(mended)).toString("base64");
    }
    return JSON.stringify(recorded);
  }

  function decoded(state: unknown): Record<string, unknown> | undefined {
    const text = Buffer.from(typeof state === "string" ? state : "", "base64").toString("utf8");
    return text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : undefined;
  }

  /** The recorded arguments. A run that does not end by its deadline gets one that a slow machine can keep. */
  function patient(run: Run): string[] {
    if (run.exit_code === 2 || run.status?.update_outcome === "GRPC_ERROR_4") return run.args;
    return run.args.map((each, index) => (run.args[index - 1] === "-timeout" ? "10m" : each));
  }

  /**
   * Sends signals so that the process gets all of them before it runs on. It is stopped meanwhile: else it could answer
   * the first and end before the second is sent. They differ, because two equal signals that wait count as one.
   */
  function interrupt(child: ChildProcess, signals: NodeJS.Signals[]): void {
    if (signals.length === 0) return;
    for (const signal of ["SIGSTOP", ...signals, "SIGCONT"] as const) child.kill(signal);
  }

  async function runAgent(run: Run, folder: string): Promise<Outcome> {
    if (run.server !== undefined && !odd.has(run.server)) odd.set(run.server, listen(oddServer(run.server)));
    const oddPort = run.server === undefined ? nobody : (await odd.get(run.server))?.port;
    const ports: Record<string, number | undefined> = { "18931": good.port, "18932": oddPort, "18933": nobody };
    const args = patient(run).map((each) => each.replace(/\b1893[123]\b/, (port) => String(ports[port])));
    const child = spawn(process.execPath, [agent, ...args], { cwd: folder });
    let stderr = "";
    const signals = (["SIGTERM", "SIGINT"] as const).slice(0, run.sigterm_after_ms?.length ?? 0);
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
      if (stderr.includes("] RPC ")) interrupt(child, signals.splice(0));
    });
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    const status = join(folder, "status.json");
    return {
      folder,
      code,
      stderr,
      status: existsSync(status) ? (JSON.parse(readFileSync(status, "utf8")) as Record<string, unknown>) : undefined,
    };
  }

  describe.concurrent("end as they did", { timeout: 300_000 }, () => {
    it.each(cases.map((run) => [run.name, run] as const))("%s", async (name, run) => {
      const { code, status, folder } = await outcomeOf(name);
      const [outcome, reason, exitCode] = differences[name] ?? [
        run.status?.update_outcome,
        run.status?.update_reason,
        run.exit_code,
      ];
      expect({ code, outcome: status?.["update_outcome"], reason: status?.["update_reason"] }).toEqual({
        code: exitCode,
        outcome,
        reason,
      });
      if (!run.token || name in differences) return;
      const token = JSON.parse(readFileSync(join(folder, "token.json"), "utf8")) as Record<string, string>;
      expect(Object.keys(token)).toEqual(Object.keys(run.token));
    });
  });

  it("leaves no file of its own behind, and nothing that others can read", async () => {
    const { folder } = await outcomeOf("with-copies");
    const names = readdirSync(folder).toSorted();
    expect(names).toEqual(["cert.pem", "copy-1.json", "copy-2.json", "pkey.pem", "status.json", "token.json"]);
    const written = names.filter((name) => name.endsWith(".json"));
    expect(written.map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual(written.map(() => 0o600));
  });

  it("never writes the token or the key to its log", async () => {
    const outcomes = await Promise.all(cases.map(({ name }) => outcomeOf(name)));
    const token = (
      JSON.parse(readFileSync(join((await outcomeOf("first-mint")).folder, "token.json"), "utf8")) as {
        luci_machine_token: string;
      }
    ).luci_machine_token;
    for (const { stderr, status } of outcomes) {
      const text = stderr + JSON.stringify(status ?? {});
      expect(text).not.toContain(token.slice(0, 40));
      expect(text).not.toContain(readVector("pki/keys/machine.key.pem").toString("utf8").slice(200, 230));
    }
  });
});
